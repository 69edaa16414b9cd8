package slack

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"apono/bot/chat"
)

// HomeView is a home as Slack takes it.
type HomeView struct {
	View slack.HomeTabViewRequest
	// Dropped names what is not shown, or not in full, as paths: "groups[1].entries[7]".
	Dropped []string
}

// homeDensity says how much of a home is drawn.
type homeDensity struct {
	density
	groups, entries int
}

var homeDensities = []homeDensity{
	{densities[0], 12, maxViewBlocks},
	{densities[1], 12, 30},
	{densities[2], 12, 10},
	{densities[3], 12, 5},
	{densities[3], 12, 2},
	{densities[4], 12, 1},
	{densities[4], 6, 0},
}

// homeID is the callback_id of a home.
const homeID = "home"

// RenderHome draws a home. It never fails and never exceeds Slack's limits: where there
// is too much, texts are cut with a marker and every group shows less of its entries,
// with a line that says how many more there are.
func RenderHome(h chat.Home) HomeView {
	for _, d := range homeDensities[:len(homeDensities)-1] {
		if v := composeHome(h, d); len(v.View.Blocks.BlockSet) <= maxViewBlocks && sizeOf(v.View) <= maxViewSize {
			return v
		}
	}
	return composeHome(h, homeDensities[len(homeDensities)-1])
}

func composeHome(h chat.Home, how homeDensity) HomeView {
	d := &drawing{density: how.density}
	d.actions(chat.Card{Actions: h.Actions})
	for i, g := range h.Groups {
		if i == how.groups {
			d.drop("groups[%d]", i)
			break
		}
		d.group(g, i, how.entries)
	}
	for i, n := range h.Notes {
		d.note(n, i)
	}
	if len(d.blocks) == 0 {
		d.blocks = append(d.blocks, slack.NewContextBlock("", plainObject("There is nothing to show.")))
	}
	page, _ := cut(h.Page, maxPrivateMetadata)
	return HomeView{
		View: slack.HomeTabViewRequest{
			Type: slack.VTHomeTab, CallbackID: homeID, PrivateMetadata: page, Blocks: slack.Blocks{BlockSet: d.blocks},
		},
		Dropped: d.dropped,
	}
}

func (d *drawing) group(g chat.Group, index, most int) {
	title, _ := cut(line(g.Title), maxHeader)
	if title != "" {
		d.blocks = append(d.blocks, slack.NewDividerBlock(), slack.NewHeaderBlock(plainObject(title)))
	}
	if len(g.Entries) == 0 && strings.TrimSpace(g.Empty) != "" {
		d.note(chat.T(g.Empty), 0)
	}
	for i, e := range g.Entries {
		if len(d.blocks) > maxViewBlocks {
			return // it does not fit like this
		}
		if i == most {
			d.drop("groups[%d].entries[%d]", index, i)
			d.note(chat.T(fmt.Sprintf("and %d more", len(g.Entries)-i)), 0)
			break
		}
		part := &drawing{density: d.density}
		part.section(e, i)
		for _, path := range part.dropped {
			d.drop("groups[%d].%s", index, strings.Replace(path, "sections[", "entries[", 1))
		}
		d.blocks = append(d.blocks, part.blocks...)
	}
	d.actions(chat.Card{Actions: g.Actions})
}
