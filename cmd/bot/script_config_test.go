package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing/synctest"

	"apono/bot/slack/slacksim"
)

// save replaces the file as a whole, as editors do, and lets the bot see it.
func (s *script) save(_ bool, args []string) {
	b, err := os.ReadFile(filepath.Join(s.world.dir, args[0]))
	s.ts.Check(err)
	s.world.text = s.base + string(b)
	s.saved()
}

// edit replaces old, new, …; \n in them is the end of a line.
func (s *script) edit(_ bool, args []string) {
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], `\n`, "\n")
	}
	for i := 0; i+1 < len(args); i += 2 {
		s.want(false, strings.Contains(s.world.text, args[i]), "the configuration holds %q", args[i])
		s.world.text = strings.ReplaceAll(s.world.text, args[i], args[i+1])
	}
	s.saved()
}

func (s *script) saved() {
	fresh := s.world.config + "~"
	s.ts.Check(os.WriteFile(fresh, []byte(s.world.fill(s.world.path)), 0o600))
	s.ts.Check(os.Rename(fresh, s.world.config))
	s.advance(false, []string{"3s"})
}

// write writes the configuration in place and in pieces, each ending with a text.
func (s *script) write(_ bool, args []string) {
	text := s.world.fill(s.world.path)
	for _, end := range append(args, "") {
		piece, _, found := strings.Cut(text, end)
		s.want(false, found, "the configuration holds %q", end)
		if end == "" {
			piece = text
		}
		s.ts.Check(os.WriteFile(s.world.config, []byte(piece), 0o600))
		s.advance(false, []string{"700ms"})
	}
	s.advance(false, []string{"3s"})
}

func (s *script) hangup(bool, []string) {
	s.world.current().hangup <- struct{}{}
	s.advance(false, []string{"3s"})
}

// tells wants exactly one message of the audit channel, or as many as is said.
func (s *script) tells(neg bool, args []string) {
	want := 1
	if n, isCount := strings.CutSuffix(args[0], "x"); isCount {
		var err error
		want, err = strconv.Atoi(n)
		s.ts.Check(err)
		args = args[1:]
	}
	count := func() (n int) {
		for _, text := range s.stage.audited() {
			if s.match(text, args) {
				n++
			}
		}
		return n
	}
	s.want(neg, s.await(neg, func() bool { return count() == want }), "the audit channel says %q %d times; it says:\n%s", args, want, strings.Join(s.stage.audited(), "\n---\n"))
}

// targetLoses takes the last resources out of what a system has offered at first.
func (s *script) targetLoses(_ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	s.ts.Check(err)
	offer := offers()[args[0]].Offer
	offer.Resources = offer.Resources[:len(offer.Resources)-n]
	s.system(args[0]).Offers(offer)
}

func (s *script) sync(_ bool, args []string) {
	s.world.current().app.living.Sync(s.ctx, args...)
	synctest.Wait()
}

// file wants one file in the audit channel that has all patterns.
func (s *script) file(neg bool, args []string) {
	found := 0
	for _, m := range s.world.ws.Messages("#access-audit") {
		for _, id := range m.Files {
			if data, there := s.world.ws.File(id); there && s.match(string(data), args) {
				found++
			}
		}
	}
	s.want(neg, found == 1, "%d files in the audit channel have %q", found, args)
}

func (s *script) unreachable(_ bool, args []string) {
	for _, u := range s.world.ws.Users() {
		if u.ID == slackID(args[0]) {
			u.Deleted = true
			s.world.ws.SetUser(u)
			return
		}
	}
	s.ts.Fatalf("there is nobody called %s", args[0])
}

// usergroup says who is in a user group of Slack.
func (s *script) usergroup(_ bool, args []string) {
	g := slacksim.UserGroup{ID: "S0" + strings.ToUpper(args[0]), Handle: args[0]}
	for _, handle := range args[1:] {
		g.Users = append(g.Users, slackID(handle))
	}
	s.world.ws.SetGroup(g)
}

// apiToken is that of the tool that puts tags.
const apiToken = "a-token-that-nobody-guesses"

// putTags wants a status and patterns of the answer.
func (s *script) putTags(_ bool, args []string) {
	body, err := os.ReadFile(filepath.Join(s.world.dir, args[0]))
	s.ts.Check(err)
	r := httptest.NewRequestWithContext(s.ctx, http.MethodPut, "/api/v1/tags", bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+apiToken)
	r.Header.Set("Content-Type", "application/x-ndjson")
	w := httptest.NewRecorder()
	s.world.current().app.routes(http.NotFoundHandler()).ServeHTTP(w, r)
	s.want(false, strconv.Itoa(w.Code) == args[1] && s.match(w.Body.String(), args[2:]), "the answer is %s %q; it is %d %s", args[1], args[2:], w.Code, w.Body)
	synctest.Wait()
}
