package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"netrom.pl/portal/domain"
)

const (
	sampleEvery   = time.Second      // between two samples, at least
	sampleShare   = 100              // a sample is followed by a pause so many times as long as it took: it takes at most 1 % of one processor
	behindMax     = 100              // events; when a view is further behind, it needs the processor itself
	confirmAfter  = 30 * time.Second // between the first look at a difference and the one that confirms it, and between later ones
	suspicionsMax = 200              // parts of views that are kept in sight; with so many, single rows are not the trouble
	refoldsMax    = 500              // samples after which the temporary tables are made anew
	troublePause  = time.Minute      // pause after trouble with log or database
)

// SamplerOptions are how a sampler works; the zero value is what the portal uses.
type SamplerOptions struct {
	Random *rand.Rand       // nil: seeded by the system
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: the default logger. It learns tables, keys and columns, never values.
}

// Sampled is what a sampler has seen. The zero value: nothing yet.
type Sampled struct {
	Checked   int64     // parts of views that were compared with the log
	At        time.Time // of the last one; zero: none
	Unfolded  int64     // of those picked, which could not be compared: too long, or the view could not digest them
	Findings  []Finding // differences that are there now, the oldest first
	Overflown bool      // there were more than are kept in sight: fold the views again
}

// Sampler compares, quietly and for ever, rows of the live views picked at random with what the log says: half of the rows are picked
// from the tables, which finds rows that are wrong or too many, and half by events of the log, which finds missing ones. A difference counts
// only when a second look half a minute later sees it, too: an erasure changes what the log says before the views know of it. Findings
// are looked at again until they are gone. Safe for concurrent use.
type Sampler struct {
	tables *Tables
	log    domain.Log
	random *rand.Rand
	now    func() time.Time
	logger *slog.Logger

	looking  sync.Mutex // held by whoever folds
	refolder *refolder
	refolds  int

	mu         sync.Mutex
	sampled    Sampled // without the findings
	suspicions []suspicion
}

// suspicion is a part of a view that was not as the log says when it was looked at last.
type suspicion struct {
	view      View
	row       string
	seenAt    time.Time
	confirmed bool
	findings  []Finding
}

// NewSampler makes a sampler of the views that tables read. It does nothing until Run is called.
func NewSampler(tables *Tables, log domain.Log, o SamplerOptions) *Sampler {
	s := &Sampler{tables: tables, log: log, random: o.Random, now: o.Now, logger: o.Logger}
	if s.random == nil {
		s.random = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	return s
}

// Run samples until the context ends. One connection of the database is in use meanwhile. Trouble with log or database is logged
// and outlived.
func (s *Sampler) Run(ctx context.Context) {
	defer s.rest()
	for ctx.Err() == nil {
		began := time.Now()
		err := s.step(ctx)
		pause := max(sampleEvery, sampleShare*time.Since(began))
		if err != nil && ctx.Err() == nil {
			s.logger.WarnContext(ctx, "sample the views; it goes on later", "cause", kindOf(err))
			pause = troublePause
		}
		sleep(ctx, pause)
	}
}

// Sampled tells what was seen so far.
func (s *Sampler) Sampled() Sampled {
	s.mu.Lock()
	defer s.mu.Unlock()
	sampled := s.sampled
	for _, suspicion := range s.suspicions {
		if suspicion.confirmed {
			sampled.Findings = append(sampled.Findings, suspicion.findings...)
		}
	}
	return sampled
}

// Repair is [Repair] of a view called by its name, and the finding is gone.
func (s *Sampler) Repair(ctx context.Context, name, row string) ([]Finding, error) {
	view, ok := ViewCalled(name)
	if !ok {
		return nil, fmt.Errorf("there is no view %q", name)
	}
	mended, err := Repair(ctx, s.tables.db, s.log, view, row)
	if err == nil {
		s.judge(view, row, nil)
	}
	return mended, err
}

// Look compares one row now, as if chance had picked it.
func (s *Sampler) Look(ctx context.Context, name, row string) error {
	view, ok := ViewCalled(name)
	if !ok {
		return fmt.Errorf("there is no view %q", name)
	}
	s.looking.Lock()
	defer s.looking.Unlock()
	if err := s.openTables(ctx); err != nil {
		return err
	}
	return s.look(ctx, view, row)
}

// step looks at one part of a view, unless the views have something better to do.
func (s *Sampler) step(ctx context.Context) error {
	progress, err := s.tables.Progress(ctx)
	if err != nil {
		return err
	}
	if behind, err := s.behind(ctx, progress); err != nil || behind {
		return err
	}
	s.looking.Lock()
	defer s.looking.Unlock()
	if err := s.openTables(ctx); err != nil {
		return err
	}
	view, row, ok := s.oldestSuspicion()
	if !ok {
		if view, row, ok, err = s.pick(ctx, progress); err != nil || !ok {
			return err
		}
	}
	return s.look(ctx, view, row)
}

// look compares a part with the log and draws the conclusions.
func (s *Sampler) look(ctx context.Context, view View, row string) error {
	findings, err := s.refolder.check(ctx, view, row)
	if err != nil && ctx.Err() == nil && !passing(err) {
		s.logger.WarnContext(ctx, "a row cannot be compared with the log", "view", view.Name, "row", row, "cause", kindOf(errors.Unwrap(err)))
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sampled.Unfolded++
		s.suspicions = slices.DeleteFunc(s.suspicions, func(known suspicion) bool { return known.is(view, row) })
		return nil
	}
	if err != nil {
		s.forgetTables()
		return err
	}
	s.judge(view, row, findings)
	return nil
}

// judge notes what a look at a part has found, and says it once it is certain.
func (s *Sampler) judge(view View, row string, findings []Finding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.sampled.Checked, s.sampled.At = s.sampled.Checked+1, now
	at := slices.IndexFunc(s.suspicions, func(known suspicion) bool { return known.is(view, row) })
	switch {
	case at < 0 && len(findings) == 0:
	case at < 0 && len(s.suspicions) == suspicionsMax:
		s.sampled.Overflown = true
	case at < 0:
		s.suspicions = append(s.suspicions, suspicion{view: view, row: row, seenAt: now, findings: findings})
	case len(findings) == 0:
		if s.suspicions[at].confirmed {
			s.logger.Info("a row is as the log says again", "view", view.Name, "row", row)
		}
		s.suspicions = slices.Delete(s.suspicions, at, at+1)
		s.sampled.Overflown = s.sampled.Overflown && len(s.suspicions) > 0
	default:
		known := &s.suspicions[at]
		if !known.confirmed {
			for _, finding := range findings {
				s.logger.Error("A VIEW DOES NOT SAY WHAT THE LOG SAYS; portal rebuild -view VIEW -row ROW repairs the row", "view", view.Name, "row", row, "difference", finding.Difference.String())
			}
		}
		known.confirmed, known.seenAt, known.findings = true, now, findings
	}
}

func (s suspicion) is(view View, row string) bool { return s.view.Name == view.Name && s.row == row }

// oldestSuspicion is the one that was not looked at for the longest time, if that is long enough.
func (s *Sampler) oldestSuspicion() (view View, row string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.suspicions) == 0 {
		return View{}, "", false
	}
	oldest := slices.MinFunc(s.suspicions, func(a, b suspicion) int { return a.seenAt.Compare(b.seenAt) })
	return oldest.view, oldest.row, s.now().Sub(oldest.seenAt) >= confirmAfter
}

// behind tells whether a view has still much to see.
func (s *Sampler) behind(ctx context.Context, progress map[string]domain.Position) (bool, error) {
	slowest := domain.Position(0)
	for i, view := range All() {
		if at := progress[view.Name]; i == 0 || at < slowest {
			slowest = at
		}
	}
	unseen := 0
	for _, err := range s.log.History(ctx, slowest) {
		if err != nil {
			return false, fmt.Errorf("read the end of the log: %w", err)
		}
		if unseen++; unseen > behindMax {
			return true, nil
		}
	}
	return false, nil
}

// openTables makes the temporary tables, or makes them anew when much was folded in them: what a transaction that was rolled back has
// written stays in their files.
func (s *Sampler) openTables(ctx context.Context) (err error) {
	if s.refolds++; s.refolds > refoldsMax {
		s.forgetTables()
	}
	if s.refolder == nil {
		s.refolds = 1
		s.refolder, err = openRefolder(ctx, s.tables.db, s.log, All()...)
	}
	return err
}

// rest gives the connection back.
func (s *Sampler) rest() {
	s.looking.Lock()
	defer s.looking.Unlock()
	s.forgetTables()
}

func (s *Sampler) forgetTables() {
	if s.refolder != nil {
		s.refolder.close()
		s.refolder = nil
	}
}

// pick chooses a part of a view; ok is false when chance has found none.
func (s *Sampler) pick(ctx context.Context, progress map[string]domain.Position) (view View, row string, ok bool, err error) {
	if s.random.IntN(2) == 0 {
		return s.pickByEvent(ctx, progress)
	}
	return s.pickFromTable(ctx)
}

// pickByEvent chooses an event, and of the rows that must be there because of it one.
func (s *Sampler) pickByEvent(ctx context.Context, progress map[string]domain.Position) (view View, row string, ok bool, err error) {
	head := domain.Position(0)
	for _, at := range progress {
		head = max(head, at)
	}
	if head == 0 {
		return View{}, "", false, nil
	}
	// A log can be read only behind an event that it has: the index knows one near a random place.
	var after domain.Position
	err = s.tables.db.GetContext(ctx, &after, `select coalesce(max(position), 0) from events where position <= $1`, s.random.Int64N(int64(head)))
	if err != nil {
		return View{}, "", false, fmt.Errorf("pick an event: %w", err)
	}
	for record, err := range s.log.History(ctx, after) {
		if err != nil {
			return View{}, "", false, fmt.Errorf("read an event: %w", err)
		}
		type choice struct {
			view View
			row  string
		}
		choices := []choice{{events, fmt.Sprintf("event-%d", record.Position)}, {events, "hour-" + record.Metadata.At.UTC().Truncate(time.Hour).Format(hourForm)}}
		for _, view := range All() {
			for _, p := range view.parts {
				if strings.HasPrefix(record.Stream, p.kind+"-") {
					choices = append(choices, choice{view, record.Stream})
				}
			}
		}
		chosen := choices[s.random.IntN(len(choices))]
		return chosen.view, chosen.row, true, nil
	}
	return View{}, "", false, nil
}

// pickFromTable chooses a table and in it a block of the file, so that a large table costs no more than a small one, and then a row.
func (s *Sampler) pickFromTable(ctx context.Context) (view View, row string, ok bool, err error) {
	fail := func(err error) (View, string, bool, error) {
		return View{}, "", false, fmt.Errorf("pick a row: %w", err)
	}
	view = All()[s.random.IntN(len(All()))]
	p := view.parts[s.random.IntN(len(view.parts))]
	rows := p.rows[s.random.IntN(len(p.rows))]
	table := relation(s.refolder.live, rows.table)
	var blocks int64
	if err := s.tables.db.GetContext(ctx, &blocks, `select pg_relation_size($1::regclass) / current_setting('block_size')::bigint`, table); err != nil {
		return fail(err)
	}
	if blocks == 0 {
		return View{}, "", false, nil
	}
	block := s.random.Int64N(blocks)
	var ids []string
	err = s.tables.db.SelectContext(ctx, &ids, `select `+rows.id+` from `+table+` where ctid >= $1::tid and ctid < $2::tid`,
		fmt.Sprintf("(%d,0)", block), fmt.Sprintf("(%d,0)", block+1))
	if err != nil {
		return fail(err)
	}
	if len(ids) == 0 {
		return View{}, "", false, nil
	}
	name := view.nameOf(p, ids[s.random.IntN(len(ids))])
	_, err = view.partOf(name)
	return view, name, err == nil, nil // the table may have rows of other kinds of streams, which are picked on their own
}
