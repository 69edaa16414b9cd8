package flows_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"apono/flows"
)

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return z
}

func frame(tb testing.TB, days, from, to, zoneName string) *flows.Timeframe {
	tb.Helper()
	f := &flows.Timeframe{TimeZone: zoneName, Zone: zone(tb, zoneName)}
	for i := 0; i < len(days); i += 3 {
		d, err := flows.ParseWeekday(days[i : i+3])
		if err != nil {
			tb.Fatal(err)
		}
		f.Days = append(f.Days, d)
	}
	for text, into := range map[string]*int{from: &f.From, to: &f.To} {
		n, err := flows.ParseClock(text)
		if err != nil {
			tb.Fatal(err)
		}
		*into = n
	}
	return f
}

// moment reads a time with the offset from UTC that the clock on the wall had.
func moment(tb testing.TB, s string) time.Time {
	tb.Helper()
	at, err := time.Parse("2006-01-02 15:04:05 -0700", s)
	if err != nil {
		tb.Fatal(err)
	}
	return at
}

// TestTimeframe: half-open windows, over midnight, and on both days on which the
// clocks change. In 2026 they go from 02:00 to 03:00 on 29 March and from 03:00
// back to 02:00 on 25 October in Berlin, both Sundays; in Havana the day itself
// begins at 01:00 on 8 March.
func TestTimeframe(t *testing.T) {
	const berlin = "Europe/Berlin"
	for _, tt := range []struct {
		name           string
		frame          *flows.Timeframe
		at             string
		open           bool
		next, sentence string
	}{
		{"a second before it opens", frame(t, "montuewedthufri", "08:00", "18:00", berlin), "2026-03-02 07:59:59 +0100", false, "2026-03-02 08:00:00 +0100", "Mon to Fri 08:00 to 18:00 (Europe/Berlin)"},
		{"it opens", frame(t, "mon", "08:00", "18:00", berlin), "2026-03-02 08:00:00 +0100", true, "", "Mon 08:00 to 18:00 (Europe/Berlin)"},
		{"the last second", frame(t, "mon", "08:00", "18:00", berlin), "2026-03-02 17:59:59 +0100", true, "", ""},
		{"it closes", frame(t, "mon", "08:00", "18:00", berlin), "2026-03-02 18:00:00 +0100", false, "2026-03-09 08:00:00 +0100", ""},
		{"in another zone", frame(t, "mon", "08:00", "18:00", berlin), "2026-03-02 07:30:00 +0000", true, "", ""},
		{"Friday evening", frame(t, "montuewedthufri", "08:00", "18:00", berlin), "2026-03-06 20:00:00 +0100", false, "2026-03-09 08:00:00 +0100", ""},
		{"the whole day", frame(t, "mon", "00:00", "24:00", berlin), "2026-03-02 23:59:59 +0100", true, "", "Mon 00:00 to 24:00 (Europe/Berlin)"},
		{"the whole day is over", frame(t, "mon", "00:00", "24:00", berlin), "2026-03-03 00:00:00 +0100", false, "2026-03-09 00:00:00 +0100", ""},
		{"over midnight, before", frame(t, "mon", "22:00", "06:00", berlin), "2026-03-02 23:00:00 +0100", true, "", ""},
		{"over midnight, after", frame(t, "mon", "22:00", "06:00", berlin), "2026-03-03 05:59:59 +0100", true, "", ""},
		{"over midnight, closed", frame(t, "mon", "22:00", "06:00", berlin), "2026-03-03 06:00:00 +0100", false, "2026-03-09 22:00:00 +0100", ""},
		{"over midnight, the morning of the first day", frame(t, "mon", "22:00", "06:00", berlin), "2026-03-02 05:00:00 +0100", false, "2026-03-02 22:00:00 +0100", ""},
		{"the hour that is left out", frame(t, "sun", "02:00", "03:00", berlin), "2026-03-29 03:00:00 +0200", false, "2026-04-05 02:00:00 +0200", ""},
		{"a window that begins in it", frame(t, "sun", "02:30", "04:00", berlin), "2026-03-29 01:59:59 +0100", false, "2026-03-29 03:00:00 +0200", ""},
		{"a window around it", frame(t, "sun", "01:00", "04:00", berlin), "2026-03-29 03:59:59 +0200", true, "", ""},
		{"the hour that comes twice, first", frame(t, "sun", "02:00", "03:00", berlin), "2026-10-25 02:30:00 +0200", true, "", ""},
		{"the hour that comes twice, again", frame(t, "sun", "02:00", "03:00", berlin), "2026-10-25 02:30:00 +0100", true, "", ""},
		{"between the two", frame(t, "sun", "02:00", "02:30", berlin), "2026-10-25 02:45:00 +0200", false, "2026-10-25 02:00:00 +0100", ""},
		{"after both", frame(t, "sun", "02:00", "03:00", berlin), "2026-10-25 03:00:00 +0100", false, "2026-11-01 02:00:00 +0100", ""},
		{"a day that begins at one", frame(t, "sun", "00:00", "24:00", "America/Havana"), "2026-03-08 04:59:59 +0000", false, "2026-03-08 01:00:00 -0400", ""},
		{"no days", &flows.Timeframe{From: 0, To: 60, Zone: time.UTC}, "2026-03-02 00:30:00 +0000", false, "never", ""},
		{"no time", &flows.Timeframe{Days: []time.Weekday{1}, From: 60, To: 60, Zone: time.UTC}, "2026-03-02 01:00:00 +0000", false, "never", ""},
		{"no zone", &flows.Timeframe{Days: []time.Weekday{1}, To: 60}, "2026-03-02 00:30:00 +0000", false, "never", ""},
	} {
		at := moment(t, tt.at)
		if got := tt.frame.Open(at); got != tt.open {
			t.Errorf("%s: open %t", tt.name, got)
		}
		next, ok := tt.frame.NextOpen(at)
		switch tt.next {
		case "never":
			if ok {
				t.Errorf("%s: opens at %s", tt.name, next)
			}
		case "":
			if !ok || !next.Equal(at) {
				t.Errorf("%s: open, and opens at %s", tt.name, next)
			}
		default:
			if want := moment(t, tt.next); !ok || !next.Equal(want) {
				t.Errorf("%s: opens at %s, want %s", tt.name, next, want)
			}
		}
		if got := tt.frame.String(); tt.sentence != "" && got != tt.sentence {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.sentence)
		}
	}
}

func TestParseClock(t *testing.T) {
	for text, want := range map[string]int{"00:00": 0, "08:05": 485, "23:59": 1439, "24:00": 1440} {
		if got, err := flows.ParseClock(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "8:00", "24:01", "25:00", "12:60", "12-00", "1200", "12:0x", "+1:00", "012:0"} {
		if got, err := flows.ParseClock(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// TestNextOpen_IsTheFirst: nothing between a moment and the next opening is open,
// anywhere in a year, changes of the clock included.
func TestNextOpen_IsTheFirst(t *testing.T) {
	zones := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kolkata"}
	rapid.Check(t, func(rt *rapid.T) {
		f := &flows.Timeframe{
			Days: rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) time.Weekday { return time.Weekday(rapid.IntRange(0, 6).Draw(t, "day")) }), 1, 7, func(d time.Weekday) time.Weekday { return d }).Draw(rt, "days"),
			From: rapid.IntRange(0, 95).Draw(rt, "from") * 15, To: rapid.IntRange(1, 96).Draw(rt, "to") * 15, Zone: zone(t, rapid.SampledFrom(zones).Draw(rt, "zone")),
		}
		if f.From == f.To {
			return
		}
		// Half of the moments are near a change of the clocks.
		base := rapid.SampledFrom([]string{"2026-03-08 00:00:00 +0000", "2026-03-28 12:00:00 +0000", "2026-10-24 20:00:00 +0000", "2026-06-01 00:00:00 +0000", "2026-04-04 00:00:00 +0000"}).Draw(rt, "base")
		at := moment(t, base).Add(time.Duration(rapid.IntRange(0, 3*24*60).Draw(rt, "minutes")) * time.Minute)
		next, ok := f.NextOpen(at)
		if !ok || !f.Open(next) || next.Before(at) {
			rt.Fatalf("%s at %s: opens %s, %t", f, at, next, ok)
		}
		for m := at; m.Before(next); m = m.Add(5 * time.Minute) {
			if f.Open(m) {
				rt.Fatalf("%s at %s: open at %s, said to open at %s", f, at, m, next)
			}
		}
	})
}

// TestFlowOutOfItsTime: what a flow offers is offered in its time only, and the
// refusal says when that is.
func TestFlowOutOfItsTime(t *testing.T) {
	w := newWorld()
	w.flow().Timeframe = frame(t, "montuewedthufri", "08:00", "18:00", "Europe/Berlin")
	now := w.now()
	q := ask(t, now, "alice", pgUnit("db-1", "read"))
	q.Justification = "x"
	if v := now.Evaluate(q); !v.Allowed() || now.OfferTo(q.Requestor, nil, q.Now).Empty() {
		t.Errorf("refused at noon on Monday: %+v", v.Problems())
	}
	q.Now = moment(t, "2026-03-07 10:00:00 +0100")
	v := now.Evaluate(q)
	if !now.OfferTo(q.Requestor, nil, q.Now).Empty() {
		t.Error("offered on Saturday")
	}
	want := "The access flow read is open Mon to Fri 08:00 to 18:00 (Europe/Berlin), next on Monday, 9 March at 08:00."
	if ps := v.Problems(); v.Allowed() || len(ps) != 1 || ps[0].Reason != want || ps[0].About != flows.AboutTime {
		t.Errorf("%+v, want %s", ps, want)
	}
	// Another flow that is open takes its place; of two that are closed the one that opens first is named.
	early := readFlow()
	early.Name, early.Timeframe = "weekend", frame(t, "sun", "08:00", "18:00", "Europe/Berlin")
	w.policy.Flows = append(w.policy.Flows, early)
	now = w.now()
	if ps := now.Evaluate(q).Problems(); len(ps) != 1 || ps[0].Reason != "The access flow weekend is open Sun 08:00 to 18:00 (Europe/Berlin), next on Sunday, 8 March at 08:00." {
		t.Errorf("%+v", ps)
	}
	q.Now = moment(t, "2026-03-08 10:00:00 +0100")
	if v := now.Evaluate(q); !v.Allowed() || !slices.Equal(parts(v), []string{"weekend: db-1"}) {
		t.Errorf("%v %+v", parts(v), v.Problems())
	}
	// The frame is judged when somebody asks, not when somebody approves.
	asked := noon
	w = newWorld()
	r := pendingRead(t, w)
	w.flow().Timeframe = frame(t, "sun", "08:00", "18:00", "UTC")
	now = w.now()
	r.FlowHash = now.Catalog.Flows()[0].Hash()
	if _, err := now.MayDecide(&r, who(t, now, "bob")); err != nil {
		t.Errorf("asked at %s, decided later: %v", asked, err)
	}
}

// TestOfferSaysWhenItIsOpen: what no flow offers at this moment is offered later, as far
// as the person could ask for it then; the flow that opens first is named.
func TestOfferSaysWhenItIsOpen(t *testing.T) {
	w := newWorld()
	mondays, sundays, others, off := readFlow(), readFlow(), readFlow(), readFlow()
	mondays.Name, mondays.Timeframe, mondays.Targets = "mondays", frame(t, "mon", "08:00", "18:00", "UTC"), []flows.Target{{Bundle: "b"}}
	sundays.Name, sundays.Timeframe = "sundays", frame(t, "sun", "08:00", "18:00", "UTC")
	others.Name, others.Timeframe = "others", frame(t, "sat", "08:00", "18:00", "UTC")
	others.Requestors.Conditions = []flows.Condition{{Attribute: flows.AttrGroup, Operator: flows.OpIs, Values: []string{"nobody"}}}
	off.Name, off.Timeframe, off.Active = "off", frame(t, "sat", "08:00", "18:00", "UTC"), false
	w.policy.Bundles = []flows.Bundle{{Name: "b", Targets: []flows.Target{databases("read")}}, {Name: "c"}}
	w.policy.Flows = []flows.Flow{mondays, sundays, others, off}
	now := w.now()
	o := now.OfferTo(who(t, now, "alice"), nil, moment(t, "2026-03-06 12:00:00 +0000")) // a Friday
	for _, tt := range []struct{ bundle, integration, want string }{
		{"", "", "The access flow sundays is open Sun 08:00 to 18:00 (UTC), next on Sunday, 8 March at 08:00."},
		{"", "pg", "The access flow sundays is open Sun 08:00 to 18:00 (UTC), next on Sunday, 8 March at 08:00."},
		{"b", "", "The access flow mondays is open Mon 08:00 to 18:00 (UTC), next on Monday, 9 March at 08:00."},
		{"c", "", ""},
		{"", "elsewhere", ""},
	} {
		if got := o.Later(tt.bundle, tt.integration); got != tt.want {
			t.Errorf("%q, %q: %q, want %q", tt.bundle, tt.integration, got, tt.want)
		}
	}
	if !o.Empty() {
		t.Error("something is offered")
	}
	if o := now.OfferTo(who(t, now, "bob"), nil, noon); o.Later("", "") != "" {
		t.Errorf("bob: %s", o.Later("", ""))
	}
}
