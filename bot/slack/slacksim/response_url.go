package slacksim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Limits of a response_url.
const (
	responseUses = 5
	responseLife = 30 * time.Minute
)

// responseURL is the right to answer one interaction.
type responseURL struct {
	user, channel, ts string // ts: the message that was acted on, empty for commands
	ephemeral         bool
	uses              int
	minted            time.Time
}

// mintURL makes a response_url on the host that the app knows.
func (w *Workspace) mintURL(host, kind string, r responseURL) string {
	r.minted = time.Now()
	path := "/" + kind + "/" + w.opts.TeamID + "/" + itoa64(time.Now().UnixMicro()) + "/" + w.ids.hex(24)
	w.hooks[path] = &r
	return "http://" + host + path
}

// hookOf returns what a minted URL stands for.
func (w *Workspace) hookOf(link string) *responseURL {
	u, err := url.Parse(link)
	if err != nil {
		return nil
	}
	return w.hooks[u.Path]
}

func (w *Workspace) serveResponseURL(rw http.ResponseWriter, r *http.Request) {
	if !w.passOutage(rw, r) {
		return
	}
	c := &call{Workspace: w, method: "response_url", host: r.Host, status: http.StatusOK}
	r.Header.Del("Authorization")
	_, err := c.read(r)
	w.mu.Lock()
	if v, ok := c.args["payload"].(string); ok && !c.isJSON { // payload= is how forms carry it
		c.args = obj{}
		if o, e := decodeJSON([]byte(v)); e == nil {
			c.args, _ = o.(obj)
		}
	}
	if err == nil {
		err = c.respond(w.hooks[r.URL.Path])
	}
	body, status := obj{"ok": true}, http.StatusOK
	code := ""
	if err != nil {
		body = answerOf(err)
		code, _ = body["error"].(string)
		if code == "expired_url" || code == "used_url" {
			status = http.StatusNotFound
		}
	}
	raw, _ := json.Marshal(body)
	w.log(Entry{Kind: "response_url", Method: "response_url", Args: c.args, Status: status, Answer: raw, Err: code})
	w.unlock()
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write(raw)
}

func truth(v any) bool { return v == true || v == "true" }

// respond does what was posted to a response_url.
func (c *call) respond(h *responseURL) error {
	switch {
	case h == nil || time.Since(h.minted) > responseLife:
		return fail("expired_url")
	case h.uses >= responseUses:
		return fail("used_url")
	}
	if m, ok := c.args["metadata"].(obj); ok && m["event_type"] == "" {
		delete(c.args, "metadata") // SDKs send an empty one
	}
	return c.answer(h, true)
}

// answer shows what an ack or a response_url carries. count says whether it uses the URL up.
func (c *call) answer(h *responseURL, count bool) error {
	ch := c.channels[h.channel]
	if ch == nil {
		return fail("channel_not_found")
	}
	original := ch.message(h.ts)
	if i := slices.IndexFunc(ch.ephemerals, func(m *message) bool { return m.ts == h.ts }); i >= 0 {
		original = ch.ephemerals[i]
	}
	if truth(c.args["delete_original"]) {
		if original == nil || !original.byApp {
			return fail("message_not_found")
		}
		h.uses++
		c.remove(ch, original)
		return nil
	}
	ct, err := c.content()
	if err != nil {
		return err
	}
	if ct.empty() {
		return fail("no_text")
	}
	kind := c.str("response_type")
	if kind != "" && kind != "ephemeral" && kind != "in_channel" {
		return fail("invalid_arguments")
	}
	if count {
		h.uses++
	}
	if truth(c.args["replace_original"]) && original != nil && original.byApp {
		c.edit(original, ct)
		kind := "message"
		if original.ephemeralTo != "" {
			kind = "ephemeral"
		}
		c.changed(Change{Kind: kind, Channel: ch.ID, TS: original.ts, User: original.ephemeralTo})
		return nil
	}
	m := &message{channel: ch.ID}
	if kind != "in_channel" {
		m.ephemeralTo = h.user
	}
	if ts := c.str("thread_ts"); ts != "" && ch.message(ts) != nil {
		m.thread = ts
	}
	c.fill(m, ct)
	c.store(ch, m)
	return nil
}
