package main

import (
	"errors"
	"testing/synctest"

	"apono/bot/slack/slacksim"
)

// home opens somebody's Home tab: home alice.
func (s *script) home(_ bool, args []string) {
	s.who = args[0]
	s.ts.Check(s.person(args[0]).OpenHome())
	synctest.Wait()
}

// onHome looks at the Home tab as it is on the screen: on-home alice 'pattern'.
func (s *script) onHome(neg bool, args []string) {
	p := s.person(args[0])
	var v slacksim.View
	got := s.await(neg, func() bool { v, _ = p.Home(); return s.match(v.String(), args[1:]) })
	s.want(neg, got, "%s sees %q on the Home tab, where there is:\n%s", args[0], args[1:], v)
}

// pressHome presses a button there: press-home alice 'AR-1' 'End access'. Where several
// look alike, it is the one near those words.
func (s *script) pressHome(neg bool, args []string) {
	s.who = args[0]
	var near []slacksim.Near
	if args[1] != "" {
		near = append(near, slacksim.Near(args[1]))
	}
	var v slacksim.View
	var err error
	pressed := s.await(neg, func() bool {
		v, _ = s.person(args[0]).Home()
		err = s.person(args[0]).Click(s.ctx, v, args[2], near...)
		return !errors.Is(err, slacksim.ErrNotThere)
	})
	s.want(neg, pressed && err == nil, "%s can press %s near %q: %v; there is:\n%s", args[0], args[2], args[1], err, v)
	synctest.Wait()
}

// shortcut chooses a shortcut: shortcut alice; on a message of somebody in a channel:
// shortcut alice bob 'the door is stuck'.
func (s *script) shortcut(_ bool, args []string) {
	s.who = args[0]
	if len(args) == 1 {
		s.ts.Check(s.person(args[0]).Shortcut(s.ctx, "request_access"))
	} else {
		m, err := s.person(args[1]).Send("#general", args[2])
		s.ts.Check(err)
		s.ts.Check(s.person(args[0]).MessageShortcut(s.ctx, m, "request_access_message"))
	}
	synctest.Wait()
}
