package bolt_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store/storetest"
)

func TestFavorites(t *testing.T) {
	s := storetest.Open(t)
	at := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	favorite := func(i int) flows.Favorite {
		return flows.Favorite{ID: fmt.Sprintf("f%d", i), Name: fmt.Sprint("thing ", i), At: at.Add(time.Duration(i) * time.Minute), Choice: []byte(`{}`)}
	}
	names := func(email string) (out []string) {
		all, err := s.Favorites(email)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			out = append(out, f.ID)
		}
		return out
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		must(s.AddFavorite(t.Context(), "alice@example.com", favorite(i)))
	}
	must(s.AddFavorite(t.Context(), "ALICE@example.com", favorite(1)))
	must(s.AddFavorite(t.Context(), "alice@example.co", favorite(9)))
	if diff := cmp.Diff([]string{"f2", "f1", "f0"}, names("Alice@Example.com")); diff != "" {
		t.Errorf("the newest first, each once, and nobody else's (-want +got):\n%s", diff)
	}
	must(s.RemoveFavorite(t.Context(), "alice@example.com", "f1"))
	must(s.RemoveFavorite(t.Context(), "alice@example.com", "f1"))
	if diff := cmp.Diff([]string{"f2", "f0"}, names("alice@example.com")); diff != "" {
		t.Errorf("after one is removed (-want +got):\n%s", diff)
	}
	for i := 10; i < 10+flows.MaxFavorites-2; i++ {
		must(s.AddFavorite(t.Context(), "alice@example.com", favorite(i)))
	}
	must(s.AddFavorite(t.Context(), "alice@example.com", favorite(0))) // there already
	if err := s.AddFavorite(t.Context(), "alice@example.com", favorite(50)); flows.ErrorCode(err) != flows.CodeRefused {
		t.Errorf("one too many: %v", err)
	}
	if got := len(names("alice@example.com")); got != flows.MaxFavorites {
		t.Errorf("%d favorites, want %d", got, flows.MaxFavorites)
	}
}
