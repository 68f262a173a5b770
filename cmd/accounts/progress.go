package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/eventstore"
)

// How often people are told how far the reading of the log is: on a terminal in one line that changes, elsewhere in lines of their own.
const (
	terminalPause = 200 * time.Millisecond
	linePause     = 5 * time.Second
	progressEvery = 1024 // records between two looks at the clock
)

// watched is the log with word of how far its reading is.
type watched struct {
	*eventstore.Store
	w        io.Writer
	terminal bool
}

// watch tells w how far the reading of a log is, if that takes long enough to be told.
func watch(log *eventstore.Store, w io.Writer) watched {
	return watched{Store: log, w: w, terminal: isTerminal(w)}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// History is [domain.Log.History].
func (l watched) History(ctx context.Context, after domain.Position) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		head, err := l.Head(ctx)
		if err != nil {
			yield(domain.Record{}, err)
			return
		}
		p := progress{w: l.w, terminal: l.terminal, head: head, began: time.Now(), told: time.Now()}
		defer p.clear()
		for record, err := range l.Store.History(ctx, after) {
			if err == nil {
				p.see(record.Position)
			}
			if !yield(record, err) {
				return
			}
		}
	}
}

// progress counts records on the way to the end of the log.
type progress struct {
	w           io.Writer
	terminal    bool
	head        domain.Position
	began, told time.Time
	records     int
	shown       bool
}

func (p *progress) see(at domain.Position) {
	if p.records++; p.records%progressEvery != 0 {
		return
	}
	pause := linePause
	if p.terminal {
		pause = terminalPause
	}
	if now := time.Now(); now.Sub(p.told) >= pause {
		p.told, p.shown = now, true
		p.tell(at, now.Sub(p.began))
	}
}

func (p *progress) tell(at domain.Position, spent time.Duration) {
	done := float64(at) / float64(max(p.head, at, 1))
	left := time.Duration(float64(spent)/done) - spent
	text := fmt.Sprintf("read %d events, %.0f%%, %.0f a second, %s left", p.records, 100*done, float64(p.records)/spent.Seconds(), left.Round(time.Second))
	if p.terminal {
		fmt.Fprintf(p.w, "\r%s\x1b[K", text)
	} else {
		fmt.Fprintln(p.w, text)
	}
}

// clear takes the line off a terminal.
func (p *progress) clear() {
	if p.terminal && p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
