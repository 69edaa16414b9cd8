package bolt

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// TestDecode_AgreesWithEncodingJSON: everything that the store keeps as JSON is read as
// encoding/json would read it, whatever is filled in.
func TestDecode_AgreesWithEncodingJSON(t *testing.T) {
	agree[flows.Request](t)
	agree[flows.AuditEvent](t)
	agree[flows.Post](t)
	agree[flows.Contact](t)
	agree[flows.Delegation](t)
	agree[flows.Drift](t)
	agree[flows.Favorite](t)
	agree[flows.ReportRun](t)
	agree[flows.SourceSnapshot](t)
	agree[delivery](t)
	agree[submitRow](t)
}

func agree[T any](t *testing.T) {
	t.Run(reflect.TypeFor[T]().String(), func(t *testing.T) {
		all := cmp.Exporter(func(reflect.Type) bool { return true })
		for seed := range uint64(300) {
			var v, want T
			random{rand.New(rand.NewPCG(seed, 1)), seed}.fill(t, reflect.ValueOf(&v).Elem(), 0)
			raw, err := encode(v)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
			got, err := decode[T]("thing", []byte("k"), raw)
			if err != nil {
				t.Fatalf("%v, of %s", err, raw)
			}
			if diff := cmp.Diff(want, got, all); diff != "" {
				t.Fatalf("seed %d: -encoding/json +decode\n%s\nof %s", seed, diff, raw)
			}
		}
	})
}

// Records of another version of the bot, and of none.
func TestDecode_Odd(t *testing.T) {
	for _, raw := range []string{
		`{}`, ` {"id":"AR-1"} `, `{"id":"AR-1","unknown":{"a":[1,2]},"seq":7}`, `{"groups":null,"asked":[],"ending":null}`,
		`{"id":"a","id":"b"}`, `{"id":"\ud800 \u2028 <&>"}`, "{\"id\":\"\xff\"}", `{"duration":3600000000000}`,
		`{"created_at":"2026-03-01T09:00:00.123456789+02:00"}`, `{"decisions":[{"by":{"email":"a"}},{"less":{}}]}`,
		``, `{`, `[]`, `null`, `{"id":7}`, `{"seq":-1}`, `{"duration":"1h"}`, `{"created_at":"yesterday"}`, `{} {}`, `{"id":"AR-1"`, `{"id":"AR-1"}x`,
	} {
		var want flows.Request
		wantErr := json.Unmarshal([]byte(raw), &want)
		got, err := decode[flows.Request]("request", []byte("k"), []byte(raw))
		if (err != nil) != (wantErr != nil) {
			t.Errorf("%q: err = %v; encoding/json says %v", raw, err, wantErr)
		}
		if diff := cmp.Diff(want, got); err == nil && diff != "" {
			t.Errorf("%q: -encoding/json +decode\n%s", raw, diff)
		}
	}
}

// random fills values. A seed of 0 fills everything; others leave things out.
type random struct {
	*rand.Rand
	seed uint64
}

func (r random) fill(t *testing.T, v reflect.Value, depth int) {
	if r.seed > 0 && r.IntN(4) == 0 || depth > 8 {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(r.Int64N(4e9), r.Int64N(1e9)).UTC()))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				r.fill(t, v.Field(i), depth+1)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.fill(t, v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(3), 3))
		for i := range v.Len() {
			r.fill(t, v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range r.IntN(3) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			r.fill(t, key, depth+1)
			r.fill(t, value, depth+1)
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		texts := []string{"", "alice@example.com", "Zoë <&> \u2028 \"x\"\\", "\x00\x1f\u007f", "\xff bad", "😀", "a/b c"}
		v.SetString(texts[r.IntN(len(texts))])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(r.Uint64()) >> (64 - v.Type().Bits()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uint64() >> (64 - v.Type().Bits()))
	case reflect.Float64:
		v.SetFloat(r.NormFloat64())
	default:
		t.Fatal(fmt.Sprint("nothing is known to fill a ", v.Type(), " with"))
	}
}
