package slacksim

import (
	"testing"
)

// FuzzChecks: whatever comes in, the checks answer, and what passes as blocks can be stored and read.
func FuzzChecks(f *testing.F) {
	for _, seed := range []string{
		`[]`, `{}`, `null`, `[null]`, `[{"type":"section","text":` + plain("t") + `}]`, `[` + actions(btnJSON("b", "a", "v")) + `]`,
		`[` + input(`{"type":"multi_static_select","option_groups":[{"label":`+plain("g")+`,"options":`+opts(2)+`}],"initial_options":`+opts(1)+`}`) + `]`,
		modal(`,"submit":`+plain("s"), input(`{"type":"plain_text_input"}`)), `{"type":"home","blocks":[` + section("*t* <@U1> `x`") + `]}`,
		`[{"type":"table","rows":[[{"type":"raw_text","text":"a"}]]},{"type":"carousel","elements":[{"type":"card","title":` + plain("c") + `}]}]`,
		`[{"type":"container","title":` + plain("t") + `,"child_blocks":[` + actions(btnJSON("b", "a", "v")) + `]},{"type":"layout","label":"l","rows":[{"items":[{"block":{"type":"divider"}}]}]}]`,
		`[{"type":"rich_text","elements":[{"type":"rich_text_list","style":"ordered","elements":[{"type":"rich_text_section","elements":[{"type":"date","timestamp":1,"format":"{ago}"}]}]}]}]`,
		`[{"type":"section","fields":null,"text":1,"accessory":[]}]`, `[{"type":"input","element":{"type":"number_input","min_value":1}}]`,
	} {
		f.Add([]byte(seed))
	}
	w := New(world())
	f.Cleanup(w.Close)
	f.Fuzz(func(_ *testing.T, raw []byte) {
		_, _ = CheckModal(raw), CheckHome(raw)
		if CheckBlocks(raw) != nil {
			return
		}
		v, err := decodeJSON(raw)
		if err != nil {
			panic(err)
		}
		list, _ := v.(arr)
		w.mu.Lock()
		defer w.unlock()
		m := &message{channel: "C0GENERAL1", blocks: w.nameBlocks(clone(list))}
		_ = w.show(m, "U0ALICE001").String()
		_ = stateJSON(m.blocks, m.of("U0ALICE001"))
		_ = w.messageJSON(m)
	})
}
