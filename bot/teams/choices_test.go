package teams

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"apono/bot/chat"
)

// TestAChoiceBeyondTheListed is listed and chosen all the same.
func TestAChoiceBeyondTheListed(t *testing.T) {
	p := chat.Part{Kind: chat.PartSelect, Field: "bundle", Label: "Bundle"}
	for i := range maxChoices + 50 {
		p.Options = append(p.Options, chat.Option{Value: strconv.Itoa(i), Label: "bundle " + strconv.Itoa(i)})
	}
	p.Selected = p.Options[maxChoices+40:][:1]
	choices, chosen := choicesOf(p, maxChoices)
	if len(choices) != maxChoices || !slices.Equal(chosen, []string{strconv.Itoa(maxChoices + 40)}) {
		t.Errorf("%d choices, chosen %q", len(choices), chosen)
	}
	p.Selected = []chat.Option{{Value: "gone"}}
	if _, chosen = choicesOf(p, maxChoices); len(chosen) > 0 {
		t.Errorf("what is not on offer is chosen: %q", chosen)
	}
}

// TestMoreChoicesThanFit are found by typing, and the form says so; also where their
// names are so long that fewer fit.
func TestMoreChoicesThanFit(t *testing.T) {
	for name, tt := range map[string]struct {
		options, long int
		searched      bool
		listed        int
	}{
		"all fit":    {options: maxChoices, long: 20, listed: maxChoices},
		"one more":   {options: maxChoices + 1, long: 20, searched: true, listed: maxChoices},
		"long names": {options: maxChoices, long: 120, searched: true, listed: 4 * listedFirst},
	} {
		t.Run(name, func(t *testing.T) {
			f := chat.Form{ID: chat.FormRequest, Title: "Request access", Submit: "Submit", State: "{}"}
			p := chat.Part{Kind: chat.PartSelect, Field: "bundle", Label: "Bundle"}
			for i := range tt.options {
				p.Options = append(p.Options, chat.Option{Value: fmt.Sprintf("%0*d", tt.long, i), Label: fmt.Sprintf("%0*d", tt.long, i)})
			}
			p.Selected = p.Options[tt.options-1:]
			f.Parts = []chat.Part{p}
			card, err := RenderForm(f)
			if err != nil {
				t.Fatal(err)
			}
			text := valid(t, card)
			in := card["body"].([]any)[0].(obj)
			said := strings.Contains(text, fmt.Sprintf("Not all %d are in the list: type a part of the name to find the others.", tt.options))
			if n := len(in["choices"].([]any)); n != tt.listed || said != tt.searched || (in["choices.data"] != nil) != tt.searched || in["value"] != f.Parts[0].Selected[0].Value {
				t.Errorf("%d are listed, of which %v is chosen; search %v:\n%s", n, in["value"], in["choices.data"], text)
			}
		})
	}
}

// TestChoicesAreToldApart, in a menu and among what a search finds, wherever long names
// and long paths differ; what is short is written whole.
func TestChoicesAreToldApart(t *testing.T) {
	long := strings.Repeat("customer-orders-", 12)
	for name, option := range map[string]func(i int) chat.Option{
		"short": func(i int) chat.Option {
			return chat.Option{Label: "orders-" + strconv.Itoa(i), Description: "prod / main"}
		},
		"at the end":           func(i int) chat.Option { return chat.Option{Label: long + strconv.Itoa(i)} },
		"in the middle":        func(i int) chat.Option { return chat.Option{Label: long + strconv.Itoa(i) + long, Description: long} },
		"at the end of a path": func(i int) chat.Option { return chat.Option{Label: "orders", Description: long + strconv.Itoa(i)} },
		"in the middle of a path": func(i int) chat.Option {
			return chat.Option{Label: "orders", Description: long + strconv.Itoa(i) + long}
		},
	} {
		p := chat.Part{Kind: chat.PartMulti, Field: "resources", Label: "Resources"}
		for i := range 15 {
			o := option(i)
			o.Value = strconv.Itoa(i)
			p.Options = append(p.Options, o)
		}
		menu, _ := choicesOf(p, maxChoices)
		var found struct {
			Value struct{ Results []map[string]any }
		}
		if err := json.Unmarshal(results(p.Options).body, &found); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for i, c := range menu {
			title := c.(obj)["title"].(string)
			if o := p.Options[i]; seen[title] || chat.Length(title) > maxChoice || !strings.HasPrefix(title, o.Label[:6]) || name == "short" && title != o.Label+" — "+o.Description {
				t.Errorf("%s: %d is %q", name, i, title)
			}
			if got := found.Value.Results[i]["title"]; got != title {
				t.Errorf("%s: %d is found as %q", name, i, got)
			}
			seen[title] = true
		}
	}
}
