package demo

import (
	"strings"
	"testing"
	"time"
)

// TestLog: what Slack refuses is shown in its own words, from the first call of the bot on, and an open page hears of it though
// nothing else changes.
func TestLog(t *testing.T) {
	w := newWorld(t)
	wake, leave := w.hub.join()
	defer leave()
	w.call("chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "x", "blocks": `[{"type":"section","text":{"type":"mrkdwn","text":"t"},"colour":"red"}]`})
	w.call("chat.postMessage", map[string]string{"channel": "C0NOWHERE1", "text": "x"})
	select {
	case <-wake:
	case <-time.After(2 * time.Minute):
		t.Error("no page was told")
	}
	html := w.get("/?log=refused").Body.String()
	has(t, html, "invalid_blocks", "colour", "channel_not_found", "chat.postMessage", "2<span class=\"hide\"> refused</span>")
	w.call("auth.test", nil)
	lacks(t, w.get("/?log=refused").Body.String(), "auth.test")
	has(t, w.get("/?log=all").Body.String(), "auth.test")
}

// TestLogOfAcks: what an app does wrong in ways that Slack does not report is told too, such as an acknowledgement that comes
// too late.
func TestLogOfAcks(t *testing.T) {
	t.Parallel() // it waits for three seconds
	w := newWorld(t)
	app := w.connect()
	told := make(chan string, 1)
	go func() { told <- w.order(order{Do: "say", Who: alice, At: "C0GENERAL1", Text: "/apono"}) }()
	var command struct {
		ID   string `json:"envelope_id"`
		Kind string `json:"type"`
	}
	for command.Kind != "slash_commands" {
		if err := app.ReadJSON(&command); err != nil {
			t.Fatal(err)
		}
	}
	if sentence := <-told; !strings.Contains(sentence, "operation_timeout") {
		t.Errorf("Alice reads %q", sentence)
	}
	has(t, w.get("/?log=refused").Body.String(), "no_ack", "no ack for slash_commands within 3 s", "1<span class=\"hide\"> refused</span>")
	wake, leave := w.hub.join()
	defer leave()
	for _, id := range []string{command.ID, "nowhere"} {
		if err := app.WriteJSON(map[string]string{"envelope_id": id}); err != nil {
			t.Fatal(err)
		}
	}
	html := ""
	for !strings.Contains(html, "no envelope with this id was sent") {
		select {
		case <-wake:
		case <-time.After(2 * time.Minute):
			t.Fatal("no page was told")
		}
		html = w.get("/?log=refused").Body.String()
	}
	has(t, html, "late_ack", "ack for slash_commands after ", "unknown_ack", "no envelope with this id was sent")
}
