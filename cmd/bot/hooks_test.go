package main

// hooks are told of each commit of the running bot, and of each call it makes,
// before the call has an effect and after. call says whether the call goes on. Either
// may be nil, and either may kill the bot.
type hooks struct {
	commit func(p *life)
	call   func(p *life, name string, after bool) bool
}

func (w *world) watch(h hooks) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = h
}

func (w *world) hooks() hooks {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}
