package webhook

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-retryablehttp"

	"apono/flows"
	"apono/provision"
)

// Event types of the protocol.
const (
	eventStatus   = "get-status"
	eventList     = "list-resources"
	eventCreate   = "create-credentials"
	eventReset    = "reset-credentials"
	eventDelete   = "delete-credentials"
	eventGrant    = "grant-access"
	eventRevoke   = "revoke-access"
	statusOK      = "ok"
	statusError   = "error"
	statusMissing = "unsupported"
)

// params of a call. Those that an event type does not have are left out.
type params struct {
	GrantID          string          `json:"grant_id,omitempty"`
	Username         string          `json:"username,omitempty"`
	ResourceType     string          `json:"resource_type,omitempty"`
	Resources        []string        `json:"resources,omitempty"`
	Permission       string          `json:"permission,omitempty"`
	CustomParameters json.RawMessage `json:"custom_parameters"`
}

// answer to a call of any event type.
type answer struct {
	Status       string             `json:"status"`
	Message      string             `json:"message"`
	Retry        bool               `json:"retry"`
	Resources    []listedResource   `json:"resources"`
	Permissions  []flows.Permission `json:"permissions"`
	Credentials  fields             `json:"credentials"`
	Instructions string             `json:"instructions"`
}

// connection is one configured receiver. It keeps nothing between calls but
// idle connections.
type connection struct {
	name       string
	url        string
	identity   string
	secret     flows.Secret
	parameters json.RawMessage
	client     *retryablehttp.Client
}

var (
	_ provision.Driver     = (*connection)(nil)
	_ provision.Discoverer = (*connection)(nil)
	_ provision.Pinger     = (*connection)(nil)
	_ provision.Rotator    = (*connection)(nil)
	_ provision.Sharer     = (*connection)(nil)
	_ provision.Identifier = (*connection)(nil)
)

// Close implements provision.Connection.
func (c *connection) Close() error {
	c.client.HTTPClient.CloseIdleConnections()
	return nil
}

// Shared implements provision.Sharer.
func (c *connection) Shared() bool { return true }

// Identity implements provision.Identifier without asking: the protocol has no word
// for it, so it goes by the configuration.
func (c *connection) Identity(context.Context) (string, error) { return c.identity, nil }

// identityOf hides what a URL may hold; its query does not tell systems apart.
func identityOf(name string) string {
	name, _, _ = strings.Cut(name, "?")
	sum := sha256.Sum256([]byte(strings.TrimSuffix(name, "/")))
	return "url:" + hex.EncodeToString(sum[:16])
}

// Ping implements provision.Pinger.
func (c *connection) Ping(ctx context.Context) error {
	_, err := c.call(ctx, "ping", "", eventStatus, params{})
	return err
}

// Grant implements provision.Driver.
func (c *connection) Grant(ctx context.Context, g provision.Grant) (provision.Credentials, error) {
	const op = "grant"
	credentials, _, err := c.credentials(ctx, op, eventCreate, g)
	if err != nil {
		return provision.Credentials{}, err
	}
	steps, granted, all := byPermission(g.Items), 0, 0
	for _, s := range steps {
		all += len(s.resources)
	}
	for _, s := range steps {
		if _, err := c.call(ctx, op, g.Call, eventGrant, s.params(g)); err != nil {
			return provision.Credentials{}, err
		}
		granted += len(s.resources)
		provision.Progress(ctx, granted, all)
	}
	return credentials, nil
}

// Revoke implements provision.Driver.
func (c *connection) Revoke(ctx context.Context, g provision.Grant) error {
	const op = "revoke"
	refused := map[string]error{} // by resource type
	for _, s := range byPermission(g.Items) {
		_, err := c.call(ctx, op, g.Call, eventRevoke, s.params(g))
		switch {
		case err == nil:
		case provision.KindOf(err) == provision.KindRefused:
			refused[s.typ] = cmp.Or(refused[s.typ], err)
		default: // the system is not well; the repeat starts again
			return err
		}
	}
	var first error
	for _, s := range byType(g.Items) {
		s.resources = slices.DeleteFunc(s.resources, func(id string) bool { return holdsOn(g.Held, s.typ, id) })
		err := refused[s.typ]
		if err == nil && len(s.resources) > 0 {
			_, err = c.call(ctx, op, g.Call, eventDelete, s.params(provision.Grant{Person: g.Person}))
		}
		if err != nil && provision.KindOf(err) != provision.KindRefused {
			return err
		}
		first = cmp.Or(first, err)
	}
	return first
}

func holdsOn(held []flows.Item, typ, id string) bool {
	return slices.ContainsFunc(held, func(i flows.Item) bool { return i.ResourceType == typ && i.Resource == id })
}

// Rotate implements provision.Rotator. A system that has no credentials of its
// own refuses.
func (c *connection) Rotate(ctx context.Context, g provision.Grant) (provision.Credentials, error) {
	const op = "rotate"
	credentials, supported, err := c.credentials(ctx, op, eventReset, g)
	if err != nil {
		return provision.Credentials{}, err
	}
	if !supported {
		return provision.Credentials{}, c.failure(op, provision.KindRefused, "The system has no credentials of its own to reset.", nil)
	}
	return credentials, nil
}

// credentials asks for those of every resource type. Supported is false where
// the system has none for any of them.
func (c *connection) credentials(ctx context.Context, op, event string, g provision.Grant) (out provision.Credentials, supported bool, err error) {
	var issued []issue
	for _, s := range byType(g.Items) {
		a, err := c.call(ctx, op, g.Call, event, s.params(provision.Grant{Person: g.Person}))
		if err != nil {
			return out, false, err
		}
		if a.Status != statusMissing {
			issued = append(issued, issue{typeName: s.name, fields: a.Credentials, instructions: a.Instructions})
		}
	}
	return merge(issued), len(issued) > 0, nil
}

// step is what one call is about.
type step struct {
	typ, name  string // id and name of the resource type
	permission string
	resources  []string
}

func (s step) params(g provision.Grant) params {
	return params{GrantID: g.ID, Username: g.Person.Email, ResourceType: s.typ, Resources: s.resources, Permission: s.permission}
}

// byPermission makes a step of every type and permission, in an order that is
// the same on every repeat.
func byPermission(items []flows.Item) []step {
	items = slices.SortedFunc(slices.Values(items), func(a, b flows.Item) int {
		return cmp.Or(cmp.Compare(a.ResourceType, b.ResourceType), cmp.Compare(a.Permission, b.Permission), cmp.Compare(a.Resource, b.Resource))
	})
	var out []step
	for _, i := range items {
		if last := len(out) - 1; last < 0 || out[last].typ != i.ResourceType || out[last].permission != i.Permission {
			out = append(out, step{typ: i.ResourceType, name: cmp.Or(i.TypeName, i.ResourceType), permission: i.Permission})
		}
		s := &out[len(out)-1]
		if !slices.Contains(s.resources, i.Resource) {
			s.resources = append(s.resources, i.Resource)
		}
	}
	return out
}

// byType makes a step of every type.
func byType(items []flows.Item) []step {
	items = slices.Clone(items)
	for i := range items {
		items[i].Permission = ""
	}
	return byPermission(items)
}

// call makes one call and returns an answer that is ok, or for credentials
// "unsupported".
func (c *connection) call(ctx context.Context, op, act, event string, p params) (answer, error) {
	p.CustomParameters = c.parameters
	body, err := json.Marshal(map[string]any{"event_type": event, "params": p})
	if err != nil {
		return answer{}, c.failure(op, provision.KindRefused, "The call cannot be written.", err)
	}
	status, after, text, err := c.send(ctx, callID(act, body), body)
	if err != nil {
		return answer{}, c.unreachable(ctx, op, err)
	}
	if status < 200 || status >= 300 {
		return answer{}, c.badStatus(op, status, after, text)
	}
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return answer{}, c.undecodable(op, event, err)
	}
	without := a.Status == statusMissing && (event == eventCreate || event == eventReset)
	if a.Status != statusOK && !without {
		return answer{}, c.refusal(op, event, a)
	}
	return a, nil
}

// callID names a call; see the package comment. The body tells the calls of one
// act apart.
func callID(act string, body []byte) string {
	if act == "" {
		return "msg_" + rand.Text()
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %s", act, body))
	return "msg_" + hex.EncodeToString(sum[:16])
}
