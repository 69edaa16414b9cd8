package provisiontest_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"apono/flows"
	"apono/provision"
	"apono/provision/provisiontest"
)

// defectEnv names the defect that the driver of TestConform has; empty: none.
const defectEnv = "PROVISIONTEST_DEFECT"

const secret = flows.Secret("s3cr3t-of-the-target")

// target holds who has what. Every grant is an account of its own.
type target struct {
	defect string

	mu       sync.Mutex
	accounts map[string]*account // by grant id
	issued   int
	down     bool
	reached  chan struct{} // closed when a call is held
	hanging  chan struct{} // closed on release; nil: the target answers
}

type account struct {
	email    string
	units    []flows.Unit
	password string
}

var offered = []string{"orders", "users", `we"ird'; --`, "数据🙂"}

func unit(resource string) flows.Item {
	return flows.Item{Unit: flows.Unit{Integration: "memory", ResourceType: "box", Resource: resource, Permission: "open"}}
}

// driver reaches the target in memory, with the defect that was asked for.
type driver struct{ *target }

func (d driver) Close() error { return nil }

// call is the way to the target: it fails, hangs, or runs act.
func (d driver) call(ctx context.Context, op string, act func() error) error {
	d.mu.Lock()
	reached, hanging, down := d.reached, d.hanging, d.down
	d.mu.Unlock()
	fail := func(kind provision.Kind, message string, err error) error {
		return &provision.Error{Integration: "memory", Op: op, Kind: kind, Message: message, Err: err}
	}
	if d.defect == "ignores cancel" {
		ctx = context.WithoutCancel(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case down && d.defect == "down is refused":
		return fail(provision.KindRefused, "No.", nil)
	case down && d.defect == "leaks":
		return fail(provision.KindRetry, "The system is down.", errors.New("dial "+secret.Reveal()))
	case down && d.defect == "half an error":
		return &provision.Error{Kind: provision.KindRetry}
	case down:
		return fail(provision.KindRetry, "The system is down.", nil)
	case hanging != nil:
		close(reached)
		select {
		case <-hanging:
		case <-ctx.Done():
			return fail(provision.KindUnknown, "The system did not answer.", ctx.Err())
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return act()
}

func (d driver) key(g provision.Grant) string {
	switch d.defect {
	case "one account a person":
		return g.Person.Email
	case "cleans names":
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune("._-", r) {
				return -1
			}
			return r
		}, g.Person.Email) + g.ID[len("AR-9001"):]
	}
	return g.ID
}

func (d driver) Grant(ctx context.Context, g provision.Grant) (c provision.Credentials, err error) {
	err = d.call(ctx, "grant", func() error {
		var units []flows.Unit
		for _, item := range g.Items {
			if !slices.Contains(offered, item.Resource) {
				kind := provision.KindRefused
				if d.defect == "refuses for a while" {
					kind = provision.KindRetry
				}
				return &provision.Error{Integration: "memory", Op: "grant", Kind: kind, Message: "There is no such box."}
			}
			units = append(units, item.Unit)
		}
		a, ok := d.accounts[d.key(g)]
		if ok && d.defect == "grants once" {
			return &provision.Error{Integration: "memory", Op: "grant", Kind: provision.KindRefused, Message: "It exists."}
		}
		if !ok {
			a = &account{email: g.Person.Email}
			d.accounts[d.key(g)] = a
		}
		a.units = units
		if d.defect == "grants one item" {
			a.units = units[:1]
		}
		c = d.renew(a)
		return nil
	})
	return c, err
}

func (d driver) renew(a *account) provision.Credentials {
	d.issued++
	a.password = fmt.Sprintf("password-%06d", d.issued)
	c := provision.Credentials{Fields: []provision.Field{
		{Name: "username", Value: flows.Secret(a.email)},
		{Name: "password", Value: flows.Secret(a.password), Secret: true},
	}}
	if d.defect == "chatty instructions" {
		c.Instructions = "Say " + a.password
	}
	return c
}

func (d driver) Revoke(ctx context.Context, g provision.Grant) error {
	return d.call(ctx, "revoke", func() error {
		_, ok := d.accounts[d.key(g)]
		switch {
		case !ok && d.defect == "revokes once":
			return &provision.Error{Integration: "memory", Op: "revoke", Kind: provision.KindUnknown, Message: "It is gone."}
		case d.defect == "revokes nothing":
			return nil
		case d.defect == "revokes everybody":
			clear(d.accounts)
		}
		delete(d.accounts, d.key(g))
		return nil
	})
}

func (d driver) Check(ctx context.Context, g provision.Grant) (granted bool, err error) {
	err = d.call(ctx, "check", func() error {
		granted = d.defect == "sees what is not" || d.holds(g)
		return nil
	})
	return granted, err
}

func (d driver) List(ctx context.Context) (ids []string, err error) {
	err = d.call(ctx, "list", func() error {
		if d.defect != "lists nothing" {
			ids = slices.Collect(maps.Keys(d.accounts))
		}
		return nil
	})
	return ids, err
}

func (d driver) Rotate(ctx context.Context, g provision.Grant) (c provision.Credentials, err error) {
	err = d.call(ctx, "rotate", func() error {
		a, ok := d.accounts[d.key(g)]
		switch {
		case !ok && d.defect != "rotates into being":
			return &provision.Error{Integration: "memory", Op: "rotate", Kind: provision.KindRefused, Message: "There is no such grant."}
		case !ok:
			a = &account{email: g.Person.Email, units: []flows.Unit{g.Items[0].Unit}}
			d.accounts[d.key(g)] = a
		case d.defect == "rotates to the same":
			d.issued--
		}
		c = d.renew(a)
		return nil
	})
	return c, err
}

func (d driver) Discover(ctx context.Context) (h flows.Holdings, err error) {
	err = d.call(ctx, "discover", func() error {
		h = flows.Holdings{Integration: "memory", Types: []flows.ResourceType{{ID: "box", Permissions: []flows.Permission{{ID: "open"}}}}}
		for _, name := range offered {
			if d.defect != "offers less" || name == offered[0] {
				h.Resources = append(h.Resources, flows.Resource{Type: "box", ID: name})
			}
		}
		return nil
	})
	return h, err
}

func (d driver) Ping(ctx context.Context) error {
	return d.call(ctx, "ping", func() error { return nil })
}

func (d *target) holds(g provision.Grant) bool {
	a, ok := d.accounts[driver{d}.key(g)]
	return ok && a.email == g.Person.Email && !slices.ContainsFunc(g.Items, func(i flows.Item) bool { return !slices.Contains(a.units, i.Unit) })
}

func (d *target) harness() provisiontest.Harness {
	timeout := time.Duration(0) // the suite's own: a sound driver must not fail on a slow machine
	if d.defect == "ignores cancel" {
		timeout = 2 * time.Second
	}
	locked := func(act func()) { d.mu.Lock(); defer d.mu.Unlock(); act() }
	return provisiontest.Harness{
		Connect: func(*testing.T) provision.Driver { return driver{d} },
		Holds: func(_ *testing.T, g provision.Grant) (held bool) {
			locked(func() { held = d.holds(g) })
			return held
		},
		Left: func(*testing.T) (left []string) {
			locked(func() { left = slices.Collect(maps.Keys(d.accounts)) })
			return left
		},
		Login: func(_ *testing.T, c provision.Credentials) (err error) {
			err = errors.New("no such account")
			locked(func() {
				for _, a := range d.accounts {
					if a.email == c.Fields[0].Value.Reveal() && (a.password == c.Fields[1].Value.Reveal() || d.defect == "keeps passwords") {
						err = nil
					}
				}
			})
			return err
		},
		Down: func(*testing.T) func() {
			locked(func() { d.down = true })
			return func() { locked(func() { d.down = false }) }
		},
		Hang: func(*testing.T) (<-chan struct{}, func()) {
			reached, hanging := make(chan struct{}), make(chan struct{})
			locked(func() { d.reached, d.hanging = reached, hanging })
			return reached, func() { close(hanging); locked(func() { d.hanging = nil }) }
		},
		Items: []flows.Item{unit("orders"), unit("users")}, Hostile: []flows.Item{unit(offered[2]), unit(offered[3])},
		Refused: []flows.Item{unit("nowhere")}, Secrets: []flows.Secret{secret}, Timeout: timeout,
	}
}

// TestConform runs the suite over a driver without a defect, or with the one
// that TestConformCatches asks a child for.
func TestConform(t *testing.T) {
	d := &target{defect: os.Getenv(defectEnv), accounts: map[string]*account{}}
	provisiontest.Conform(t, d.harness())
}

// TestConformCatches proves that the suite has teeth: each defect fails the
// subtest that is there for it.
func TestConformCatches(t *testing.T) {
	defects := map[string]string{
		"grants once":          "GrantTwice",
		"grants one item":      "GrantTwice",
		"chatty instructions":  "GrantTwice",
		"revokes once":         "RevokeTwice",
		"revokes nothing":      "RevokeTwice",
		"revokes everybody":    "TwoPeople",
		"one account a person": "TwoGrantsOfOnePerson",
		"cleans names":         "HostileNames",
		"ignores cancel":       "CancelGrant",
		"down is refused":      "Down",
		"leaks":                "Down",
		"half an error":        "Down",
		"refuses for a while":  "Refused",
		"sees what is not":     "RevokeUnknown",
		"offers less":          "Discover",
		"lists nothing":        "List",
		"rotates to the same":  "Rotate",
		"keeps passwords":      "Rotate",
		"rotates into being":   "RotateUnknown",
	}
	for defect, want := range defects {
		t.Run(defect, func(t *testing.T) {
			t.Parallel()
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestConform$", "-test.timeout=60s")
			child.Env = append(os.Environ(), defectEnv+"="+defect)
			out, err := child.CombinedOutput()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
				t.Errorf("the suite ended with %v", cmp.Or(err, errors.New("success")))
			}
			if !strings.Contains(string(out), "--- FAIL: TestConform/"+want+" ") {
				t.Errorf("%s did not fail:\n%s", want, out)
			}
		})
	}
}
