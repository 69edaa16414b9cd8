package flows_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// shop offers all of one kind to anybody.
func shop(names ...string) flows.Offer {
	h := flows.Holdings{Integration: "pg", Types: []flows.ResourceType{{ID: "database", Name: "Database", Permissions: []flows.Permission{{ID: "read", Name: "Read"}}}}}
	for i, n := range names {
		h.Resources = append(h.Resources, flows.Resource{Type: "database", ID: fmt.Sprintf("%05d", i), Name: n})
	}
	f := readFlow()
	f.Targets = []flows.Target{{Integration: "pg", ResourceType: "database", Permissions: []string{"read"}}}
	alice := person("alice", "developers")
	w := flows.NewWorld(flows.NewDirectory([]flows.Person{alice}, nil), flows.NewInventory([]flows.Holdings{h}), flows.NewCatalog(flows.Policy{Flows: []flows.Flow{f}}))
	p, err := w.People.ByEmail(alice.Email)
	if err != nil {
		panic(err)
	}
	return w.OfferTo(p, nil, noon)
}

func found(o flows.Offer, query string, limit int) (out []string) {
	for _, r := range o.Resources("pg", "database", query, limit) {
		out = append(out, r.Name)
	}
	return out
}

func TestSearchRanks(t *testing.T) {
	o := shop("border", "old-orders", "orders", "Order-archive", "reorder-old orders", "заказы", "старые заказы", "a%sb", "<!channel>", "x\x01orders")
	for _, tt := range []struct {
		query string
		limit int
		want  []string
	}{
		{"order", 0, []string{"Order-archive", "orders", "old-orders", "reorder-old orders", "border", "x\x01orders"}},
		{"order", 3, []string{"Order-archive", "orders", "old-orders"}},
		{"order", 5, []string{"Order-archive", "orders", "old-orders", "reorder-old orders", "border"}},
		{" ORDERS ", 0, []string{"orders", "old-orders", "reorder-old orders", "x\x01orders"}},
		{"заказ", 0, []string{"заказы", "старые заказы"}},
		{"%s", 0, []string{"a%sb"}},
		{"<!ch", 0, []string{"<!channel>"}},
		{"\x01orders", 0, nil},
		{"nothing", 0, nil},
	} {
		if diff := cmp.Diff(tt.want, found(o, tt.query, tt.limit)); diff != "" {
			t.Errorf("%q, %d (-want +got):\n%s", tt.query, tt.limit, diff)
		}
	}
}

// TestSearchIsTheSlowOne compares with a search that looks at every name.
func TestSearchIsTheSlowOne(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, 1+rnd.IntN(3))
		for i := range b {
			b[i] = "ab-"[rnd.IntN(3)]
		}
		return string(b)
	}
	for range 300 {
		var names []string
		for range 40 {
			names = append(names, word()+word()+word())
		}
		query, limit := strings.Trim(word(), " "), rnd.IntN(12)
		slices.Sort(names)
		var ranks [3][]string
		for _, n := range names {
			best := 3
			for i := range n {
				if !strings.HasPrefix(n[i:], query) {
					continue
				}
				rank := 2
				if i == 0 {
					rank = 0
				} else if c := rune(n[i-1]); !unicode.IsLetter(c) {
					rank = 1
				}
				best = min(best, rank)
			}
			if best < 3 {
				ranks[best] = append(ranks[best], n)
			}
		}
		want := slices.Concat(ranks[:]...)
		if limit > 0 {
			want = want[:min(len(want), limit)]
		}
		if diff := cmp.Diff(want, found(shop(names...), query, limit)); diff != "" {
			t.Fatalf("%q of %q, limit %d (-want +got):\n%s", query, names, limit, diff)
		}
	}
}
