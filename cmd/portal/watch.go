package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/witness"
)

// watchedFolder has the folder of a cosigner for each log that this portal watches, within the data folder.
const watchedFolder = "watched"

// watchEvery is how often another portal is asked for its newest checkpoint.
const watchEvery = time.Minute

// watching is the log of another portal, for which this one is the witness.
type watching struct {
	remote witness.Remote
	keys   witness.Keys
}

// parseWatching takes "URL KEY".
func parseWatching(text string) (watching, error) {
	address, key, _ := strings.Cut(strings.TrimSpace(text), " ")
	remote, err := witness.ParseRemote(address)
	if err != nil {
		return watching{}, err
	}
	keys, err := witness.ParseKeys([]byte(string(witness.Active) + " " + key))
	if err != nil {
		return watching{}, fmt.Errorf("%w; want the URL of a portal, a blank, and the active key in its witness/keys", err)
	}
	return watching{remote, keys}, nil
}

// folder in which the cosigner keeps what it has seen.
func (w watching) folder(data string) string {
	_, host, _ := strings.Cut(w.remote.String(), "://")
	return filepath.Join(data, watchedFolder, strings.NewReplacer(":", "_", "/", "_").Replace(host))
}

// watchOthers cosigns what the logs of other portals continue with, until the context ends. What is refused is logged, kept as evidence
// and shown to auditors and operators.
func (p *portal) watchOthers(ctx context.Context) {
	var all sync.WaitGroup
	for i, other := range p.watched {
		p.tellWatched(i, handlers.Watched{URL: other.remote.String()})
		all.Go(func() { p.watch(ctx, i, other) })
	}
	all.Wait()
}

func (p *portal) watch(ctx context.Context, i int, other watching) {
	told := handlers.Watched{URL: other.remote.String()}
	cosigner, err := witness.OpenCosigner(other.folder(p.base.Dir))
	if err != nil {
		p.logger.Error("another portal's log is not watched until this portal is started again", "portal", told.URL, "error", err)
		told.Trouble = err.Error()
		p.tellWatched(i, told)
		return
	}
	told.Key = cosigner.Key().String()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		seen, err := cosigner.Advance(ctx, other.keys, p.now(), other.remote.Continue)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			told.Size, told.At, told.Trouble = seen.Size, p.now(), ""
		} else if told.Trouble != err.Error() {
			p.logger.Error("the log of another portal cannot be cosigned; it is tried again", "portal", told.URL, "error", err)
			told.Trouble = err.Error()
			told.Contradiction = errors.Is(err, witness.ErrRollback) || errors.Is(err, witness.ErrSplitView) || errors.Is(err, witness.ErrOtherLog)
		}
		p.tellWatched(i, told)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *portal) tellWatched(i int, told handlers.Watched) {
	p.evidence.change(func(w *handlers.Witnessed) {
		watched := slices.Clone(w.Watched) // pages read the one before
		for len(watched) <= i {
			watched = append(watched, handlers.Watched{})
		}
		watched[i] = told
		w.Watched = watched
	})
}
