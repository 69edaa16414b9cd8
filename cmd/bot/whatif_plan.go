package main

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"apono/cmd/bot/internal/config"
	"apono/cmd/bot/internal/living"
	"apono/flows"
)

// compared is what a plan knows of an integration for the old file and for the new one;
// nil where the file has it not.
type compared struct {
	name     string
	was, is  *known
	settings bool // they are connected otherwise in the new file
}

// comparing knows what the integrations of two configurations know. What is connected
// alike in both counts once, as the database of the old one keeps it, else as the
// integration says now; never as two tell it at different times.
func comparing(ctx context.Context, was, is *config.Config, kept []flows.SourceSnapshot, offline bool) (out []*compared) {
	index := map[string]*compared{}
	olds, news := map[string]*config.Integration{}, map[string]*config.Integration{}
	note := func(all []config.Integration, into map[string]*config.Integration) {
		for i := range all {
			name := all[i].Name
			into[name] = &all[i]
			if index[name] == nil {
				index[name] = &compared{name: name}
				out = append(out, index[name])
			}
		}
	}
	note(is.Integrations, news)
	note(was.Integrations, olds)
	var asking sync.WaitGroup // all at once: one may not answer for long
	for _, c := range out {
		asking.Go(func() { c.ask(ctx, olds[c.name], news[c.name], kept, offline) })
	}
	asking.Wait()
	for _, c := range out {
		c.sample(was, is)
	}
	return out
}

// ask finds out what is known of an integration of the old file, the new one, or both.
func (c *compared) ask(ctx context.Context, was, is *config.Integration, kept []flows.SourceSnapshot, offline bool) {
	var k, l known
	switch {
	case was == nil:
		l = askOne(ctx, *is, offline)
		c.is = &l
		return
	case is == nil:
		k = askKept(ctx, *was, kept, offline)
		c.was = &k
		return
	}
	k = askKept(ctx, *was, kept, offline)
	c.was, c.is = &k, &l
	c.settings = is.Type != was.Type || is.Settings != was.Settings
	if l = k; c.settings || inFile(*is) {
		l = askOne(ctx, *is, offline)
		c.settle()
	}
}

// settle has the one that is known count for both, as a reload does.
func (c *compared) settle() {
	problem := c.is.problem
	switch {
	case c.is.from == fromNobody && c.was.from != fromNobody:
		l := *c.was
		c.is = &l
		c.is.problem = problem
	case c.was.from == fromNobody && c.is.from != fromNobody:
		k := *c.is
		c.was = &k
	}
}

func (c *compared) sample(was, is *config.Config) {
	if c.was != nil {
		*c.was = c.was.sampled(was)
	}
	if c.is != nil {
		*c.is = c.is.sampled(is)
	}
	if c.was != nil && c.is != nil { // one of them has none: nothing is made of a difference that is of the tests alone
		c.settle()
	}
}

// askKept takes what a database keeps, and asks where it keeps nothing.
func askKept(ctx context.Context, in config.Integration, kept []flows.SourceSnapshot, offline bool) known {
	i := slices.IndexFunc(kept, func(s flows.SourceSnapshot) bool { return s.Name == in.Name })
	if i >= 0 && !inFile(in) {
		if a, err := living.Kept(kept[i]); err == nil {
			return known{Told: living.Told{Source: in.Name, Answer: a}, from: fromStore, synced: kept[i].Synced}
		}
	}
	return askOne(ctx, in, offline)
}

// worlds joins what is known with the two policies. A context that is the same for both
// is passed as the same.
func worlds(was, is *config.Config, all []*compared, kept []flows.SourceSnapshot) (before, after flows.World) {
	var tags []flows.TaggedResource
	if i := slices.IndexFunc(kept, func(s flows.SourceSnapshot) bool { return s.Name == living.TagsSource }); i >= 0 {
		if a, err := living.Kept(kept[i]); err == nil {
			tags = a.Tags
		}
	}
	told := func(cfg *config.Config, side func(*compared) *known) (out []living.Told) {
		for _, in := range cfg.Integrations {
			i := slices.IndexFunc(all, func(c *compared) bool { return c.name == in.Name })
			out = append(out, side(all[i]).Told)
		}
		return out
	}
	old, fresh := told(was, wasOf), told(is, isOf)
	people, inventory, _ := living.Join(fresh, tags)
	after = flows.NewWorld(people, inventory, flows.NewCatalog(is.Policy))
	oldPeople, oldInventory, _ := living.Join(old, tags)
	if alike(old, fresh, func(t living.Told) any { return t.Holdings }) {
		oldInventory = inventory
	}
	if alike(old, fresh, func(t living.Told) any { t.Holdings = nil; return t }) {
		oldPeople = people
	}
	return flows.NewWorld(oldPeople, oldInventory, flows.NewCatalog(was.Policy)), after
}

// alike reports whether a part of what sources tell is the same.
func alike(was, is []living.Told, part func(living.Told) any) bool {
	return slices.EqualFunc(was, is, func(a, b living.Told) bool { return reflect.DeepEqual(part(a), part(b)) })
}

// comparedSource is an integration of a plan, for machines. Old and New are where what is
// known of it is from: file, synced, asked, test_inventory or unknown; empty where the
// file has it not.
type comparedSource struct {
	Name    string     `json:"name"`
	Old     whence     `json:"old,omitempty"`
	New     whence     `json:"new,omitempty"`
	Synced  *time.Time `json:"synced,omitempty"`
	Problem string     `json:"problem,omitempty"`
}

func (c *compared) source() comparedSource {
	s := comparedSource{Name: c.name}
	for _, x := range []struct {
		k    *known
		into *whence
	}{{c.was, &s.Old}, {c.is, &s.New}} {
		if x.k == nil {
			continue
		}
		*x.into, s.Problem = x.k.from, cmp.Or(s.Problem, x.k.problem)
		if x.k.from == fromStore {
			s.Synced = &x.k.synced
		}
	}
	return s
}

// String says it to people.
func (s comparedSource) String() string {
	text := func(w whence) string {
		switch w {
		case fromFile:
			return "as the file says"
		case fromStore:
			return "as the bot knows it, synced " + s.Synced.UTC().Format("2006-01-02 15:04 UTC")
		case fromSource:
			return "asked now"
		case fromSample:
			return "test_inventory is assumed"
		case fromNobody:
		}
		return "nothing is known of it"
	}
	out := s.Name + ": "
	switch {
	case s.Old == "":
		out += "in the new file alone, " + text(s.New)
	case s.New == "":
		out += "in the old file alone, " + text(s.Old)
	case s.Old != s.New:
		out += text(s.Old) + " for the old file, " + text(s.New) + " for the new one"
	case s.New == fromFile:
		out += "as each file says"
	case s.New == fromSample:
		out += "test_inventory of each file is assumed"
	case s.New == fromNobody:
		out += "not compared, since nothing is known of it"
	default:
		out += text(s.New) + ", for both"
	}
	if s.Problem != "" {
		out += " (" + s.Problem + ")"
	}
	return out
}

// unjudged names integrations that may know people, and of which nothing is known.
func unjudged(cfg *config.Config, all []*compared, side func(*compared) *known) (names []string) {
	for _, in := range cfg.Integrations {
		i := slices.IndexFunc(all, func(c *compared) bool { return c.name == in.Name })
		if side(all[i]).from == fromNobody && isDirectory(in) {
			names = append(names, in.Name)
		}
	}
	return names
}

func wasOf(c *compared) *known { return c.was }
func isOf(c *compared) *known  { return c.is }
