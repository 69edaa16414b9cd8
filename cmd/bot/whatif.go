package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"apono/cmd/bot/internal/config"
	"apono/cmd/bot/internal/living"
	"apono/flows"
	"apono/provision"
	"apono/provision/ical"
	"apono/provision/ldap"
	"apono/provision/slack"
	"apono/provision/static"
)

// askWithin is how long a what-if waits for one integration.
const askWithin = 15 * time.Second

// whence is where a what-if has what an integration knows from.
type whence string

const (
	fromFile   whence = "file"           // people who are written into the configuration
	fromStore  whence = "synced"         // what the bot's database keeps of the last sync
	fromSource whence = "asked"          // the integration said so just now
	fromSample whence = "test_inventory" // its resources are those of test_inventory
	fromNobody whence = "unknown"        // nothing is known of it
)

// known is what a what-if knows of one integration.
type known struct {
	living.Told
	from   whence
	synced time.Time // of fromStore
	// problem is why it was not asked, or did not answer; a sentence.
	problem string
}

const notAsked = "it was not asked"

// inFile reports whether what an integration knows is in the configuration itself.
func inFile(in config.Integration) bool { return in.Type == static.Type().Name }

// isDirectory reports whether an integration knows people, also where a secret is missing
// without which there is no connection to ask.
func isDirectory(in config.Integration) bool {
	if in.Connection == nil {
		return slices.Contains([]string{ldap.Type().Name, ical.Type().Name, slack.Type().Name}, in.Type)
	}
	_, ok := in.Connection.(provision.Directory)
	return ok
}

// askOne asks an integration what it knows, unless that is offline.
func askOne(ctx context.Context, in config.Integration, offline bool) known {
	k := known{Told: living.Told{Source: in.Name}, from: fromNobody}
	_, discovers := in.Connection.(provision.Discoverer)
	switch {
	case in.Connection == nil:
		k.problem = "a secret of it is missing"
		return k
	case inFile(in):
		k.from = fromFile
	case !discovers && !isDirectory(in):
		return k
	case offline:
		k.problem = notAsked
		return k
	default:
		k.from = fromSource
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var err error
	if k.Answer, err = living.Ask(ctx, living.Source{Name: in.Name, Connection: in.Connection}); err != nil {
		k = known{Told: living.Told{Source: in.Name}, from: fromNobody, problem: provision.MessageOf(err)}
	}
	return k
}

// sampled is the same with the resources of test_inventory, where nothing is known.
func (k known) sampled(cfg *config.Config) known {
	var all []flows.Holdings
	for _, h := range cfg.Sample {
		if h.Integration == k.Source {
			all = append(all, h)
		}
	}
	if k.from != fromNobody || len(all) == 0 {
		return k
	}
	if k.problem == notAsked { // nobody misses it
		k.problem = ""
	}
	k.from, k.Holdings = fromSample, &flows.Holdings{Integration: k.Source}
	for _, h := range all {
		k.Holdings.Types, k.Holdings.Resources = append(k.Holdings.Types, h.Types...), append(k.Holdings.Resources, h.Resources...)
	}
	return k
}

// ask reads what the integrations of a configuration know. Where one cannot be
// asked, or offline, the resources of test_inventory stand in; notes says so.
func ask(ctx context.Context, cfg *config.Config, offline bool, notes io.Writer) flows.World {
	found := make([]known, len(cfg.Integrations))
	var asking sync.WaitGroup // all at once: one may not answer for long
	for i, in := range cfg.Integrations {
		asking.Go(func() { found[i] = askOne(ctx, in, offline) })
	}
	asking.Wait()
	var all []living.Told
	for i, in := range cfg.Integrations {
		k := found[i]
		if k.problem != "" && !offline && in.Connection != nil {
			fmt.Fprintf(notes, "%s could not be asked: %s\n", in.Name, k.problem)
		}
		_, discovers := in.Connection.(provision.Discoverer)
		switch k = k.sampled(cfg); {
		case k.from == fromSample:
			fmt.Fprintf(notes, "%s: the resources of test_inventory are assumed\n", in.Name)
		case k.from == fromNobody && isDirectory(in):
			fmt.Fprintf(notes, "%s: nothing is known of its people\n", in.Name)
		case k.from == fromNobody && discovers:
			fmt.Fprintf(notes, "%s: nothing is known of its resources\n", in.Name)
		}
		all = append(all, k.Told)
	}
	people, inventory, _ := living.Join(all, nil)
	return flows.NewWorld(people, inventory, flows.NewCatalog(cfg.Policy))
}
