package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"apono/bot/slack/slacksim"
	"apono/cmd/bot/internal/config"
	demopage "apono/cmd/bot/internal/demo"
	"apono/flows"
	"apono/provision"
)

// mostOwnPeople is how many of one's own people the page offers to be. The others are in the workspace all the same.
const mostOwnPeople = 24

// newOwnDemo builds a world of one's own policy: its static people become the people of the workspace, and a simulated
// system stands for every integration in which something can be granted. Nothing of the file is connected to, written to,
// or started, and none of its secrets is needed.
func newOwnDemo(ctx context.Context, path string, logTo, problemsTo io.Writer, page *demopage.Options) (_ *demo, err error) {
	cfg, err := loadOwn(ctx, path, problemsTo)
	if err != nil {
		return nil, err
	}
	people, err := staticPeople(ctx, cfg)
	if err != nil {
		return nil, err
	}
	d := &demo{cfg: cfg}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	world := ownWorkspace(cfg, people)
	dir, slackURL, err := d.open(ctx, world)
	if err != nil {
		return nil, err
	}
	cfg.Slack.APIURL, cfg.Slack.AppToken, cfg.Slack.BotToken = slackURL+"/api/", flows.Secret(d.ws.AppToken()), flows.Secret(d.ws.BotToken())
	cfg.Store = config.Store{Driver: config.DriverBolt, Path: filepath.Join(dir, "bot.db")}
	cfg.HTTP, cfg.Teams, cfg.Credentials.Key = config.HTTP{}, config.Teams{}, ""
	if err := d.standIn(ctx, dir); err != nil {
		return nil, err
	}
	page.Command, page.Audit = cfg.Slack.Command, cfg.Slack.AuditChannel
	for i, u := range world.Users[:min(len(world.Users), mostOwnPeople)] {
		page.People = append(page.People, demopage.Person{ID: u.ID, Role: strings.Join(people[i].Groups[:min(len(people[i].Groups), 2)], ", ")})
	}
	page.Note = "Your policy " + filepath.Base(path) + ", tried on its static people. Every system is simulated: what is offered comes from the names in the policy."
	page.Guide = ownGuide(cfg.Slack.Command)
	return d, d.build(logTo) //nolint:contextcheck // opens files only
}

func loadOwn(ctx context.Context, path string, problemsTo io.Writer) (*config.Config, error) {
	reg, err := registry()
	if err != nil {
		return nil, err
	}
	cfg, report := config.Load(ctx, config.Options{Path: path, Registry: reg, SecretsOptional: true})
	if len(report.Problems) > 0 {
		if err := report.WriteText(problemsTo); err != nil {
			return nil, err
		}
	}
	if cfg == nil && report.Unread() {
		return nil, &unreadError{path: path, by: "--config FILE"}
	}
	if cfg == nil {
		return nil, &problemsError{}
	}
	return cfg, nil
}

// staticPeople are those that the file itself names. Other directories are not asked.
func staticPeople(ctx context.Context, cfg *config.Config) ([]flows.Person, error) {
	var all []flows.PeopleOf
	for _, in := range cfg.Integrations {
		dir, ok := in.Connection.(provision.Directory)
		if !ok || in.Type != "static" {
			continue
		}
		people, _, err := dir.People(ctx)
		if err != nil {
			return nil, fmt.Errorf("people of %s: %w", in.Name, err)
		}
		all = append(all, flows.PeopleOf{Source: in.Name, People: people})
	}
	out, _ := flows.MergePeople(all)
	if len(out) == 0 {
		return nil, errors.New("the configuration names no people; the demo needs an integration of type static to have somebody to be")
	}
	return out, nil
}

var slackChannelID = regexp.MustCompile(`^[CG][A-Z0-9]{8,}$`)

func ownWorkspace(cfg *config.Config, people []flows.Person) slacksim.Options {
	o := slacksim.Options{Commands: []string{cfg.Slack.Command}}
	var all, admins []string
	world := flows.World{People: flows.NewDirectory(people, nil), Catalog: flows.NewCatalog(cfg.Policy)}
	for i, p := range people {
		name, _, _ := strings.Cut(p.Email, "@")
		u := slacksim.User{ID: cmp.Or(p.SlackID, fmt.Sprintf("U0DEMO%04d", i+1)), Name: name, RealName: cmp.Or(p.Name, name), Email: p.Email}
		o.Users, all = append(o.Users, u), append(all, u.ID)
		if world.IsAdmin(&p) {
			admins = append(admins, u.ID)
		}
	}
	o.Channels = []slacksim.Channel{{Name: "general", Members: all}}
	audit := slacksim.Channel{Name: strings.TrimPrefix(cfg.Slack.AuditChannel, "#"), Members: admins, BotMember: true}
	if slackChannelID.MatchString(cfg.Slack.AuditChannel) {
		audit.ID, audit.Name = cfg.Slack.AuditChannel, "audit"
	}
	switch audit.Name {
	case "":
	case "general":
		o.Channels[0].BotMember = true
	default:
		o.Channels = append(o.Channels, audit)
	}
	return o
}

// standIn puts a simulated system in the place of every integration but those that only know people.
func (d *demo) standIn(ctx context.Context, dir string) error {
	var text strings.Builder
	text.WriteString("slack: {app_token: env:DEMO_APP_TOKEN, bot_token: env:DEMO_BOT_TOKEN}\nhttp: {listen: \"\"}\nintegrations:\n")
	offers := madeUp(d.cfg.Policy)
	var names []string
	for i := range d.cfg.Integrations {
		in := &d.cfg.Integrations[i]
		if in.Type == "static" {
			continue
		}
		if in.Connection != nil {
			_ = in.Connection.Close() // it was never used
			in.Connection = nil
		}
		s, err := d.system(ctx, in.Name, offers[in.Name])
		if err != nil {
			return err
		}
		names = append(names, in.Name)
		fmt.Fprintf(&text, "  - {name: %s, type: webhook, config: {url: %q, secret: env:DEMO_TARGET_SECRET}}\n", in.Name, s.url)
	}
	if len(names) == 0 {
		return nil
	}
	path := filepath.Join(dir, "systems.yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		return err
	}
	simulated, err := d.load(ctx, path)
	if err != nil {
		return err
	}
	for i, name := range names {
		at := slices.IndexFunc(d.cfg.Integrations, func(in config.Integration) bool { return in.Name == name })
		d.cfg.Integrations[at].Connection = simulated.Integrations[i].Connection
	}
	return nil
}

// examples is how many resources a type has for which the policy names none.
const examples = 3

// madeUp invents what each integration has, so that every target of the policy reaches something, and what it leaves
// out is there to be left out.
func madeUp(p flows.Policy) map[string]flows.Holdings {
	targets := []flows.Target{}
	for _, f := range p.Flows {
		targets = append(targets, f.Targets...)
	}
	for _, b := range p.Bundles {
		targets = append(targets, b.Targets...)
	}
	made := map[string]*inventing{}
	for _, t := range targets {
		if t.Integration == "" || t.ResourceType == "" {
			continue
		}
		if made[t.Integration] == nil {
			made[t.Integration] = &inventing{resources: map[[2]string]flows.Resource{}, permissions: map[string][]string{}}
		}
		made[t.Integration].target(&t)
	}
	out := map[string]flows.Holdings{}
	for name, m := range made {
		out[name] = m.holdings()
	}
	return out
}

// inventing makes up the inventory of one integration.
type inventing struct {
	resources   map[[2]string]flows.Resource // by type and name
	permissions map[string][]string          // by type
}

func (m *inventing) add(typ, name string, path []string, tags map[string]string) {
	m.resources[[2]string{typ, name}] = flows.Resource{Type: typ, ID: name, Name: name, Path: path, Tags: tags}
}

func (m *inventing) target(t *flows.Target) {
	typ := t.ResourceType
	m.permissions[typ] = append(m.permissions[typ], t.Permissions...)
	if t.Include == nil {
		for i := range examples {
			m.add(typ, fmt.Sprintf("%s-%d", typ, i+1), nil, nil)
		}
	}
	for _, s := range []*flows.Selector{t.Include, t.Exclude} {
		if s == nil {
			continue
		}
		for _, name := range s.Names {
			m.add(typ, name, nil, nil)
		}
		for _, tag := range s.Tags {
			m.add(typ, fmt.Sprintf("%s-%s-%s", typ, tag.Key, tag.Value), nil, map[string]string{tag.Key: tag.Value})
		}
		for _, parent := range s.Parents {
			m.add(typ, typ+"-in-"+parent, []string{parent}, nil)
		}
	}
}

func (m *inventing) holdings() flows.Holdings {
	var out flows.Holdings
	for _, typ := range slices.Sorted(maps.Keys(m.permissions)) {
		ids := m.permissions[typ]
		slices.Sort(ids)
		t := flows.ResourceType{ID: typ, Name: typ}
		for _, id := range slices.Compact(ids) {
			t.Permissions = append(t.Permissions, flows.Permission{ID: id, Name: id})
		}
		out.Types = append(out.Types, t)
	}
	for _, k := range slices.SortedFunc(maps.Keys(m.resources), func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }) {
		out.Resources = append(out.Resources, m.resources[k])
	}
	return out
}

// ownGuide suggests what can be done with any policy. What an automatic flow gives is nobody's doing.
func ownGuide(command string) []demopage.Step {
	made := func(is func(*flows.Request) bool) func(demopage.Seen) bool {
		return func(s demopage.Seen) bool {
			return s.Request(func(r *flows.Request) bool { return r.Trigger != flows.TriggerAutomatic && is(r) })
		}
	}
	state := func(states ...flows.State) func(demopage.Seen) bool {
		return made(func(r *flows.Request) bool { return slices.Contains(states, r.State) })
	}
	asked := made(func(*flows.Request) bool { return true })
	return []demopage.Step{
		{Title: "Choose a person, and type " + command, Short: "Type " + command, Why: "The form lists only what your policy lets them ask for.", Happened: func(s demopage.Seen) bool {
			return asked(s) || slices.ContainsFunc(s.Workspace.Users(), func(u slacksim.User) bool { return s.Form(u.ID, "Request access") })
		}},
		{Title: "Ask for something", Short: "Ask", Why: "Below the fields stands who will be asked, and why them.", Happened: asked},
		{Title: "Become who was asked, and decide", Short: "Decide", Why: "Whoever has an unread message from the bot.", Happened: made(func(r *flows.Request) bool {
			return len(r.Decisions) > 0 || r.State == flows.StateActive
		})},
		{
			Title: "See it become active", Short: "Active", Why: "The simulated system on the right holds it now.",
			Happened: state(flows.StateActive, flows.StateRevoking, flows.StateExpired, flows.StateRevoked),
		},
		{Title: "Go to the end of the grant", Short: "To the end", Why: "The bot's own sweep finds that its time is up.", Happened: state(flows.StateExpired)},
	}
}
