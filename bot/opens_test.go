package bot_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"apono/bot/chat"
)

// allActions are the constants of package chat.
func allActions(t *testing.T) (out []chat.ActionID) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "chat/card.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := v.Type.(*ast.Ident); !ok || typ.Name != "ActionID" {
			return true
		}
		id, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, chat.ActionID(id))
		return true
	})
	if len(out) < 20 {
		t.Fatalf("only %v: are these the actions?", out)
	}
	return out
}

// TestWhatOpensADialogSaysSo: platforms that have to know before the press whether it
// opens a dialog go by ActionID.Opens, so every action that can must be in it, and no
// other.
func TestWhatOpensADialogSaysSo(t *testing.T) {
	pending := func(o *office) { o.ask("k") }
	active := func(o *office) { o.ask("k"); o.activate("AR-1") }
	favorite := func(o *office) {
		pending(o)
		o.click("alice", chat.ActionStar, "AR-1")
	}
	target := chat.Target{Integration: "pg"}
	presses := map[chat.ActionID]struct {
		who     string
		prepare func(o *office)
		of      chat.Target // without the request: AR-1
	}{
		chat.ActionDeny: {who: "bob", prepare: pending}, chat.ActionDetails: {who: "bob", prepare: pending}, chat.ActionLess: {who: "bob", prepare: pending},
		chat.ActionWithdraw: {who: "alice", prepare: pending}, chat.ActionAgain: {who: "alice", prepare: pending}, chat.ActionStar: {who: "alice", prepare: pending},
		chat.ActionEndAccess: {who: "alice", prepare: active}, chat.ActionCredentials: {who: "alice", prepare: active, of: target}, chat.ActionReset: {who: "alice", prepare: active, of: target},
		chat.ActionExtend: {who: "alice", prepare: func(o *office) {
			o.policy.Flows[0].Settings.MaxExtensions = 1
			o.change()
			active(o)
		}},
		chat.ActionExplain: {who: "alice", prepare: func(o *office) {
			o.policy.Flows[0].Settings.BreakGlass, o.policy.Flows[0].Approval = true, nil
			o.change()
			pending(o)
		}},
		chat.ActionMoreRequests: {who: "alice", prepare: pending}, chat.ActionMoreTasks: {who: "bob", prepare: pending}, chat.ActionMoreActivity: {who: "eve", prepare: pending},
		chat.ActionRequest: {who: "alice"}, chat.ActionAskFavorite: {who: "alice", prepare: favorite}, chat.ActionUnstar: {who: "alice", prepare: favorite},
		// What the service answers elsewhere, or with a sentence alone.
		chat.ActionMode: {who: "alice"}, chat.ActionPage: {who: "alice"}, chat.ActionProceed: {who: "alice"}, chat.ActionDiscard: {who: "alice"}, chat.ActionStopDelegation: {who: "alice"},
	}
	for _, id := range allActions(t) {
		if id == chat.ActionApprove { // where the flow requires a reason
			continue
		}
		p, ok := presses[id]
		if !ok {
			t.Errorf("%s is not pressed here: is it one that opens a dialog?", id)
			continue
		}
		t.Run(string(id), func(t *testing.T) {
			o := newOffice(t)
			to := p.of
			if p.prepare != nil {
				p.prepare(o)
				r := o.request("AR-1")
				to.Request, to.Stamp = r.ID, r.Stamp
			}
			if id == chat.ActionAskFavorite || id == chat.ActionUnstar {
				all, err := o.store.Favorites("alice@example.com")
				if err != nil || len(all) != 1 {
					t.Fatalf("%v, %v", all, err)
				}
				to.Item = all[0].ID
			}
			if a := o.clickOn(p.who, id, to); (a.Open != nil) != id.Opens() {
				t.Errorf("it opens a dialog: %t, said beforehand: %t; %s", a.Open != nil, id.Opens(), said(a))
			}
		})
	}
}
