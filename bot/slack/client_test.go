package slack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"

	"apono/bot/chat"
	"apono/bot/platform"
	"apono/bot/platform/platformtest"
	"apono/bot/slack/slacksim"
)

// quiet is a workspace with a client and without a socket.
func quiet(t *testing.T, o slacksim.Options, tell func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, o, &service{})
		var err error
		if r.client, err = NewClient(r.options); err != nil {
			t.Fatal(err)
		}
		tell(r)
		r.Close()
		for _, v := range r.Violations() {
			t.Errorf("Slack would mind: %s %s %s", v.Kind, v.ID, v.Detail)
		}
	})
}

func wantError(t *testing.T, err error, kind chat.ErrorKind, code string) {
	t.Helper()
	e, ok := errors.AsType[*chat.Error](err)
	if !ok || e.Kind != kind || e.Code != code {
		t.Errorf("error %v, want kind %s, code %s", err, kind, code)
	}
}

func TestPostByVerifiedEmail(t *testing.T) {
	o := world()
	o.Users = append(o.Users,
		slacksim.User{ID: "U0UNCONF01", Email: "unconfirmed@example.com", EmailUnconfirmed: true},
		slacksim.User{ID: "U0TWIN0001", RealName: "Alice", Email: "alice@example.com"},
		slacksim.User{ID: "U0GUEST001", Email: "guest@example.com", IsRestricted: true},
		slacksim.User{ID: "U0GUEST002", Email: "single@example.com", IsUltraRestricted: true},
		slacksim.User{ID: "U0ROBOT001", Email: "robot@example.com", IsBot: true},
		slacksim.User{ID: "U0STRANGE1", Email: "stranger@example.com", IsStranger: true, TeamID: "T0ELSEWHERE"},
		slacksim.User{ID: "U0OTHER001", Email: "other@example.com", TeamID: "T0ELSEWHERE"},
		slacksim.User{ID: "U0LEFT0001", Email: "left@example.com", Deleted: true},
	)
	quiet(t, o, func(r *rig) {
		ref, err := r.client.Post(r.ctx, chat.Recipient{Email: " Bob@Example.com "}, approval(), chat.PriorityApprover)
		r.must(err)
		if ms := r.As(bob).DMs(); len(ms) != 1 || ms[0].TS != ref.Message || ms[0].Channel != ref.Channel || ref.Platform != "slack" {
			t.Errorf("%+v is not what Bob sees: %+v", ref, ms)
		}
		for _, email := range []string{"unconfirmed", "guest", "single", "robot", "stranger", "other", "left", "nobody"} {
			_, err := r.client.Post(r.ctx, chat.Recipient{Email: email + "@example.com"}, approval(), chat.PriorityApprover)
			if chat.KindOf(err) != chat.ErrorGone {
				t.Errorf("%s: %v, want gone", email, err)
			}
		}
		_, err = r.client.Post(r.ctx, chat.Recipient{}, approval(), chat.PriorityApprover)
		wantError(t, err, chat.ErrorGone, "users_not_found")
		if n := len(r.Calls("chat.postMessage")); n != 1 {
			t.Errorf("%d messages were posted", n)
		}
	})
}

func TestLookUpsAreRememberedForAWhile(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		for range 3 {
			_, err := r.client.Post(r.ctx, chat.Recipient{Email: "bob@example.com"}, approval(), chat.PriorityApprover)
			r.must(err)
			_, err = r.client.PostAudit(r.ctx, approval())
			r.must(err)
		}
		calls := func(method string) int { return len(r.Calls(method)) }
		if calls("users.lookupByEmail") != 1 || calls("conversations.open") != 0 || calls("conversations.list") != 1 || calls("auth.test") != 1 {
			t.Errorf("look-ups: %d people, %d chats, %d lists, %d auth.test", calls("users.lookupByEmail"), calls("conversations.open"), calls("conversations.list"), calls("auth.test"))
		}
		time.Sleep(emailTTL)
		_, err := r.client.Post(r.ctx, chat.Recipient{Email: "bob@example.com"}, approval(), chat.PriorityApprover)
		r.must(err)
		if calls("users.lookupByEmail") != 2 {
			t.Error("an old answer was believed")
		}
	})
}

func TestUpdateRedrawsInPlace(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		ref, err := r.client.Post(r.ctx, chat.Recipient{ID: bob}, approval(), chat.PriorityApprover)
		r.must(err)
		card := approval()
		card.Status, card.Tone, card.Actions, card.Menu = chat.T("Denied"), chat.ToneBad, nil, nil
		r.must(r.client.Update(r.ctx, ref, card, chat.PriorityApprover))
		m := r.As(bob).DMs()[0]
		contains(t, m.Text, ":red_circle: Denied")
		if len(m.Labels()) != 0 {
			t.Errorf("buttons left: %v", m.Labels())
		}
		wantError(t, r.client.Update(r.ctx, chat.MessageRef{Platform: "slack", Channel: ref.Channel, Message: "1.2"}, card, chat.PriorityApprover), chat.ErrorGone, "message_not_found")
		wantError(t, r.client.Update(r.ctx, chat.MessageRef{Platform: "teams", Channel: "c", Message: "m"}, card, chat.PriorityApprover), chat.ErrorGone, "message_not_found")
	})
}

func TestAuditChannelProblemsSayWhatToDo(t *testing.T) {
	for name, want := range map[string]string{
		"#nowhere":   "#nowhere does not exist or is private: create it, or invite the bot to #nowhere",
		"secret":     "#secret does not exist or is private: create it, or invite the bot to #secret",
		"other":      "invite the bot to #other",
		"C0OTHER001": "invite the bot to the channel C0OTHER001",
		"C0OLD00001": "the channel C0OLD00001 is archived: unarchive it, or set slack.audit_channel to another",
		"C0NOTHERE1": "the channel C0NOTHERE1 does not exist or is private: create it, or invite the bot to the channel C0NOTHERE1",
		"":           "slack.audit_channel is not set",
	} {
		t.Run(name, func(t *testing.T) {
			quiet(t, world(), func(r *rig) {
				r.client.audit = name
				_, err := r.client.PostAudit(r.ctx, approval())
				if chat.KindOf(err) != chat.ErrorRefused || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want refused, %q", err, want)
				}
			})
		})
	}
}

func TestAuditChannelIsUsableAsSoonAsItIsMended(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		r.client.audit = "other"
		if _, err := r.client.PostAudit(r.ctx, approval()); err == nil {
			t.Fatal("posted where the bot is not")
		}
		r.SetChannel(slacksim.Channel{ID: "C0OTHER001", Name: "other", Members: []string{alice}, BotMember: true})
		_, err := r.client.PostAudit(r.ctx, approval())
		r.must(err)
	})
}

func TestAuditChannelThatWasReplaced(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		_, err := r.client.PostAudit(r.ctx, approval())
		r.must(err)
		r.SetChannel(slacksim.Channel{ID: "C0AUDIT001", Name: "access-audit-old", Archived: true, BotMember: true})
		r.SetChannel(slacksim.Channel{ID: "C0AUDIT002", Name: "access-audit", Members: []string{bob}, BotMember: true})
		_, err = r.client.PostAudit(r.ctx, approval())
		wantError(t, err, chat.ErrorRefused, "is_archived")
		ref, err := r.client.PostAudit(r.ctx, approval())
		r.must(err)
		if ref.Channel != "C0AUDIT002" {
			t.Errorf("posted to %s", ref.Channel)
		}
	})
}

// TestDirectChatIsOpened: where Slack does not know whom to write to, the chat is opened,
// once.
func TestDirectChatIsOpened(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		r.Faults().Fail("chat.postMessage", "channel_not_found")
		for range 3 {
			ref, err := r.client.Post(r.ctx, chat.Recipient{ID: bob}, approval(), chat.PriorityApprover)
			r.must(err)
			if ms := r.As(bob).DMs(); ms[len(ms)-1].Channel != ref.Channel || ms[len(ms)-1].TS != ref.Message {
				t.Errorf("posted at %v, bob sees %v", ref, ms)
			}
		}
		if n := len(r.Calls("conversations.open")); n != 1 {
			t.Errorf("it was opened %d times", n)
		}
		if n := len(r.Calls("chat.postMessage")); n != 4 {
			t.Errorf("%d posts were tried, want 4", n)
		}
	})
}

// TestDirectChatThatIsGone: what was remembered of a chat is forgotten with it.
func TestDirectChatThatIsGone(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		post := func() error {
			_, err := r.client.Post(r.ctx, chat.Recipient{ID: bob}, approval(), chat.PriorityApprover)
			return err
		}
		r.must(post())
		r.Faults().Fail("chat.postMessage", "channel_not_found", "channel_not_found")
		wantError(t, post(), chat.ErrorGone, "channel_not_found")
		if _, known := r.client.directs.Get(bob); known {
			t.Error("the chat that is gone is remembered")
		}
		r.must(post())
	})
}

func TestManyChannels(t *testing.T) {
	o := world()
	for i := range 1500 {
		o.Channels = append(o.Channels, slacksim.Channel{Name: fmt.Sprintf("team-%04d", i)})
	}
	o.Channels = append(o.Channels, slacksim.Channel{Name: "zz-audit", Private: true, BotMember: true, Members: []string{bob}})
	quiet(t, o, func(r *rig) {
		r.client.audit = "#zz-audit"
		_, err := r.client.PostAudit(r.ctx, approval())
		r.must(err)
	})
}

func TestLostAnswerOfAPost(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		_, err := r.client.Post(r.ctx, chat.Recipient{ID: bob}, approval(), chat.PriorityApprover)
		r.must(err)
		since := time.Now()
		r.Faults().LoseAnswer("chat.postMessage", 1)
		_, err = r.client.PostKeyed(r.ctx, chat.Recipient{ID: bob}, approval(), chat.PriorityApprover, "card/AR-12/bob")
		wantError(t, err, chat.ErrorUnknown, platform.CodeNetwork)
		if n := len(r.Calls("chat.postMessage")); n > 2 {
			t.Errorf("a post of unknown outcome was repeated: %d calls", n)
		}
		ref, found, err := r.client.FindPost(r.ctx, chat.Recipient{ID: bob}, "card/AR-12/bob", since, chat.PriorityApprover)
		r.must(err)
		if ms := r.As(bob).DMs(); !found || len(ms) != 2 || ref.Message != ms[1].TS {
			t.Errorf("found %v %+v among %d messages", found, ref, len(ms))
		}
		if _, found, err = r.client.FindPost(r.ctx, chat.Recipient{ID: bob}, "another", since, chat.PriorityApprover); found || err != nil {
			t.Errorf("found what was not posted: %v", err)
		}
	})
}

func TestOutagesAreClassified(t *testing.T) {
	for outage, want := range map[slacksim.Outage]struct {
		code         string
		post, update chat.ErrorKind
	}{
		slacksim.Refuse:      {platform.CodeNetwork, chat.ErrorUnknown, chat.ErrorRetry},
		slacksim.ServerError: {"http_500", chat.ErrorUnknown, chat.ErrorRetry},
		slacksim.Hang:        {platform.CodeTimeout, chat.ErrorUnknown, chat.ErrorRetry},
	} {
		t.Run(string(outage), func(t *testing.T) {
			quiet(t, world(), func(r *rig) {
				ref, err := r.client.Post(r.ctx, chat.Recipient{ID: bob}, approval(), chat.PriorityApprover)
				r.must(err)
				r.Faults().Outage(outage, time.Hour)
				_, err = r.client.Post(r.ctx, chat.Recipient{ID: bob}, approval(), chat.PriorityApprover)
				wantError(t, err, want.post, want.code)
				wantError(t, r.client.Update(r.ctx, ref, approval(), chat.PriorityApprover), want.update, want.code)
			})
		})
	}
}

func TestCancelledWhileWaitingIsNotSent(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		_, err := r.client.PostAudit(r.ctx, approval())
		r.must(err)
		ctx, cancel := context.WithTimeout(r.ctx, time.Millisecond)
		defer cancel()
		_, err = r.client.PostAudit(ctx, approval())
		wantError(t, err, chat.ErrorRetry, "not_sent")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v hides the context's error", err)
		}
		if n := len(r.Calls("chat.postMessage")); n != 1 {
			t.Errorf("%d messages were posted", n)
		}
	})
}

func TestErrorsNameNoSecret(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		r.Faults().Outage(slacksim.Refuse, time.Hour)
		var all strings.Builder
		_, err := r.client.Post(r.ctx, chat.Recipient{Email: "bob@example.com"}, approval(), chat.PriorityApprover)
		fmt.Fprintf(&all, "%v %+v\n", err, err)
		err = r.client.respond(r.ctx, "http://slack.test/response/T0/1/very-secret", approval())
		fmt.Fprintf(&all, "%v %+v\n", err, err)
		err = classify("x", true, &url.Error{Op: "Post", URL: "https://hooks.slack.com/very-secret", Err: io.EOF})
		fmt.Fprintf(&all, "%v %+v\n", err, err)
		report := r.client.Check(r.ctx)
		fmt.Fprintf(&all, "%v %+v %v %#v\n", report, report, report.Problems(), r.options)
		fmt.Fprintf(&all, "%v %+v %s\n", r.options, r.options, r.log)
		for _, secret := range []string{r.BotToken(), r.AppToken(), "very-secret"} {
			if strings.Contains(all.String(), secret) {
				t.Errorf("%s is in:\n%s", secret, all.String())
			}
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	for name, tc := range map[string]struct {
		o    Options
		want string
	}{
		"no token":     {Options{}, "slack.bot_token is empty"},
		"no slash":     {Options{BotToken: "xoxb-1", APIURL: "https://slack.com/api"}, "does not end in /"},
		"no app token": {Options{BotToken: "xoxb-1"}, "slack.app_token is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := NewClient(tc.o)
			if err == nil {
				_, err = NewAdapter(tc.o, c, &service{}, platformtest.NewInbox())
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

// TestEveryCodeHasAKind reads the codes from the list below, which is that of the
// methods used here in Slack's documentation.
func TestEveryCodeHasAKind(t *testing.T) {
	for kind, codes := range map[chat.ErrorKind]string{
		chat.ErrorRetry:   "ratelimited rate_limited request_timeout service_unavailable team_added_to_org hash_conflict accesslimited",
		chat.ErrorUnknown: "internal_error fatal_error operation_timeout",
		chat.ErrorGone: `users_not_found user_not_found user_not_visible user_disabled cannot_dm_bot user_not_in_channel channel_not_found is_archived
			message_not_found cant_update_message cant_delete_message edit_window_closed cannot_reply_to_message no_such_subteam not_found
			expired_trigger_id exchanged_trigger_id invalid_trigger_id`,
		chat.ErrorRefused: `invalid_arguments invalid_blocks invalid_blocks_format no_text msg_too_long msg_blocks_too_long too_many_attachments
			markdown_text_conflict metadata_too_large invalid_metadata_format invalid_metadata_schema not_in_channel block_mismatch duplicate_external_id
			view_too_large push_limit_reached only_one_table_allowed plan_upgrade_required missing_args insecure_request invalid_auth not_authed
			account_inactive token_revoked token_expired missing_scope not_allowed_token_type forbidden_team restricted_action access_denied
			something_new`,
	} {
		for code := range strings.FieldsSeq(codes) {
			err := classify("chat.postMessage", false, slack.SlackErrorResponse{Err: code})
			wantError(t, err, kind, code)
			again := kind
			if kind == chat.ErrorUnknown {
				again = chat.ErrorRetry
			}
			wantError(t, classify("chat.update", true, slack.SlackErrorResponse{Err: code}), again, code)
			if _, known := kinds[code]; !known && code != "something_new" {
				t.Errorf("%s is not in the table", code)
			}
		}
	}
}

func TestClassifyTransport(t *testing.T) {
	dial := &url.Error{Op: "Post", URL: "https://slack.com/api/x", Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}
	for name, tc := range map[string]struct {
		err        error
		once, many chat.ErrorKind
		after      time.Duration
	}{
		"limited":         {&slack.RateLimitedError{RetryAfter: 7 * time.Second}, chat.ErrorRetry, chat.ErrorRetry, 7 * time.Second},
		"limited, now":    {&slack.RateLimitedError{}, chat.ErrorRetry, chat.ErrorRetry, time.Second},
		"limited, when?":  {slack.StatusCodeError{Code: http.StatusTooManyRequests}, chat.ErrorRetry, chat.ErrorRetry, retryAfterUnsaid},
		"server":          {slack.StatusCodeError{Code: 503}, chat.ErrorUnknown, chat.ErrorRetry, 0},
		"client":          {slack.StatusCodeError{Code: 404}, chat.ErrorRefused, chat.ErrorRefused, 0},
		"dial":            {dial, chat.ErrorRetry, chat.ErrorRetry, 0},
		"cut off":         {io.ErrUnexpectedEOF, chat.ErrorUnknown, chat.ErrorRetry, 0},
		"timeout":         {os.ErrDeadlineExceeded, chat.ErrorUnknown, chat.ErrorRetry, 0},
		"wrapped timeout": {fmt.Errorf("x: %w", context.DeadlineExceeded), chat.ErrorUnknown, chat.ErrorRetry, 0},
	} {
		t.Run(name, func(t *testing.T) {
			once, many := classify("m", false, tc.err), classify("m", true, tc.err)
			if chat.KindOf(once) != tc.once || chat.KindOf(many) != tc.many || chat.RetryAfterOf(once) != tc.after {
				t.Errorf("%v and %v after %v, want %s and %s after %v", once, many, chat.RetryAfterOf(once), tc.once, tc.many, tc.after)
			}
		})
	}
	if classify("m", true, nil) != nil {
		t.Error("success is an error")
	}
}

func TestAccounts(t *testing.T) {
	o := world()
	o.Users = append(o.Users,
		slacksim.User{ID: "U0KELVIN01", RealName: "Kelvin", Email: "\u212Aim@ex\u00C4mple.com"},
		slacksim.User{ID: "U0UNCONF01", RealName: "Uma", Email: "Uma@Example.com", EmailUnconfirmed: true},
		slacksim.User{ID: "U0TWIN0001", RealName: "Alice", Email: "alice@example.com"},
		slacksim.User{ID: "U0GUEST001", Email: "guest@example.com", IsRestricted: true},
		slacksim.User{ID: "U0GUEST002", Email: "single@example.com", IsUltraRestricted: true},
		slacksim.User{ID: "U0ROBOT001", IsBot: true},
		slacksim.User{ID: "U0STRANGE1", IsStranger: true, TeamID: "T0ELSEWHERE"},
		slacksim.User{ID: "U0OTHER001", Email: "other@example.com", TeamID: "T0ELSEWHERE"},
		slacksim.User{ID: "U0LEFT0001", Email: "left@example.com", Deleted: true},
	)
	quiet(t, o, func(r *rig) {
		of := func(id, team string) chat.Account {
			a, err := r.client.Account(r.ctx, chat.User{Platform: "slack", ID: id, Team: team}, chat.PriorityNow)
			r.must(err)
			return a
		}
		a := of(alice, "T0WORKSPACE")
		if a.Name != "Alice" || a.Email != "alice@example.com" || !a.EmailVerified || a.TimeZone != "Europe/Berlin" || a.Bot || a.Guest || a.External || a.Deactivated {
			t.Errorf("Alice is %+v", a)
		}
		if a, k := of("U0UNCONF01", ""), of("U0KELVIN01", ""); a.EmailVerified || a.Email != "uma@example.com" || k.Email != "\u212Aim@ex\u00E4mple.com" {
			t.Errorf("an unconfirmed address is %+v, one with a sign that is no k is %+v", a, k)
		}
		shared := func(id string) bool {
			yes, err := r.client.Shared(r.ctx, of(id, ""), chat.PriorityNow)
			r.must(err)
			return yes
		}
		if shared(alice) || !shared("U0TWIN0001") || shared("U0UNCONF01") {
			t.Error("who shares an address with somebody else is not told apart")
		}
		if !of("U0GUEST001", "").Guest || !of("U0GUEST002", "").Guest {
			t.Error("guests are members")
		}
		if !of("U0ROBOT001", "").Bot {
			t.Error("a bot is a person")
		}
		if !of("U0STRANGE1", "").External || !of("U0OTHER001", "").External {
			t.Error("strangers belong here")
		}
		if !of(alice, "T0ELSEWHERE").External {
			t.Error("an event that claims another team is taken for one of ours")
		}
		if !of("U0LEFT0001", "").Deactivated {
			t.Error("who has left is here")
		}
		_, err := r.client.Account(r.ctx, chat.User{Platform: "slack", ID: "U0NOBODY01"}, chat.PriorityNow)
		wantError(t, err, chat.ErrorGone, "user_not_found")
		_, err = r.client.Account(r.ctx, chat.User{Platform: "teams", ID: alice}, chat.PriorityNow)
		wantError(t, err, chat.ErrorGone, "user_not_found")

		before := len(r.Calls("users.info"))
		of(alice, "")
		if len(r.Calls("users.info")) != before {
			t.Error("a fresh answer was not believed")
		}
		r.SetUser(slacksim.User{ID: alice, Name: "alice", Email: "alice@example.com", Deleted: true})
		time.Sleep(accountTTL)
		if !of(alice, "").Deactivated {
			t.Error("a deactivation was not noticed within a minute")
		}
	})
}

func TestAccountOfAGrid(t *testing.T) {
	self := &slack.AuthTestResponse{TeamID: "T1", EnterpriseID: "E1"}
	member := slack.EnterpriseUser{EnterpriseID: "E1", Teams: []string{"T1", "T2"}}
	for name, tc := range map[string]struct {
		user slack.User
		want bool
	}{
		"same workspace":           {slack.User{TeamID: "T1"}, false},
		"another of the grid":      {slack.User{TeamID: "T2", Enterprise: member}, false},
		"the grid itself":          {slack.User{TeamID: "E1", Enterprise: member}, false},
		"workspace not theirs":     {slack.User{TeamID: "T3", Enterprise: member}, true},
		"another grid":             {slack.User{TeamID: "T2", Enterprise: slack.EnterpriseUser{EnterpriseID: "E2", Teams: []string{"T2"}}}, true},
		"no team":                  {slack.User{}, true},
		"stranger in our team":     {slack.User{TeamID: "T1", IsStranger: true}, true},
		"a workspace without grid": {slack.User{TeamID: "T2"}, true},
	} {
		if got := account(&tc.user, self).External; got != tc.want {
			t.Errorf("%s: external %v, want %v", name, got, tc.want)
		}
	}
	if !account(&slack.User{}, &slack.AuthTestResponse{}).External {
		t.Error("nobody of nowhere belongs here")
	}
	if !account(&slack.User{ID: "USLACKBOT", TeamID: "T1"}, self).Bot {
		t.Error("Slackbot is a person")
	}
}

// TestNothingIsRecognisedByItsText guards the one place that reads slack-go's trace.
func TestNothingIsRecognisedByItsText(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	suspicious := regexp.MustCompile(`(strings\.(Contains|HasPrefix|HasSuffix|EqualFold)|==)[^\n]*\.Error\(\)`)
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if m := suspicious.Find(b); m != nil {
			t.Errorf("%s recognises an error by its text: %s", f.Name(), m)
		}
	}
}
