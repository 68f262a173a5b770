package books

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// growing is a story that is known up to a record, and counts how many records were read of it.
type growing struct {
	*story
	known int
	read  int
	stop  int // records after which reading is stopped; 0: never
}

var errStopped = errors.New("stopped")

func (g *growing) History(ctx context.Context, after domain.Position) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		read := 0
		for _, record := range g.records[:g.known] {
			if record.Position <= after {
				continue
			}
			if g.stop > 0 && read == g.stop {
				yield(domain.Record{}, errStopped)
				return
			}
			read, g.read = read+1, g.read+1
			if !yield(record, nil) {
				return
			}
		}
	}
}

// TestKeptSaysTheSame asks kept books for every report at every length of a log, and again, and holds the bytes against those of a fresh fold.
func TestKeptSaysTheSame(t *testing.T) {
	questions := []Question{{}, {UpTo: 200}, {UpToAt: time.Date(2026, 10, 30, 12, 0, 0, 0, time.UTC)}, {EffectiveOn: "2026-11-01"}, {UpTo: 200, EffectiveOn: "2026-10-29"}}
	whole := autumn()
	log := &growing{story: whole}
	kept := Keep(log)
	for log.known = range len(whole.records) + 1 {
		for _, q := range questions[:1+log.known%len(questions)] {
			for _, report := range Reports {
				want, wanted := printed(t, log, report, q, formats["jsonl"])
				for range 2 {
					var out buffer
					seal, err := kept.Print(t.Context(), report, q, NewJSONLines(&out))
					if err != nil || seal != wanted || out.String() != want {
						t.Fatalf("%s %+v of %d records, %v: %+v, want %+v\n%s\nwant\n%s", report, q, log.known, err, seal, wanted, out.String(), want)
					}
				}
			}
		}
		if len(kept.folds) > keptFolds {
			t.Fatalf("%d folds are kept", len(kept.folds))
		}
	}
	before := log.read
	if _, err := kept.Print(t.Context(), JournalReport, Question{}, nowhere{}); err != nil || log.read != before {
		t.Errorf("%v; %d records were read again", err, log.read-before)
	}
}

// TestKeptGoesOn goes on where a reader was stopped, and begins anew when a record could not be seen.
func TestKeptGoesOn(t *testing.T) {
	log := &growing{story: autumn(), known: len(autumn().records), stop: 7}
	kept := Keep(log)
	var err error
	for stops := 0; ; stops++ {
		if _, err = kept.Print(t.Context(), BalanceReport, Question{}, nowhere{}); !errors.Is(err, errStopped) {
			break
		}
		if stops > log.known {
			t.Fatal("it does not come to an end")
		}
	}
	if err != nil || log.read != log.known {
		t.Errorf("%v; %d records were read of %d", err, log.read, log.known)
	}
	want, _ := printed(t, log.story, BalanceReport, Question{}, formats["jsonl"])
	var out buffer
	if _, err := kept.Print(t.Context(), BalanceReport, Question{}, NewJSONLines(&out)); err != nil || out.String() != want {
		t.Errorf("%v: after stops it says\n%s\nwant\n%s", err, out.String(), want)
	}
	if _, err := kept.Print(t.Context(), "profit", Question{}, nowhere{}); err == nil {
		t.Error("there is a report of profit")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	kept.turn <- struct{}{}
	if _, err := kept.Print(ended, BalanceReport, Question{}, nowhere{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, while somebody else has the turn", err)
	}
}

// leaf shows some rows of a report.
type leaf struct {
	Printer
	first, rows, skipped int
	shown                []string
}

func (l *leaf) Table(Table) error { return nil }

func (l *leaf) Row(cells []any) error {
	if l.rows >= l.first && l.rows < l.first+100 {
		l.shown = append(l.shown, fmt.Sprint(cells...))
	}
	l.rows++
	return nil
}

func (l *leaf) Skip(rows int) bool {
	if l.rows+rows > l.first && l.rows < l.first+100 {
		return false
	}
	l.rows, l.skipped = l.rows+rows, l.skipped+rows
	return true
}

func (l *leaf) End(Seal) error { return nil }

// TestLeavesOfALongReport shows every row once on the pages of a long report, and unpacks few of them for a page; rows that are too many
// are folded anew.
func TestLeavesOfALongReport(t *testing.T) {
	s := newStory()
	for i := range 700 {
		s.ordered(i+1, 100_00).arrives(fmt.Sprint(i), domain.Money(i)*123_00, money{fmt.Sprint("R", i), 123_00, "2026-10-29", i + 1}).delivered(i+1, 1)
	}
	kept := Keep(s)
	all := &leaf{Printer: nowhere{}}
	whole, err := Print(t.Context(), s, JournalReport, Question{}, rowsOf{all})
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for first := 0; first < all.rows; first += 100 {
		page := &leaf{first: first}
		seal, err := kept.Print(t.Context(), JournalReport, Question{}, page)
		if err != nil || seal != whole || page.rows != all.rows {
			t.Fatalf("%v: page from row %d of %d: %+v, want %+v of %d rows", err, first, page.rows, seal, whole, all.rows)
		}
		if page.skipped < all.rows-2*shelfBlockRows-1000 {
			t.Errorf("page from row %d passes over %d of %d rows", first, page.skipped, all.rows)
		}
		rows = append(rows, page.shown...)
	}
	if strings.Join(rows, "\n") != strings.Join(all.shown, "\n") {
		t.Error("the pages together are not the report")
	}
	small := Keep(s)
	small.rowsMax = 1000
	page := &leaf{first: 4000}
	if seal, err := small.Print(t.Context(), JournalReport, Question{}, page); err != nil || seal != whole || strings.Join(page.shown, "\n") != strings.Join(rows[4000:4100], "\n") {
		t.Errorf("%v: beyond the limit a page shows %+v", err, seal)
	}
	if kept := small.folds[0].parts[1].out.Printer.(*shelf); !kept.full || kept.blocks != nil || kept.last != nil {
		t.Error("rows are kept beyond the limit")
	}
}

// rowsOf passes every row on to a leaf that shows all of them.
type rowsOf struct{ *leaf }

func (r rowsOf) Row(cells []any) error {
	r.shown, r.rows = append(r.shown, fmt.Sprint(cells...)), r.rows+1
	return nil
}
