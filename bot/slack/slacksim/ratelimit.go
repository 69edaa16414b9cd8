package slacksim

import "time"

// tier is Slack's class of a method: how many calls a minute it takes from one app in one workspace.
// https://docs.slack.dev/apis/web-api/rate-limits
type tier int

const (
	tier1   tier = 1
	tier2   tier = 20
	tier3   tier = 50
	tier4   tier = 100
	special tier = 300 // auth.test, and the whole workspace's chat.postMessage
)

// limiter counts calls in sliding windows of a minute, and messages a channel a second.
type limiter struct {
	calls map[string][]time.Time
	due   map[string]time.Time // when a channel's burst is used up: theoretical arrival time
}

func (l *limiter) init() {
	l.calls = map[string][]time.Time{}
	l.due = map[string]time.Time{}
}

// admit counts the call and returns 0, or returns how long the caller has to wait and counts nothing.
func (l *limiter) admit(c *call, m method, now time.Time) time.Duration {
	wait := l.window(c.method, int(m.tier), now)
	if wait > 0 {
		return wait
	}
	if c.method == "chat.postMessage" {
		channel := c.str("channel")
		if ch := c.find(channel); ch != nil {
			channel = ch.ID
		}
		if wait = l.channel(channel, c.opts.PostBurst, now); wait > 0 {
			return wait
		}
	}
	l.calls[c.method] = append(l.calls[c.method], now)
	return 0
}

func (l *limiter) window(method string, most int, now time.Time) time.Duration {
	calls := l.calls[method]
	for len(calls) > 0 && now.Sub(calls[0]) >= time.Minute {
		calls = calls[1:]
	}
	l.calls[method] = calls
	if len(calls) < most {
		return 0
	}
	return time.Minute - now.Sub(calls[0])
}

func (l *limiter) channel(id string, burst int, now time.Time) time.Duration {
	due := l.due[id]
	if due.Before(now) {
		due = now
	}
	if wait := due.Sub(now) - time.Duration(burst-1)*time.Second; wait > 0 {
		return wait
	}
	l.due[id] = due.Add(time.Second)
	return 0
}
