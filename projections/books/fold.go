package books

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"netrom.pl/portal/domain"
)

// fold is the log as a question selects it, folded into books and reports as far as it was read. It can be read on when the log has grown.
type fold struct {
	question Question
	books    *Books
	parts    []*part
	ended    bool // nothing that comes later belongs to it
	broken   bool // a record was seen in part only
}

// part is a report with what it has printed so far.
type part struct {
	name   string
	report report
	out    *sealing
}

func newFold(source Source, q Question, until domain.Day) *fold {
	return &fold{question: q, books: New(source, until)}
}

// countsUpTo is the day up to which the books behind a report go: the others leave rows out instead.
func countsUpTo(report string, q Question) domain.Day {
	if report == OpenReport || report == ReconcileReport {
		return q.EffectiveOn
	}
	return ""
}

// add begins a report before the first record.
func (f *fold) add(name string, out Printer) (*part, error) {
	p := &part{name: name, out: &sealing{Printer: out, digest: sha256.New()}}
	switch name {
	case HistoryReport:
		p.report = &history{books: f.books}
	case JournalReport:
		p.report = &journal{}
	case BalanceReport:
		p.report = &balance{}
	case OpenReport:
		p.report = &open{books: f.books}
	case ReconcileReport:
		p.report = &reconcile{books: f.books, turnovers: map[Account]Turnover{}}
	default:
		return nil, unknownReport(name)
	}
	f.parts = append(f.parts, p)
	if err := p.report.begin(p.out); err != nil {
		return nil, fmt.Errorf("print %s: %w", name, err)
	}
	return p, nil
}

func unknownReport(name string) error {
	return fmt.Errorf("there is no report %q; these are: %s", name, strings.Join(Reports, ", "))
}

// read takes what the log has behind the last record that was seen. It can be stopped between two records and called again.
func (f *fold) read(ctx context.Context, source Source) error {
	if f.ended {
		return nil
	}
	for record, err := range source.History(ctx, f.books.to) {
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if f.ended = f.question.ends(record); f.ended {
			return nil
		}
		if err := f.see(context.WithoutCancel(ctx), record); err != nil {
			f.broken = true
			return err
		}
	}
	return nil
}

func (f *fold) see(ctx context.Context, record domain.Record) error {
	entry, err := f.books.See(ctx, record)
	if err != nil {
		return err
	}
	if f.question.EffectiveOn != "" {
		if on, _ := f.books.dayOf(record); on > f.question.EffectiveOn {
			return nil
		}
	}
	for _, p := range f.parts {
		if err := p.report.see(record, entry, p.out); err != nil {
			return fmt.Errorf("print %s: %w", p.name, err)
		}
	}
	return nil
}

// print ends a report as of the last record that was seen, and leaves the fold as it was.
func (f *fold) print(ctx context.Context, source Source, p *part, out Printer) (Seal, error) {
	c := &f.books.check
	if err := c.drain(ctx, source, f.books.to+1); err != nil {
		return Seal{}, err
	}
	noted, uncounted := len(c.exceptions), c.uncounted
	defer func() { c.exceptions, c.uncounted = c.exceptions[:noted], uncounted }()
	digest, err := p.out.digest.(hash.Cloner).Clone()
	if err != nil {
		return Seal{}, fmt.Errorf("print %s: %w", p.name, err)
	}
	sealed := &sealing{Printer: out, digest: digest}
	if err := p.report.end(sealed); err != nil {
		return Seal{}, fmt.Errorf("print %s: %w", p.name, err)
	}
	seal := Seal{Report: p.name, From: f.books.from, To: f.books.to, EffectiveOn: f.question.EffectiveOn, Digest: hex.EncodeToString(digest.Sum(nil)),
		Exceptions: len(c.exceptions) + c.uncounted, Totals: c.totals}
	return seal, out.End(seal)
}
