package books

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"slices"

	"netrom.pl/portal/domain"
)

// closing is a closed period as it stands in the log, with what it held.
type closing struct {
	domain.PeriodSealed
	record domain.Record
	sealed bool
}

// period sums up the entries of a month that is not closed.
type period struct {
	entries  int
	turnover domain.Money
	digest   hash.Hash
}

func (b *Books) addToPeriod(e *Entry) {
	month := monthOf(e.On)
	p := b.periods[month]
	if p == nil {
		p = &period{digest: sha256.New()}
		b.periods[month] = p
	}
	line, err := json.Marshal(e)
	if err != nil {
		panic(err) // texts and numbers only
	}
	p.digest.Write(append(line, '\n'))
	p.entries++
	for _, posting := range e.Postings {
		p.turnover += posting.Debit
	}
}

// close takes note of a closed period, and compares a sealed one with what its books hold.
func (b *Books) close(record domain.Record) {
	switch e := record.Event.(type) {
	case domain.PeriodClosed:
		c := closing{PeriodSealed: domain.PeriodSealed{Year: e.Year, Through: e.Through, Position: record.Position}, record: trace(record)}
		digest := sha256.New()
		for _, month := range slices.Sorted(maps.Keys(b.periods)) {
			if month > monthOf(e.Through) {
				break
			}
			p := b.periods[month]
			c.Entries, c.Turnover = c.Entries+p.entries, c.Turnover+p.turnover
			fmt.Fprintf(digest, "%s %x\n", month, p.digest.Sum(nil))
			delete(b.periods, month)
		}
		c.Digest = hex.EncodeToString(digest.Sum(nil))
		b.closings = append(b.closings, c)
	case domain.PeriodSealed:
		i := slices.IndexFunc(b.closings, func(c closing) bool { return c.Position == e.Position })
		if i < 0 || b.until == "" && b.closings[i].PeriodSealed != e {
			b.check.complain(record, string(e.Through), periodDiffers, e.Digest)
			return
		}
		b.closings[i].sealed = true
	}
}

// Closed folds the log up to the closing of a period, and says what the period held.
func Closed(ctx context.Context, source Source, through domain.Day) (domain.PeriodSealed, error) {
	books := New(source, "")
	for record, err := range source.History(ctx, 0) {
		if err == nil {
			_, err = books.See(ctx, record)
		}
		if err != nil {
			return domain.PeriodSealed{}, fmt.Errorf("sum up the period to %s: %w", through, err)
		}
		if n := len(books.closings); n > 0 && books.closings[n-1].Through == through {
			return books.closings[n-1].PeriodSealed, nil
		}
	}
	return domain.PeriodSealed{}, fmt.Errorf("sum up the period to %s: it is not closed", through)
}
