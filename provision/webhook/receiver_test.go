package webhook_test

import (
	"bufio"
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/provision"
	"apono/provision/provisiontest"
	"apono/provision/webhook"
	"apono/provision/webhook/webhooktest"
)

// receiver starts the example of docs/webhook.md and returns its address.
func receiver(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "python3", "../../docs/webhook/receiver.py", "127.0.0.1:0")
	cmd.Env = append(cmd.Environ(), "RECEIVER_SECRET="+webhooktest.Secret.Reveal())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, address, _ := strings.Cut(strings.TrimSpace(line), "listens on ")
	return address
}

// TestTheReceiverOfTheGuide: what people start their own from does all that the
// driver relies on.
func TestTheReceiverOfTheGuide(t *testing.T) {
	address := receiver(t)
	connect := func(secret string) provision.Connection {
		c, issues := webhook.Type().New(t.Context(), provision.Spec{Name: "deploy", Decode: provisiontest.Decode("url: " + address + "\nsecret: " + secret)})
		if len(issues) > 0 {
			t.Fatal(issues)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	c := connect(webhooktest.Secret.Reveal())
	if err := c.(provision.Pinger).Ping(t.Context()); err != nil {
		t.Error(err)
	}
	offer, err := c.(provision.Discoverer).Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range offer.Resources {
		names = append(names, r.Type+" "+r.Name)
	}
	if diff := cmp.Diff([]string{"environment prod", "environment test"}, names); diff != "" {
		t.Errorf("offer (-want +got):\n%s", diff)
	}
	item := func(resource string) flows.Item {
		return flows.Item{Unit: flows.Unit{Integration: "deploy", ResourceType: "environment", Resource: resource, Permission: "deploy"}, ResourceName: resource, TypeName: "environment", PermissionName: "Deploy"}
	}
	g := provision.Grant{ID: "AR-1/deploy", Request: "AR-1", Person: flows.PersonRef{Email: "alice@example.com"}, Items: []flows.Item{item("prod")}, Call: "1"}
	d := c.(provision.Driver)
	for range 2 {
		if _, err := d.Grant(t.Context(), g); err != nil {
			t.Errorf("grant: %v", err)
		}
	}
	for _, call := range []string{"2", "2", "3"} { // repeated, and once more of what is gone
		g.Call = call
		if err := d.Revoke(t.Context(), g); err != nil {
			t.Errorf("revoke: %v", err)
		}
	}
	g.Items, g.Call = []flows.Item{item("nowhere")}, "4"
	if _, err := d.Grant(t.Context(), g); provision.KindOf(err) != provision.KindRefused {
		t.Errorf("a grant of what is not there: %v, want refused", err)
	}
	if err := connect("whsec_d3Jvbmd3cm9uZ3dyb25nd3Jvbmd3cm9uZw==").(provision.Pinger).Ping(t.Context()); provision.KindOf(err) != provision.KindRefused {
		t.Errorf("with a wrong secret: %v, want refused", err)
	}
}
