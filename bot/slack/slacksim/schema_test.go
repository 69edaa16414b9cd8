package slacksim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func x(n int) string { return strings.Repeat("x", n) }

func many(n int, f func(i int) string) string {
	var parts []string
	for i := range n {
		parts = append(parts, f(i))
	}
	return strings.Join(parts, ",")
}

func opt(i int) string {
	return fmt.Sprintf(`{"text":{"type":"plain_text","text":"o%d"},"value":"v%d"}`, i, i)
}

func opts(n int) string { return "[" + many(n, opt) + "]" }

func section(text string) string {
	return `{"type":"section","text":{"type":"mrkdwn","text":"` + text + `"}}`
}

func accessory(e string) string {
	return `{"type":"section","text":{"type":"plain_text","text":"t"},"accessory":` + e + `}`
}

func actions(e ...string) string {
	return `{"type":"actions","elements":[` + strings.Join(e, ",") + `]}`
}

func input(e string) string {
	return `{"type":"input","label":{"type":"plain_text","text":"l"},"element":` + e + `}`
}

func plain(s string) string { return `{"type":"plain_text","text":"` + s + `"}` }

// problemsOf returns what is wrong with one block, with pointers below it.
func problemsOf(t *testing.T, s surface, js string) []string {
	t.Helper()
	c := newChecker(s)
	anyBlock{}.check(c, mustJSON(t, js), "")
	return problemTexts(c.problems)
}

// TestBlockRules has for every documented limit the last value that is taken and the first that is refused.
func TestBlockRules(t *testing.T) {
	btn := func(more string) string { return `{"type":"button","text":` + plain("b") + more + `}` }
	sel := func(kind, more string) string { return `{"type":"` + kind + `"` + more + `}` }
	static := func(more string) string { return sel("static_select", `,"options":`+opts(2)+more) }
	less := func(n int, at string) string {
		return fmt.Sprintf("must be less than %d characters [json-pointer:%s]", n+1, at)
	}
	items := func(n int, at string) string {
		return fmt.Sprintf("no more than %d items allowed [json-pointer:%s]", n, at)
	}
	few := func(n int, at string) string {
		return fmt.Sprintf("no less than %d items allowed [json-pointer:%s]", n, at)
	}
	type row struct {
		name string
		on   surface
		js   string
		want []string
	}
	ok := func(name, js string) row { return row{name, onModal, js, nil} }
	bad := func(name, js string, want ...string) row { return row{name, onModal, js, want} }
	msg := func(name, js string, want ...string) row { return row{name, onMessage, js, want} }
	rows := []row{
		// section
		ok("section text 3000", section(x(3000))),
		bad("section text 3001", section(x(3001)), less(3000, "/text/text")),
		ok("section text counts characters", section(strings.Repeat("ä", 3000))),
		bad("section text counts UTF-16", section(strings.Repeat("😀", 1501)), less(3000, "/text/text")),
		bad("section text empty", section(""), "must be more than 0 characters [json-pointer:/text/text]"),
		bad("section of nothing", `{"type":"section"}`, "must define either `text` or `fields` [json-pointer:]"),
		ok("section fields 10×2000", `{"type":"section","fields":[`+many(10, func(int) string { return plain(x(2000)) })+`]}`),
		bad("section fields 11", `{"type":"section","fields":[`+many(11, func(int) string { return plain("f") })+`]}`, items(10, "/fields")),
		bad("section field 2001", `{"type":"section","fields":[`+plain(x(2001))+`]}`, less(2000, "/fields/0/text")),
		bad("unknown property", `{"type":"section","text":`+plain("t")+`,"colour":"red"}`, "invalid additional property: colour [json-pointer:]"),
		bad("null property", `{"type":"section","text":`+plain("t")+`,"fields":null}`, "must not be null [json-pointer:/fields]"),
		bad("block_id 256", `{"type":"divider","block_id":"`+x(256)+`"}`, less(255, "/block_id")),
		ok("block_id 255", `{"type":"divider","block_id":"`+x(255)+`"}`),
		bad("block_id empty", `{"type":"divider","block_id":""}`, "must be more than 0 characters [json-pointer:/block_id]"),
		bad("unknown block", `{"type":"sektion"}`, "unsupported type: sektion [json-pointer:/type]"),
		bad("no type", `{"text":1}`, "missing required field: type [json-pointer:]"),
		bad("no object", `"section"`, "must provide an object [json-pointer:]"),
		// text objects
		bad("mrkdwn emoji", `{"type":"section","text":{"type":"mrkdwn","text":"t","emoji":true}}`, "invalid additional property: emoji [json-pointer:/text]"),
		bad("plain verbatim", `{"type":"section","text":{"type":"plain_text","text":"t","verbatim":true}}`, "invalid additional property: verbatim [json-pointer:/text]"),
		bad("text type", `{"type":"section","text":{"type":"html","text":"t"}}`, "unsupported type: html [json-pointer:/text/type]"),
		bad("text without text", `{"type":"section","text":{"type":"mrkdwn"}}`, "missing required field: text [json-pointer:/text]"),
		bad("text as string", `{"type":"section","text":"t"}`, "must provide an object [json-pointer:/text]"),
		// header
		ok("header 150", `{"type":"header","text":`+plain(x(150))+`}`),
		bad("header 151", `{"type":"header","text":`+plain(x(151))+`}`, less(150, "/text/text")),
		bad("header mrkdwn", `{"type":"header","text":{"type":"mrkdwn","text":"t"}}`, "unsupported type: mrkdwn [json-pointer:/text/type]"),
		bad("header without text", `{"type":"header"}`, "missing required field: text [json-pointer:]"),
		// actions
		ok("actions 25", actions(many(25, func(i int) string { return btn(fmt.Sprintf(`,"action_id":"a%d"`, i)) }))),
		bad("actions 26", actions(many(26, func(i int) string { return btn(fmt.Sprintf(`,"action_id":"a%d"`, i)) })), items(25, "/elements")),
		bad("actions 0", actions(), few(1, "/elements")),
		bad("action_id twice", actions(btn(`,"action_id":"a"`), btn(`,"action_id":"a"`)), "`action_id` already exists in this block: a [json-pointer:/elements/1/action_id]"),
		bad("input in actions", actions(`{"type":"plain_text_input"}`),
			"failed to match all allowed schemas [json-pointer:/elements/0]", "unsupported type: plain_text_input [json-pointer:/elements/0/type]"),
		bad("multi select in actions", actions(sel("multi_static_select", `,"options":`+opts(1))),
			"unsupported element: multiselect [json-pointer:]"),
		// context
		ok("context 10", `{"type":"context","elements":[`+many(10, func(int) string { return plain("c") })+`]}`),
		bad("context 11", `{"type":"context","elements":[`+many(11, func(int) string { return plain("c") })+`]}`, items(10, "/elements")),
		bad("button in context", `{"type":"context","elements":[`+btn("")+`]}`, "unsupported type: button [json-pointer:/elements/0/type]"),
		// image
		ok("image", `{"type":"image","alt_text":"a","image_url":"https://x.test/i.png"}`),
		bad("image without alt", `{"type":"image","image_url":"https://x.test/i.png"}`, "missing required field: alt_text [json-pointer:]"),
		bad("image alt 2001", `{"type":"image","alt_text":"`+x(2001)+`","image_url":"https://x.test/i.png"}`, less(2000, "/alt_text")),
		bad("image of nothing", `{"type":"image","alt_text":"a"}`, "must define either `image_url` or `slack_file` [json-pointer:]"),
		bad("image url 3001", `{"type":"image","alt_text":"a","image_url":"https://x.test/`+x(3001-15)+`"}`, less(3000, "/image_url")),
		// buttons
		ok("button", actions(btn(`,"value":"`+x(2000)+`","style":"primary"`))),
		bad("button text 76", actions(`{"type":"button","text":`+plain(x(76))+`}`), less(75, "/elements/0/text/text")),
		bad("button mrkdwn", actions(`{"type":"button","text":{"type":"mrkdwn","text":"b"}}`), "unsupported type: mrkdwn [json-pointer:/elements/0/text/type]"),
		bad("button value 2001", actions(btn(`,"value":"`+x(2001)+`"`)), less(2000, "/elements/0/value")),
		bad("button url 3001", actions(btn(`,"url":"https://x.test/`+x(3001-15)+`"`)), less(3000, "/elements/0/url")),
		bad("button url", actions(btn(`,"url":"javascript:alert(1)"`)), "must be a valid URL [json-pointer:/elements/0/url]"),
		bad("button style", actions(btn(`,"style":"default"`)), "must be a valid enum value [json-pointer:/elements/0/style]"),
		bad("button action_id 256", actions(btn(`,"action_id":"`+x(256)+`"`)), less(255, "/elements/0/action_id")),
		bad("accessibility_label 76", actions(btn(`,"accessibility_label":"`+x(76)+`"`)), less(75, "/elements/0/accessibility_label")),
		bad("button in input", input(btn("")), "failed to match all allowed schemas [json-pointer:/element]", "unsupported type: button [json-pointer:/element/type]"),
		// confirm
		ok("confirm", actions(btn(`,"confirm":{"title":`+plain(x(100))+`,"text":`+plain(x(300))+`,"confirm":`+plain(x(30))+`,"deny":`+plain(x(30))+`}`))),
		bad("confirm too long", actions(btn(`,"confirm":{"title":`+plain(x(101))+`,"text":`+plain(x(301))+`,"confirm":`+plain(x(31))+`,"deny":`+plain(x(31))+`}`)),
			less(30, "/elements/0/confirm/confirm/text"), less(30, "/elements/0/confirm/deny/text"),
			less(300, "/elements/0/confirm/text/text"), less(100, "/elements/0/confirm/title/text")),
		bad("confirm with a type", actions(btn(`,"confirm":{"type":"confirm","title":`+plain("t")+`,"text":`+plain("t")+`,"confirm":`+plain("c")+`,"deny":`+plain("d")+`}`)),
			"invalid additional property: type [json-pointer:/elements/0/confirm]"),
		bad("confirm without deny", actions(btn(`,"confirm":{"title":`+plain("t")+`,"text":`+plain("t")+`,"confirm":`+plain("c")+`}`)),
			"missing required field: deny [json-pointer:/elements/0/confirm]"),
		// options
		ok("option value 150", actions(sel("static_select", `,"options":[{"text":`+plain(x(75))+`,"value":"`+x(150)+`","description":`+plain(x(75))+`}]`))),
		bad("option too long", actions(sel("static_select", `,"options":[{"text":`+plain(x(76))+`,"value":"`+x(151)+`","description":`+plain(x(76))+`}]`)),
			less(75, "/elements/0/options/0/description/text"), less(75, "/elements/0/options/0/text/text"), less(150, "/elements/0/options/0/value")),
		bad("option without value", actions(sel("static_select", `,"options":[{"text":`+plain("t")+`}]`)), "missing required field: value [json-pointer:/elements/0/options/0]"),
		bad("option value empty", actions(sel("static_select", `,"options":[{"text":`+plain("t")+`,"value":""}]`)), "must be more than 0 characters [json-pointer:/elements/0/options/0/value]"),
		bad("option with a type", actions(sel("static_select", `,"options":[{"type":"option","text":`+plain("t")+`,"value":"v"}]`)), "invalid additional property: type [json-pointer:/elements/0/options/0]"),
		bad("option mrkdwn in a menu", actions(sel("static_select", `,"options":[{"text":{"type":"mrkdwn","text":"t"},"value":"v"}]`)), "unsupported type: mrkdwn [json-pointer:/elements/0/options/0/text/type]"),
		bad("option url in a menu", actions(sel("static_select", `,"options":[{"text":`+plain("t")+`,"value":"v","url":"https://x.test"}]`)), "invalid additional property: url [json-pointer:/elements/0/options/0]"),
		bad("option values twice", actions(sel("static_select", `,"options":[`+opt(1)+`,`+opt(1)+`]`)), "option values must be unique: v1 [json-pointer:/elements/0/options/1/value]"),
		ok("options 100", actions(sel("static_select", `,"options":`+opts(100)))),
		bad("options 101", actions(sel("static_select", `,"options":`+opts(101))), items(100, "/elements/0/options")),
		bad("options 0", actions(sel("static_select", `,"options":[]`)), few(1, "/elements/0/options")),
		bad("no options", actions(sel("static_select", ``)), "must define either `options` or `option_groups` [json-pointer:/elements/0]"),
		bad("options and groups", actions(sel("static_select", `,"options":`+opts(1)+`,"option_groups":[{"label":`+plain("g")+`,"options":[`+opt(7)+`]}]`)), "must define either `options` or `option_groups` [json-pointer:/elements/0]"),
		bad("group label 76", actions(sel("static_select", `,"option_groups":[{"label":`+plain(x(76))+`,"options":`+opts(1)+`}]`)), less(75, "/elements/0/option_groups/0/label/text")),
		bad("groups 101", actions(sel("static_select", `,"option_groups":[`+many(101, func(i int) string {
			return fmt.Sprintf(`{"label":%s,"options":[%s]}`, plain("g"), opt(i))
		})+`]`)), items(100, "/elements/0/option_groups")),
		ok("initial among options", actions(static(`,"initial_option":`+opt(1)))),
		ok("initial among groups", actions(sel("static_select", `,"option_groups":[{"label":`+plain("g")+`,"options":`+opts(3)+`}],"initial_option":`+opt(2)))),
		bad("initial not among options", actions(static(`,"initial_option":`+opt(2))), "must match one of the provided options [json-pointer:/elements/0/initial_option]"),
		bad("initial with another text", actions(static(`,"initial_option":{"text":`+plain("other")+`,"value":"v1"}`)), "must match one of the provided options [json-pointer:/elements/0/initial_option]"),
		bad("placeholder 151", actions(static(`,"placeholder":`+plain(x(151)))), less(150, "/elements/0/placeholder/text")),
		bad("external with options", actions(sel("external_select", `,"options":`+opts(1))), "invalid additional property: options [json-pointer:/elements/0]"),
		bad("min_query_length -1", actions(sel("external_select", `,"min_query_length":-1`)), "must be greater than -1 [json-pointer:/elements/0/min_query_length]"),
		bad("max_selected_items 0", input(sel("multi_static_select", `,"options":`+opts(2)+`,"max_selected_items":0`)), "must be greater than 0 [json-pointer:/element/max_selected_items]"),
		bad("more initial than max", input(sel("multi_static_select", `,"options":`+opts(3)+`,"max_selected_items":1,"initial_options":`+opts(2))), items(1, "/element/initial_options")),
		// overflow, boxes
		ok("overflow 5", accessory(sel("overflow", `,"options":`+opts(5)))),
		bad("overflow 6", accessory(sel("overflow", `,"options":`+opts(6))), items(5, "/accessory/options")),
		bad("overflow in input", input(sel("overflow", `,"options":`+opts(2))), "failed to match all allowed schemas [json-pointer:/element]", "unsupported type: overflow [json-pointer:/element/type]"),
		ok("checkboxes 10", input(sel("checkboxes", `,"options":`+opts(10)))),
		bad("checkboxes 11", input(sel("checkboxes", `,"options":`+opts(11))), items(10, "/element/options")),
		ok("checkbox mrkdwn", input(sel("checkboxes", `,"options":[{"text":{"type":"mrkdwn","text":"*t*"},"value":"v"}]`))),
		bad("radio 11", input(sel("radio_buttons", `,"options":`+opts(11))), items(10, "/element/options")),
		bad("radio initial_options", input(sel("radio_buttons", `,"options":`+opts(2)+`,"initial_options":`+opts(1))), "invalid additional property: initial_options [json-pointer:/element]"),
		// inputs
		ok("input", input(sel("plain_text_input", `,"min_length":0,"max_length":3000,"multiline":true`))),
		bad("input label 2001", `{"type":"input","label":`+plain(x(2001))+`,"element":`+sel("plain_text_input", "")+`}`, less(2000, "/label/text")),
		bad("input hint 2001", `{"type":"input","label":`+plain("l")+`,"hint":`+plain(x(2001))+`,"element":`+sel("plain_text_input", "")+`}`, less(2000, "/hint/text")),
		bad("input label mrkdwn", `{"type":"input","label":{"type":"mrkdwn","text":"l"},"element":`+sel("plain_text_input", "")+`}`, "unsupported type: mrkdwn [json-pointer:/label/type]"),
		bad("input without label", `{"type":"input","element":`+sel("plain_text_input", "")+`}`, "missing required field: label [json-pointer:]"),
		bad("min_length 3001", input(sel("plain_text_input", `,"min_length":3001`)), "must be less than 3001 [json-pointer:/element/min_length]"),
		bad("max_length 0", input(sel("plain_text_input", `,"max_length":0`)), "must be greater than 0 [json-pointer:/element/max_length]"),
		bad("max_length 3001", input(sel("plain_text_input", `,"max_length":3001`)), "must be less than 3001 [json-pointer:/element/max_length]"),
		bad("min over max", input(sel("plain_text_input", `,"min_length":5,"max_length":4`)), "`min_length` must not be greater than `max_length` [json-pointer:/element/min_length]"),
		bad("initial over max", input(sel("plain_text_input", `,"max_length":4,"initial_value":"12345"`)), less(4, "/element/initial_value")),
		bad("initial over 3000", input(sel("plain_text_input", `,"initial_value":"`+x(3001)+`"`)), less(3000, "/element/initial_value")),
		bad("text input with confirm", input(sel("plain_text_input", `,"confirm":{}`)), "invalid additional property: confirm [json-pointer:/element]"),
		bad("number without is_decimal_allowed", input(sel("number_input", ``)), "missing required field: is_decimal_allowed [json-pointer:/element]"),
		bad("number range", input(sel("number_input", `,"is_decimal_allowed":false,"min_value":"5","max_value":"4"`)), "`min_value` must not be greater than `max_value` [json-pointer:/element/min_value]"),
		bad("number text", input(sel("number_input", `,"is_decimal_allowed":false,"initial_value":"1.5"`)), "must be a valid number [json-pointer:/element/initial_value]"),
		bad("date", input(sel("datepicker", `,"initial_date":"1.2.2026"`)), "must be a valid date [json-pointer:/element/initial_date]"),
		bad("time", input(sel("timepicker", `,"initial_time":"24:00"`)), "must be a valid time [json-pointer:/element/initial_time]"),
		bad("date time", input(sel("datetimepicker", `,"initial_date_time":17000000000`)), "must be less than 10000000000 [json-pointer:/element/initial_date_time]"),
		bad("files 11", input(sel("file_input", `,"max_files":11`)), "must be less than 11 [json-pointer:/element/max_files]"),
		bad("dispatch config", input(sel("plain_text_input", `,"dispatch_action_config":{"trigger_actions_on":["on_blur"]}`)), "must be a valid enum value [json-pointer:/element/dispatch_action_config/trigger_actions_on/0]"),
		// surfaces
		ok("alert in a modal", `{"type":"alert","text":`+plain(x(200))+`}`),
		bad("alert 201", `{"type":"alert","text":`+plain(x(201))+`}`, less(200, "/text/text")),
		msg("alert in a message", `{"type":"alert","text":`+plain("t")+`}`, "unsupported type: alert [json-pointer:/type]"),
		bad("table in a modal", `{"type":"table","rows":[[{"type":"raw_text","text":"a"}]]}`, "unsupported type: table [json-pointer:/type]"),
		msg("file_input in a message", input(sel("file_input", "")), "failed to match all allowed schemas [json-pointer:/element]", "unsupported type: file_input [json-pointer:/element/type]"),
		msg("focus in a message", input(sel("plain_text_input", `,"focus_on_load":true`)), "only one element can have `focus_on_load`, and only in a view [json-pointer:/element/focus_on_load]"),
		// other blocks of messages
		msg("markdown 12000", `{"type":"markdown","text":"`+x(12000)+`"}`),
		msg("markdown 12001", `{"type":"markdown","text":"`+x(12001)+`"}`, less(12000, "/text")),
		msg("table 101 rows", `{"type":"table","rows":[`+many(101, func(int) string { return `[{"type":"raw_text","text":"a"}]` })+`]}`, items(100, "/rows")),
		msg("table 21 columns", `{"type":"table","rows":[[`+many(21, func(int) string { return `{"type":"raw_text","text":"a"}` })+`]]}`, items(20, "/rows/0")),
		msg("table 10001 characters", `{"type":"table","rows":[[{"type":"raw_text","text":"`+x(10001)+`"}]]}`, less(10000, "/rows")),
		msg("table settings 21", `{"type":"table","rows":[[{"type":"raw_text","text":"a"}]],"column_settings":[`+many(21, func(int) string { return `{"align":"left"}` })+`]}`, items(20, "/column_settings")),
		msg("data_table one row", `{"type":"data_table","caption":"c","rows":[[{"type":"raw_text","text":"a"}]]}`, few(2, "/rows")),
		msg("data_table header", `{"type":"data_table","caption":"c","rows":[[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[]}]}],[{"type":"raw_text","text":"a"}]]}`, "header cells must be of type raw_text [json-pointer:/rows/0/0]"),
		msg("table number cell", `{"type":"table","rows":[[{"type":"raw_number","value":1}]]}`, "unsupported type: raw_number [json-pointer:/rows/0/0/type]"),
		msg("remote file", `{"type":"file","external_id":"F1","source":"remote"}`, "unsupported type: file [json-pointer:/type]"),
		bad("initial options of two groups", input(sel("multi_static_select", `,"option_groups":[{"label":`+plain("g")+`,"options":[`+opt(0)+`]},{"label":`+plain("h")+`,"options":[`+opt(1)+`]}],"initial_options":`+opts(2))),
			"must match options of one of the provided option groups [json-pointer:/element/initial_options]"),
		msg("data_table without caption", `{"type":"data_table","rows":[[{"type":"raw_text","text":"a"}],[{"type":"raw_text","text":"b"}]]}`, "missing required field: caption [json-pointer:]"),
		msg("card of nothing", `{"type":"card","subtitle":`+plain("s")+`}`, "must define at least one of `hero_image`, `title`, `actions` or `body` [json-pointer:]"),
		msg("card too long", `{"type":"card","title":`+plain(x(151))+`,"body":`+plain(x(201))+`}`, less(200, "/body/text"), less(150, "/title/text")),
		msg("card 4 buttons", `{"type":"card","actions":[`+many(4, func(i int) string { return btn(fmt.Sprintf(`,"action_id":"a%d"`, i)) })+`]}`, items(3, "/actions")),
		msg("carousel 11", `{"type":"carousel","elements":[`+many(11, func(int) string { return `{"type":"card","title":` + plain("c") + `}` })+`]}`, items(10, "/elements")),
		msg("container 11", `{"type":"container","title":`+plain("t")+`,"child_blocks":[`+many(11, func(int) string { return `{"type":"divider"}` })+`]}`, items(10, "/child_blocks")),
		msg("container in container", `{"type":"container","title":`+plain("t")+`,"child_blocks":[{"type":"container"}]}`, "unsupported type: container [json-pointer:/child_blocks/0/type]"),
		msg("chart series 7", `{"type":"data_visualization","title":"t","chart":{"type":"bar","axis_config":{"categories":["a"]},"series":[`+many(7, func(i int) string {
			return fmt.Sprintf(`{"name":"s%d","data":[{"label":"a","value":1}]}`, i)
		})+`]}}`, items(6, "/chart/series")),
		msg("layout label 151", `{"type":"layout","label":"`+x(151)+`","rows":[{"items":[{"block":{"type":"divider"}}]}]}`, less(150, "/label")),
		msg("video title 200", `{"type":"video","alt_text":"a","title":`+plain(x(200))+`,"video_url":"https://x.test/v","thumbnail_url":"https://x.test/t"}`,
			less(199, "/title/text"), "Video validation failed: Bot scopes missing: [links:read, links:write, links.embed:write] [json-pointer:]"),
		msg("rich text", `{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"t","style":{"bold":true}},{"type":"user","user_id":"U1"}]}]}`),
		msg("rich text style", `{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"t","style":{"blink":true}}]}]}`, "invalid additional property: blink [json-pointer:/elements/0/elements/0/style]"),
		msg("feedback", `{"type":"context_actions","elements":[{"type":"feedback_buttons","positive_button":{"text":`+plain(x(76))+`,"value":"`+x(2001)+`"},"negative_button":{"text":`+plain("n")+`,"value":"n"}}]}`,
			less(75, "/elements/0/positive_button/text/text"), less(2000, "/elements/0/positive_button/value")),
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			if diff := cmp.Diff(r.want, nilIfEmpty(problemsOf(t, r.on, r.js))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func nilIfEmpty(s []string) []string {
	if len(s) == 0 {
		return nil
	}
	return s
}

func modal(more, blocks string) string {
	return `{"type":"modal","title":` + plain("t") + more + `,"blocks":[` + blocks + `]}`
}

func TestViewRules(t *testing.T) {
	in := input(`{"type":"plain_text_input"}`)
	inputs := func(id string) string {
		return strings.Replace(in, `{"type":"input"`, `{"type":"input","block_id":"`+id+`"`, 1)
	}
	focus := input(`{"type":"plain_text_input","focus_on_load":true}`)
	sub := `,"submit":` + plain("s")
	div := func(n int) string { return many(n, func(int) string { return `{"type":"divider"}` }) }
	for _, r := range []struct {
		name string
		on   surface
		js   string
		code string
		want []string
	}{
		{"plain", onModal, modal("", div(1)), "", nil},
		{"100 blocks", onModal, modal("", div(100)), "", nil},
		{"101 blocks", onModal, modal("", div(101)), "invalid_arguments", []string{"no more than 100 items allowed [json-pointer:/view/blocks]"}},
		{"0 blocks", onModal, modal("", ""), "invalid_arguments", []string{"no less than 1 items allowed [json-pointer:/view/blocks]"}},
		{
			"title 25", onModal, `{"type":"modal","title":` + plain(x(25)) + `,"blocks":[` + div(1) + `]}`, "invalid_arguments",
			[]string{"must be less than 25 characters [json-pointer:/view/title/text]"},
		},
		{"title missing", onModal, `{"type":"modal","blocks":[` + div(1) + `]}`, "invalid_arguments", []string{"missing required field: title [json-pointer:/view]"}},
		{
			"submit and close 25", onModal, modal(`,"submit":`+plain(x(25))+`,"close":`+plain(x(25)), div(1)), "invalid_arguments",
			[]string{"must be less than 25 characters [json-pointer:/view/close/text]", "must be less than 25 characters [json-pointer:/view/submit/text]"},
		},
		{"unknown property", onModal, modal(`,"colour":"red"`, div(1)), "invalid_arguments", []string{"invalid additional property: colour [json-pointer:/view]"}},
		{"private_metadata 3000", onModal, modal(`,"private_metadata":"`+x(3000)+`"`, div(1)), "", nil},
		{"private_metadata 3001", onModal, modal(`,"private_metadata":"`+x(3001)+`"`, div(1)), "invalid_arguments", []string{"must be less than 3001 characters [json-pointer:/view/private_metadata]"}},
		{
			"ids 256", onModal, modal(`,"callback_id":"`+x(256)+`","external_id":"`+x(256)+`"`, div(1)), "invalid_arguments",
			[]string{"must be less than 256 characters [json-pointer:/view/callback_id]", "must be less than 256 characters [json-pointer:/view/external_id]"},
		},
		{"input without submit", onModal, modal("", div(1)+","+in), "invalid_arguments", []string{"must define `submit` to use an `input` block in modals [json-pointer:/view/blocks/1/input]"}},
		{"input with submit", onModal, modal(sub, in), "", nil},
		{"block_id twice", onModal, modal(sub, inputs("b")+","+inputs("b")), "invalid_arguments", []string{"`block_id` already exists: b [json-pointer:/view/blocks/1/block_id]"}},
		{
			"focus twice", onModal, modal(sub, focus+","+focus), "invalid_arguments",
			[]string{"only one element can have `focus_on_load`, and only in a view [json-pointer:/view/blocks/1/element/focus_on_load]"},
		},
		{"too large", onModal, modal("", many(90, func(int) string { return section(x(2999)) })), "view_too_large", nil},
		{"wrong type", onModal, `{"type":"home","title":` + plain("t") + `,"blocks":[` + div(1) + `]}`, "invalid_arguments", []string{"must be a valid enum value [json-pointer:/view/type]"}},
		{"home", onHome, `{"type":"home","blocks":[` + in + `]}`, "", nil},
		{"home with title", onHome, `{"type":"home","title":` + plain("t") + `,"blocks":[` + div(1) + `]}`, "invalid_arguments", []string{"invalid additional property: title [json-pointer:/view]"}},
		{"home with submit", onHome, `{"type":"home","submit":` + plain("t") + `,"blocks":[` + div(1) + `]}`, "invalid_arguments", []string{"invalid additional property: submit [json-pointer:/view]"}},
		{"home with notify_on_close", onHome, `{"type":"home","notify_on_close":true,"blocks":[` + div(1) + `]}`, "invalid_arguments", []string{"invalid additional property: notify_on_close [json-pointer:/view]"}},
		{"home 101 blocks", onHome, `{"type":"home","blocks":[` + div(101) + `]}`, "invalid_arguments", []string{"no more than 100 items allowed [json-pointer:/view/blocks]"}},
	} {
		t.Run(r.name, func(t *testing.T) {
			code, got := said(checkView(mustJSON(t, r.js), r.on))
			if code != r.code {
				t.Errorf("code %q, want %q (%v)", code, r.code, got)
			}
			if diff := cmp.Diff(r.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMessageBlockRules(t *testing.T) {
	table := `{"type":"table","rows":[[{"type":"raw_text","text":"a"}]]}`
	for _, r := range []struct {
		name, js, code string
		want           []string
	}{
		{"50 blocks", "[" + many(50, func(int) string { return `{"type":"divider"}` }) + "]", "", nil},
		{"51 blocks", "[" + many(51, func(int) string { return `{"type":"divider"}` }) + "]", "invalid_blocks", []string{"no more than 50 items allowed [json-pointer:/blocks]"}},
		{"no array", `{"blocks":[]}`, "invalid_blocks_format", nil},
		{"two tables", "[" + table + "," + table + "]", "invalid_attachments", []string{"only_one_table_allowed"}},
		{
			"markdown together", `[{"type":"markdown","text":"` + x(8000) + `"},{"type":"markdown","text":"` + x(4001) + `"}]`, "invalid_blocks",
			[]string{"must be less than 12001 characters in all markdown blocks together [json-pointer:/blocks/1/text]"},
		},
		{"markdown becomes 51 blocks", `[{"type":"markdown","text":"` + strings.Repeat(`# h\n`, 51) + `"}]`, "invalid_blocks", []string{"no more than 50 items allowed [json-pointer:/blocks]"}},
		{"markdown becomes 50 blocks", `[{"type":"markdown","text":"` + strings.Repeat(`# h\ntext\n`, 25) + `"}]`, "", nil},
		{"three charts", "[" + many(3, func(int) string {
			return `{"type":"data_visualization","title":"t","chart":{"type":"pie","segments":[{"label":"a","value":1}]}}`
		}) + "]", "invalid_blocks", []string{"no more than 2 data_visualization blocks allowed [json-pointer:/blocks/2]"}},
		{"too much text", "[" + many(5, func(int) string { return section(x(2700)) }) + "]", "msg_blocks_too_long", nil},
	} {
		t.Run(r.name, func(t *testing.T) {
			code, got := said(checkBlocks(mustJSON(t, r.js), "/blocks"))
			if diff := cmp.Diff(r.want, got); diff != "" || code != r.code {
				t.Errorf("code %q, want %q; messages (-want +got):\n%s", code, r.code, diff)
			}
		})
	}
}

// The shapes are those that Slack is known to answer with.
func TestErrorShapes(t *testing.T) {
	shape := func(err error) string {
		raw, _ := json.Marshal(answerOf(err))
		return string(raw)
	}
	want := `{"error":"invalid_arguments","ok":false,"response_metadata":{"messages":["[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"]}}`
	if got := shape(checkView(mustJSON(t, `{"type":"modal","title":`+plain(x(25))+`,"blocks":[{"type":"divider"}]}`), onModal)); got != want {
		t.Errorf("view:\n got %s\nwant %s", got, want)
	}
	want = `{"error":"invalid_blocks","errors":["no more than 10 items allowed [json-pointer:/blocks/0/fields]"],"ok":false,` +
		`"response_metadata":{"messages":["[ERROR] no more than 10 items allowed [json-pointer:/blocks/0/fields]"]}}`
	got := shape(checkBlocks(mustJSON(t, `[{"type":"section","fields":[`+many(11, func(int) string { return plain("f") })+`]}]`), "/blocks"))
	if got != want {
		t.Errorf("message:\n got %s\nwant %s", got, want)
	}
}

func TestExportedChecks(t *testing.T) {
	for _, r := range []struct {
		name      string
		got, want []string
	}{
		{"blocks", CheckBlocks([]byte(`[` + section("t") + `]`)), nil},
		{"wrong blocks", CheckBlocks([]byte(`[` + section(x(3001)) + `]`)), []string{"must be less than 3001 characters [json-pointer:/blocks/0/text/text]"}},
		{"no JSON", CheckBlocks([]byte(`[`)), []string{"invalid_blocks_format"}},
		{"too much", CheckBlocks([]byte("[" + many(5, func(int) string { return section(x(2700)) }) + "]")), []string{"msg_blocks_too_long"}},
		{"modal", CheckModal([]byte(modal("", section("t")))), nil},
		{"wrong modal", CheckModal([]byte(modal("", ""))), []string{"no less than 1 items allowed [json-pointer:/view/blocks]"}},
		{"home", CheckHome([]byte(`{"type":"home","blocks":[` + section("t") + `]}`)), nil},
		{"no home", CheckHome([]byte(modal("", section("t")))), []string{"invalid additional property: title [json-pointer:/view]", "must be a valid enum value [json-pointer:/view/type]"}},
		{"no view", CheckHome([]byte("home")), []string{"invalid_arguments"}},
	} {
		if diff := cmp.Diff(r.want, r.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.name, diff)
		}
	}
}
