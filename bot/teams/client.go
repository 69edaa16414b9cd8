package teams

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/infracloudio/msbotbuilder-go/schema"

	"apono/bot/chat"
	"apono/bot/platform"
)

// Client sends. It implements chat.Messenger and is safe for concurrent use.
type Client struct {
	*connector
	tenantID   string
	serviceURL string // until the tenant's own is known
	audit      string
	contacts   Contacts
	keeping    sync.Mutex // of a contact that is changed
	accounts   platform.Cache[chat.Account]
	met        platform.Cache[time.Time] // when accounts did what they did last
}

var _ chat.Messenger = (*Client)(nil)

var errNotInstalled = errors.New("the person has not added the app in Teams: let them add it, or let an admin install it for everybody")

// NewClient checks the options and calls nobody.
func NewClient(o Options, contacts Contacts) (*Client, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c, err := newConnector(o)
	if err != nil {
		return nil, err
	}
	return &Client{
		connector: c, tenantID: o.TenantID, serviceURL: o.ServiceURLs[0], audit: o.AuditConversation, contacts: contacts,
		accounts: platform.NewCache[chat.Account](accountTTL), met: platform.NewCache[time.Time](metFor),
	}, nil
}

// spot is where a message is; it is what chat.MessageRef.Channel holds.
type spot struct{ conversation, service, member string }

func (s spot) String() string {
	return strings.Join([]string{s.conversation, s.service, s.member}, " ")
}

func parseSpot(s string) (spot, bool) {
	parts := strings.Split(s, " ")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return spot{}, false
	}
	return spot{parts[0], parts[1], parts[2]}, true
}

// Post sends a card to a person's own chat with the bot. The person is the bound
// account, or the only member of the tenant with that address among those who have
// the app; for anybody else the error is chat.ErrorGone.
func (c *Client) Post(ctx context.Context, to chat.Recipient, card chat.Card, p chat.Priority) (chat.MessageRef, error) {
	contact, err := c.reach(ctx, to, p)
	if err != nil {
		return chat.MessageRef{}, err
	}
	return c.postAt(ctx, spot{contact.Conversation, contact.ServiceURL, contact.Member}, card, p)
}

// PostAudit sends a card to the audit channel.
func (c *Client) PostAudit(ctx context.Context, card chat.Card) (chat.MessageRef, error) {
	if c.audit == "" {
		return chat.MessageRef{}, &chat.Error{Kind: chat.ErrorRefused, Op: opPost.name, Code: "no_audit_conversation"}
	}
	ref, err := c.postAt(ctx, spot{conversation: c.audit, service: c.service()}, card, chat.PriorityAudit)
	if e, ok := errors.AsType[*chat.Error](err); ok && e.Kind == chat.ErrorGone {
		return ref, &chat.Error{
			Kind: e.Kind, Op: e.Op, Code: e.Code,
			Err: errors.New("teams.audit_conversation cannot be written to: add the app to the team of that channel, and compare the id with the one in the channel's link"),
		}
	}
	return ref, err
}

func (c *Client) postAt(ctx context.Context, s spot, card chat.Card, p chat.Priority) (chat.MessageRef, error) {
	id, err := c.post(ctx, message(s, RenderCard(card, viewers(s)...)), p)
	if err != nil {
		return chat.MessageRef{}, err
	}
	return chat.MessageRef{Platform: Platform, Channel: s.String(), Message: id}, nil
}

func viewers(s spot) []string {
	if s.member == "" {
		return nil
	}
	return []string{s.member}
}

// Update redraws a message in place.
func (c *Client) Update(ctx context.Context, ref chat.MessageRef, card chat.Card, p chat.Priority) error {
	s, ok := parseSpot(ref.Channel)
	if ref.Platform != Platform || !ok {
		return &chat.Error{Kind: chat.ErrorGone, Op: opUpdate.name, Code: "no_message", Err: errors.New("not a message of Teams")}
	}
	a := message(s, RenderCard(card, viewers(s)...))
	a.ID = ref.Message
	return c.update(ctx, a, p)
}

func message(s spot, m Message) schema.Activity {
	return schema.Activity{
		Type: schema.Message, ServiceURL: s.service, Conversation: schema.ConversationAccount{ID: s.conversation},
		Recipient: schema.ChannelAccount{ID: s.member},
		Summary:   m.Summary, Attachments: []schema.Attachment{{ContentType: cardType, Content: m.Card}},
	}
}

// Fits reports whether a message shows all of a card.
func (c *Client) Fits(card chat.Card) bool { return len(Dropped(card)) == 0 }
