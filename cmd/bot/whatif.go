package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"apono/cmd/bot/internal/config"
	"apono/flows"
	"apono/provision"
)

// askWithin is how long a what-if waits for one integration.
const askWithin = 15 * time.Second

// context of a what-if: people and things.
type known struct {
	people   []flows.Person
	shifts   []flows.Shift
	groups   []string
	holdings []flows.Holdings
}

// ask reads what the integrations of a configuration know. Where one cannot be
// asked, or offline, the resources of test_inventory stand in; notes says so.
func ask(ctx context.Context, cfg *config.Config, offline bool, notes io.Writer) known {
	var k known
	for _, in := range cfg.Integrations {
		askPeople(ctx, in, &k, notes)
		sample := slices.ContainsFunc(cfg.Sample, func(h flows.Holdings) bool { return h.Integration == in.Name })
		d, discovers := in.Connection.(provision.Discoverer)
		if !discovers && (in.Connection != nil || !sample) {
			continue
		}
		if discovers && !offline {
			ctx, cancel := context.WithTimeout(ctx, askWithin)
			h, err := d.Discover(ctx)
			cancel()
			if err == nil {
				h.Integration = in.Name
				k.holdings = append(k.holdings, h)
				continue
			}
			fmt.Fprintf(notes, "%s could not be asked: %s\n", in.Name, provision.MessageOf(err))
		}
		if sample {
			fmt.Fprintf(notes, "%s: the resources of test_inventory are assumed\n", in.Name)
			for _, h := range cfg.Sample {
				if h.Integration == in.Name {
					k.holdings = append(k.holdings, h)
				}
			}
			continue
		}
		fmt.Fprintf(notes, "%s: nothing is known of its resources\n", in.Name)
	}
	return k
}

func askPeople(ctx context.Context, in config.Integration, k *known, notes io.Writer) {
	d, ok := in.Connection.(provision.Directory)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	people, shifts, err := d.People(ctx)
	if err != nil {
		fmt.Fprintf(notes, "%s could not be asked for people: %s\n", in.Name, provision.MessageOf(err))
		return
	}
	k.people, k.shifts = append(k.people, people...), append(k.shifts, shifts...)
	if g, ok := in.Connection.(provision.Grouper); ok {
		if groups, err := g.Groups(ctx); err == nil {
			k.groups = append(k.groups, groups...)
		}
	}
}

// world joins what is known with a policy.
func (k known) world(p flows.Policy) flows.World {
	return flows.NewWorld(flows.NewDirectory(k.people, k.shifts, k.groups...), flows.NewInventory(k.holdings), flows.NewCatalog(p))
}
