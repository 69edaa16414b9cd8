package teams

import (
	"cmp"
	"context"
	"strings"
	"time"

	"apono/bot/chat"
)

// Contact is where a person can be written to. Teams makes it known when the app is
// installed, and with everything a person does.
type Contact struct {
	Account      string `json:"account"` // Entra object id
	Member       string `json:"member"`  // how Teams names the person to this bot, "29:…"
	Conversation string `json:"conversation"`
	ServiceURL   string `json:"service_url"`
	// Email is the verified address, in lower case; empty: not known yet.
	Email string `json:"email,omitempty"`
	// TimeZone is that of the client that the person used last; empty: not known.
	TimeZone string `json:"time_zone,omitempty"`
	// Greeted: they were told what the bot is for.
	Greeted bool `json:"greeted,omitempty"`
	// Arriving: they got the app, and the bot has yet to ask who they are, or to greet
	// them.
	Arriving bool `json:"arriving,omitempty"`
}

// Contacts keeps them across restarts.
type Contacts interface {
	SaveContact(ctx context.Context, c Contact) error
	// RemoveContact forgets one; one that is not known is no error.
	RemoveContact(ctx context.Context, account string) error
	Contact(account string) (Contact, bool, error)
	// ContactByEmail finds the one that was saved last with an address.
	ContactByEmail(email string) (Contact, bool, error)
	// Arriving finds all that are Contact.Arriving.
	Arriving() ([]Contact, error)
}

// tenantContact is the account under which the address of the tenant's connector is
// kept: a channel has no person.
const tenantContact = "tenant"

// member is what the connector says about a person in a conversation.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/get-teams-context
type member struct {
	ID       string `json:"id"`
	ObjectID string `json:"objectId"`
	Aad      string `json:"aadObjectId"`
	Name     string `json:"name"`

	GivenName string `json:"givenName"`
	Surname   string `json:"surname"`

	Email    string `json:"email"`
	UPN      string `json:"userPrincipalName"`
	TenantID string `json:"tenantId"`
	Role     string `json:"userRole"`
}

// accountTTL is how long an answer about a person is believed: rights hang on it.
const accountTTL = 30 * time.Second

// Account asks Teams who a user is. An answer is believed for 30 seconds. A user who
// is not in touch with the bot is chat.ErrorGone.
func (c *Client) Account(ctx context.Context, u chat.User, p chat.Priority) (chat.Account, error) {
	unknown := &chat.Error{Kind: chat.ErrorGone, Op: opMember.name, Code: "not_in_touch"}
	if u.Platform != Platform || u.ID == "" {
		return chat.Account{}, unknown
	}
	contact, ok, err := c.contacts.Contact(u.ID)
	if err != nil {
		return chat.Account{}, &chat.Error{Kind: chat.ErrorRetry, Op: opMember.name, Code: "contacts", Err: err}
	}
	if !ok {
		return chat.Account{}, unknown
	}
	a, err := c.account(ctx, contact, p)
	if err != nil {
		return chat.Account{}, err
	}
	a.Team = u.Team
	// An activity may claim another tenant than the profile does; both have to be ours.
	a.External = a.External || u.Team != "" && !strings.EqualFold(u.Team, c.tenantID)
	return a, nil
}

// account asks about a contact, and keeps the address by which it is found.
func (c *Client) account(ctx context.Context, contact Contact, p chat.Priority) (chat.Account, error) {
	if a, ok := c.accounts.Get(contact.Account); ok {
		return a, nil
	}
	id := contact.Member
	if id == "" {
		id = contact.Account
	}
	var m member
	err := c.send(ctx, "GET", at(contact.ServiceURL, "conversations", contact.Conversation, "members", id), opMember, turn{priority: p}, nil, &m)
	if err != nil {
		return chat.Account{}, err
	}
	a := c.judge(contact, m)
	c.accounts.Put(contact.Account, a)
	if a.Email != contact.Email || m.ID != contact.Member {
		contact.Email, contact.Member = a.Email, m.ID
		if err := c.keep(ctx, contact); err != nil {
			c.log.ErrorContext(ctx, "teams contact could not be kept", "error", err)
		}
	}
	return a, nil
}

// judge translates a profile. Whatever Teams leaves out counts against the user, but for
// the role of somebody whose address at sign-in is no guest's. The
// addresses of a tenant's own people are set by its admins, so they are verified;
// those of guests are theirs.
func (c *Client) judge(contact Contact, m member) chat.Account {
	object := objectOf(m)
	email := chat.Address(m.Email)
	if email == "" && strings.Contains(m.UPN, "@") {
		email = chat.Address(m.UPN)
	}
	unsaid := m.Role == "" && m.UPN != ""
	guest := !unsaid && !strings.EqualFold(m.Role, "user") || strings.Contains(strings.ToUpper(m.UPN), "#EXT#")
	external := !strings.EqualFold(m.TenantID, c.tenantID) || !strings.EqualFold(object, contact.Account)
	return chat.Account{
		User: chat.User{Platform: Platform, ID: contact.Account, Team: m.TenantID},
		Name: cmp.Or(m.Name, strings.TrimSpace(m.GivenName+" "+m.Surname)), TimeZone: contact.TimeZone, Email: email, EmailVerified: email != "" && !guest && !external,
		Bot: strings.HasPrefix(m.ID, "28:"), Guest: guest, External: external,
	}
}

// objectOf is the Entra object id of a member: services name it in one field or the
// other.
func objectOf(m member) string { return cmp.Or(m.Aad, m.ObjectID) }

// meet keeps where somebody who just did something in their own chat can be written
// to.
func (c *Client) meet(ctx context.Context, a received) error {
	known, ok, err := c.contacts.Contact(tenantContact)
	if err == nil && (!ok || known.ServiceURL != a.ServiceURL) {
		err = c.contacts.SaveContact(ctx, Contact{Account: tenantContact, ServiceURL: a.ServiceURL})
	}
	if err != nil {
		return err
	}
	if a.Conversation.ConversationType != personal || a.From.AadObjectID == "" || a.From.AadObjectID == tenantContact {
		return nil
	}
	now := Contact{Account: a.From.AadObjectID, Member: a.From.ID, Conversation: a.Conversation.ID, ServiceURL: a.ServiceURL}
	known, ok, err = c.contacts.Contact(now.Account)
	if err != nil {
		return err
	}
	c.met.Put(now.Account, a.At)
	now.Email, now.TimeZone, now.Greeted = known.Email, cmp.Or(a.TimeZone, known.TimeZone), known.Greeted
	now.Arriving = !known.Greeted && (known.Arriving || a.arrival(c.bot()))
	if ok && known == now {
		return nil
	}
	return c.keep(ctx, now)
}

// keep saves a contact. Who was greeted stays so, whatever else is noted of them at the
// same moment.
func (c *Client) keep(ctx context.Context, now Contact) error {
	c.keeping.Lock()
	defer c.keeping.Unlock()
	known, _, err := c.contacts.Contact(now.Account)
	if err != nil {
		return err
	}
	now.Greeted = now.Greeted || known.Greeted
	now.Arriving = now.Arriving && !now.Greeted
	return c.contacts.SaveContact(ctx, now)
}

// toGreet says where somebody is who was not greeted yet, and notes that they are:
// rather never than twice.
func (c *Client) toGreet(ctx context.Context, account string) (spot, bool) {
	c.keeping.Lock()
	defer c.keeping.Unlock()
	contact, ok, err := c.contacts.Contact(account)
	if err != nil || !ok || contact.Greeted {
		return spot{}, false
	}
	contact.Greeted, contact.Arriving = true, false
	return spot{contact.Conversation, contact.ServiceURL, contact.Member}, c.contacts.SaveContact(ctx, contact) == nil
}

// notGreeted notes that they are to be greeted after all.
func (c *Client) notGreeted(ctx context.Context, account string) error {
	return c.change(ctx, account, func(contact *Contact) { contact.Greeted, contact.Arriving = false, true })
}

// arrived notes that there is nothing more to do for a new person.
func (c *Client) arrived(ctx context.Context, account string) error {
	return c.change(ctx, account, func(contact *Contact) { contact.Arriving = false })
}

// change saves what is changed of a contact that is known.
func (c *Client) change(ctx context.Context, account string, f func(*Contact)) error {
	c.keeping.Lock()
	defer c.keeping.Unlock()
	known, ok, err := c.contacts.Contact(account)
	if err != nil || !ok {
		return err
	}
	now := known
	if f(&now); now == known {
		return nil
	}
	return c.contacts.SaveContact(ctx, now)
}

// metFor is how long an event that tells of former times may be late.
const metFor = time.Hour

// part forgets somebody whose chat the app was taken out of. An event that tells of it
// after something later did, changes nothing.
func (c *Client) part(ctx context.Context, a received) error {
	if a.Conversation.ConversationType != personal {
		return nil
	}
	if met, ok := c.met.Get(a.From.AadObjectID); ok && !a.At.IsZero() && a.At.Before(met) {
		return nil
	}
	return c.contacts.RemoveContact(ctx, a.From.AadObjectID)
}

// personal is the type of a chat of one person with the bot.
const personal = "personal"

// service is where the tenant's connector is.
func (c *Client) service() string {
	if known, ok, err := c.contacts.Contact(tenantContact); err == nil && ok {
		return known.ServiceURL
	}
	return c.serviceURL
}

// reach finds the contact of somebody a card is for.
func (c *Client) reach(ctx context.Context, to chat.Recipient, p chat.Priority) (Contact, error) {
	var (
		contact Contact
		ok      bool
		err     error
	)
	if to.ID != "" {
		contact, ok, err = c.contacts.Contact(to.ID)
	} else {
		contact, ok, err = c.contacts.ContactByEmail(chat.Address(to.Email))
	}
	switch {
	case err != nil:
		return Contact{}, &chat.Error{Kind: chat.ErrorRetry, Op: opPost.name, Code: "contacts", Err: err}
	case ok && to.ID != "":
		return contact, nil
	case ok:
		return c.stillHas(ctx, contact, to.Email, p)
	case to.ID != "":
		return c.open(ctx, to.ID, p)
	}
	return Contact{}, &chat.Error{Kind: chat.ErrorGone, Op: opPost.name, Code: "not_in_touch", Err: errNotInstalled}
}

// stillHas refuses to write to an account that an address no longer belongs to.
func (c *Client) stillHas(ctx context.Context, contact Contact, email string, p chat.Priority) (Contact, error) {
	a, err := c.account(ctx, contact, p)
	if err != nil {
		return Contact{}, err
	}
	if a.Email != chat.Address(email) || !a.EmailVerified || a.Bot {
		return Contact{}, &chat.Error{Kind: chat.ErrorGone, Op: opPost.name, Code: "other_email"}
	}
	return contact, nil
}

// open begins the chat with somebody who never wrote, but for whom an admin has
// installed the app.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/send-proactive-messages
func (c *Client) open(ctx context.Context, account string, p chat.Priority) (Contact, error) {
	type id struct {
		ID string `json:"id"`
	}
	in := struct {
		Bot     id     `json:"bot"`
		IsGroup bool   `json:"isGroup"`
		Members []id   `json:"members"`
		Tenant  string `json:"tenantId"`
		Channel obj    `json:"channelData"`
	}{Bot: id{c.bot()}, Members: []id{{account}}, Tenant: c.tenantID, Channel: obj{"tenant": obj{"id": c.tenantID}}}
	var out id
	service := c.service()
	if err := c.send(ctx, "POST", at(service, "conversations"), opOpen, turn{opening, p}, in, &out); err != nil {
		return Contact{}, err
	}
	contact := Contact{Account: account, Conversation: out.ID, ServiceURL: service}
	if known, ok, err := c.contacts.Contact(account); err == nil && ok {
		contact.Email, contact.Member, contact.TimeZone, contact.Arriving = known.Email, known.Member, known.TimeZone, known.Arriving
	}
	if err := c.keep(ctx, contact); err != nil {
		return Contact{}, &chat.Error{Kind: chat.ErrorRetry, Op: opOpen.name, Code: "contacts", Err: err}
	}
	return contact, nil
}

// AccountOf asks Teams for the account of a person who can be written to, whatever it is:
// of a guest too. chat.ErrorGone where there is none.
func (c *Client) AccountOf(ctx context.Context, to chat.Recipient) (chat.Account, error) {
	contact, err := c.reach(ctx, to, chat.PriorityNow)
	if err != nil {
		return chat.Account{}, err
	}
	return c.account(ctx, contact, chat.PriorityNow)
}
