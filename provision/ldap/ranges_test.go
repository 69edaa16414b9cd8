package ldap_test

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/provision"
)

// ranged is what a server that answers in ranges has of one group: the name and the
// values of the attribute, asked from a place on, the round counted from 0. Without a
// name the entry lacks the attribute; gone: there is no entry.
type ranged func(low, round int) (name string, values []string, gone bool)

// member of a group.
func member(i int) string { return fmt.Sprintf("CN=P%d,OU=people,%s", i, suffix) }

func members(from, to int) (out []string) {
	for i := from; i < to; i++ {
		out = append(out, member(i))
	}
	return out
}

// inRanges answers as Active Directory does, at most size of what of tells for a round.
func inRanges(size int, of func(round int) []string) ranged {
	return func(low, round int) (string, []string, bool) {
		all := of(round)
		switch {
		case low >= len(all):
			return "", nil, false
		case low+size >= len(all):
			return fmt.Sprintf("member;range=%d-*", low), all[low:], false
		}
		return fmt.Sprintf("member;range=%d-%d", low, low+size-1), all[low : low+size], false
	}
}

// fakeAD speaks LDAP as far as the bot asks for it: one person, uid=last, who is the
// member last of the one group.
type fakeAD struct {
	last   int
	member ranged

	mu    sync.Mutex
	asked []string // attributes in ranges
}

// start listens until the test ends, and returns the URL.
func (f *fakeAD) start(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go f.serve(conn)
		}
	}()
	return "ldap://" + l.Addr().String()
}

// Operations of RFC 4511, section 4.
const (
	opBind, opBound, opSearch, opEntry, opDone = 0, 1, 3, 4, 5

	success, noSuchObject = 0, 32
)

func (f *fakeAD) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		p, err := ber.ReadPacket(conn)
		if err != nil || len(p.Children) < 2 {
			return
		}
		id, op := p.Children[0].Value.(int64), p.Children[1]
		send := func(answer *ber.Packet) {
			envelope := ber.NewSequence("")
			envelope.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
			envelope.AppendChild(answer)
			_, _ = conn.Write(envelope.Bytes())
		}
		switch op.Tag {
		case opBind:
			send(outcome(opBound, success))
		case opSearch:
			var attributes []string
			for _, a := range op.Children[7].Children {
				attributes = append(attributes, string(a.ByteValue))
			}
			entry, code := f.find(string(op.Children[0].ByteValue), attributes)
			if entry != nil {
				send(entry)
			}
			send(outcome(opDone, code))
		default:
			return
		}
	}
}

// find answers a search below a base or, in ranges, of one entry.
func (f *fakeAD) find(base string, attributes []string) (*ber.Packet, int) {
	group := "CN=big,ou=groups," + suffix
	if base == "ou=people,"+suffix {
		return entry(member(f.last), map[string][]string{"cn": {"Last"}, "mail": {"last@example.com"}}), success
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	low := 0
	if base == group {
		f.asked = append(f.asked, attributes...)
		from, _, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(attributes[0]), "member;range="), "-")
		low, _ = strconv.Atoi(from)
	}
	name, values, gone := f.member(low, len(f.asked))
	if gone {
		return nil, noSuchObject
	}
	has := map[string][]string{}
	if base != group {
		has["cn"], has["member"] = []string{"big"}, nil
	}
	if name != "" {
		has[name] = values
	}
	return entry(group, has), success
}

func entry(dn string, has map[string][]string) *ber.Packet {
	attributes := ber.NewSequence("")
	for name, values := range has {
		a, set := ber.NewSequence(""), ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		a.AppendChild(text(name))
		for _, v := range values {
			set.AppendChild(text(v))
		}
		a.AppendChild(set)
		attributes.AppendChild(a)
	}
	e := ber.Encode(ber.ClassApplication, ber.TypeConstructed, opEntry, nil, "")
	e.AppendChild(text(dn))
	e.AppendChild(attributes)
	return e
}

func outcome(op ber.Tag, code int) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, op, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(code), ""))
	p.AppendChild(text(""))
	p.AppendChild(text(""))
	return p
}

func text(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}

// questions are the attributes that were asked for in ranges.
func (f *fakeAD) questions() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

func (f *fakeAD) read(t *testing.T) ([]flows.Person, error) {
	t.Helper()
	c := connect(t, account(f.start(t), bot, "groups: {base: 'ou=groups,"+suffix+"'}"))
	all, _, err := c.(provision.Directory).People(t.Context())
	return all, err
}

// TestRanges: a group that the server answers in ranges is whole, also where somebody
// joins it at its end meanwhile.
func TestRanges(t *testing.T) {
	always := func(n int) func(int) []string { return func(int) []string { return members(0, n) } }
	ad := inRanges(1500, always(3500))
	for name, tt := range map[string]struct {
		last   int
		member ranged
		asked  []string
	}{
		"three ranges":           {3499, ad, []string{"member;range=1499-*", "member;range=2998-*"}},
		"the first of the next":  {1500, ad, []string{"member;range=1499-*", "member;range=2998-*"}},
		"one more than a range":  {1500, inRanges(1500, always(1501)), []string{"member;range=1499-*"}},
		"the last range is all":  {9, inRanges(10, always(10)), nil},
		"names in other letters": {3, capitals(inRanges(3, always(4))), []string{"Member;range=2-*"}},
		"joined meanwhile":       {11, inRanges(5, func(round int) []string { return members(0, 10+round) }), []string{"member;range=4-*", "member;range=8-*"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeAD{last: tt.last, member: tt.member}
			all, err := f.read(t)
			if err != nil {
				t.Fatal(err)
			}
			want := []flows.Person{{Email: "last@example.com", Name: "Last", Groups: []string{"big"}}}
			if diff := cmp.Diff(want, all); diff != "" {
				t.Errorf("people (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.asked, f.questions()); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

// capitals writes the attribute otherwise than it is asked for.
func capitals(r ranged) ranged {
	return func(low, round int) (string, []string, bool) {
		name, values, gone := r(low, round)
		return strings.NewReplacer("member", "Member", "range", "RANGE").Replace(name), values, gone
	}
}

// TestRangesThatAreNoWhole: half a group is an error, for now where it changed, and for
// good where the server does not keep to the ranges.
func TestRangesThatAreNoWhole(t *testing.T) {
	const changed, broken = "changed while it was read", "parts that do not make a whole"
	change := func(then []string) ranged {
		return inRanges(5, func(round int) []string {
			if round < 2 {
				return members(0, 20)
			}
			return then
		})
	}
	swapped := members(0, 20)
	swapped[2], swapped[12] = swapped[12], swapped[2] // 2 comes twice, 12 never
	odd := func(name string, values ...string) ranged {
		return func(low, round int) (string, []string, bool) {
			if round == 0 {
				return "member;range=0-4", members(0, 5), false
			}
			return name, values, false
		}
	}
	for name, tt := range map[string]struct {
		member  ranged
		kind    provision.Kind
		message string
		rounds  int
	}{
		"somebody before the border left":   {change(slices.Delete(members(0, 20), 2, 3)), provision.KindRetry, changed, 2},
		"somebody before the border joined": {change(append([]string{member(99)}, members(0, 20)...)), provision.KindRetry, changed, 2},
		"two changed places":                {change(swapped), provision.KindRetry, changed, 4},
		"most left":                         {change(members(0, 4)), provision.KindRetry, changed, 2},
		"the group went": {func(low, round int) (string, []string, bool) {
			return "member;range=0-4", members(0, 5), round > 0
		}, provision.KindRetry, changed, 1},
		"a gap":               {odd("member;range=5-*", members(5, 9)...), provision.KindRefused, broken, 1},
		"fewer than it says":  {odd("member;range=4-8", members(4, 7)...), provision.KindRefused, broken, 1},
		"no progress":         {odd("member;range=4-4", members(4, 5)...), provision.KindRefused, broken, 1},
		"no number":           {odd("member;range=4-many", members(4, 7)...), provision.KindRefused, broken, 1},
		"backwards":           {odd("member;range=4-2", members(4, 7)...), provision.KindRefused, broken, 1},
		"begins in the midst": {func(int, int) (string, []string, bool) { return "member;range=1-5", members(1, 6), false }, provision.KindRefused, broken, 0},
		"no end": {func(low, _ int) (string, []string, bool) {
			return fmt.Sprintf("member;range=%d-%d", low, low+1), members(low, low+2), false
		}, provision.KindRefused, broken, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeAD{member: tt.member}
			all, err := f.read(t)
			if err == nil || provision.KindOf(err) != tt.kind || !strings.Contains(provision.MessageOf(err), tt.message) {
				t.Errorf("%d people, %s: %v", len(all), provision.KindOf(err), err)
			}
			if asked := f.questions(); len(asked) != tt.rounds {
				t.Errorf("asked %d times, want %d: %q", len(asked), tt.rounds, asked[:min(len(asked), 9)])
			}
		})
	}
}
