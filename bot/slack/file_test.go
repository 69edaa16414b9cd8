package slack

import (
	"strings"
	"testing"

	"apono/bot/chat"
)

// A file is shown in a channel by its name, or to a person, and once.
func TestFiles(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		for _, to := range []struct {
			channel string
			person  chat.Recipient
		}{{"#access-audit", chat.Recipient{}}, {"", chat.Recipient{Email: "alice@example.com"}}} {
			data := "seq,time\n1,ünï <&>\n"
			id, err := r.client.UploadFile(r.ctx, "weekly.csv", []byte(data))
			if err != nil {
				r.t.Fatal(err)
			}
			if _, there := r.File(id); there {
				r.t.Error("the file is there before it is shared")
			}
			if err := r.client.ShareFile(r.ctx, id, "Weekly", to.channel, to.person, "What happened <!channel>"); err != nil {
				r.t.Fatalf("share: %v", err)
			}
			if got, there := r.File(id); !there || string(got) != data {
				r.t.Errorf("the file is %q, %v", got, there)
			}
			err = r.client.ShareFile(r.ctx, id, "Weekly", to.channel, to.person, "again")
			if chat.CodeOf(err) != CodeFileUnknown {
				r.t.Errorf("the second time: %v", err)
			}
		}
		if _, err := r.client.UploadFile(r.ctx, "empty.csv", nil); err == nil {
			r.t.Error("an empty file was taken")
		}
		err := r.client.ShareFile(r.ctx, "F1", "x", "#no-such", chat.Recipient{}, "")
		if err == nil || !strings.Contains(err.Error(), "channel_not_found") {
			r.t.Errorf("of a channel that is not there: %v", err)
		}
	})
}
