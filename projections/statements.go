package projections

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"netrom.pl/portal/domain"
)

// statements is which statements of the bank were imported.
var statements = View{
	Name:   "statements",
	Tables: []string{"statements"},
	Concerns: func(event domain.Event) bool {
		_, ok := event.(domain.StatementImported)
		return ok
	},
	See:   seeStatements,
	parts: []part{{kind: "statement", rows: rowsBy("statement", "statements"), read: readStream}},
}

func seeStatements(ctx context.Context, s *Session, page []domain.Record) error {
	text := func(value func(domain.StatementImported) string) any {
		return column(page, func(r domain.Record) string { return value(r.Event.(domain.StatementImported)) })
	}
	number := func(value func(domain.StatementImported) int64) any {
		return column(page, func(r domain.Record) int64 { return value(r.Event.(domain.StatementImported)) })
	}
	_, err := s.change(ctx, `
		insert into statements (statement, position, at, account, number, sequence, opened_on, closed_on, opening, closing, digest, transfers)
		select i, p, m, a, n, nullif(s, 0), f, t, o, c, d, c2 from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[],
			$6::bigint[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::text[], $12::bigint[]) as u (i, p, m, a, n, s, f, t, o, c, d, c2)`,
		text(func(s domain.StatementImported) string { return string(s.Statement) }),
		column(page, func(r domain.Record) int64 { return int64(r.Position) }),
		column(page, func(r domain.Record) string { return timestamp(r.Metadata.At) }),
		text(func(s domain.StatementImported) string { return string(s.Account) }),
		text(func(s domain.StatementImported) string { return storable(s.Number) }),
		number(func(s domain.StatementImported) int64 { return sequenceOf(s.Number) }),
		text(func(s domain.StatementImported) string { return string(s.OpenedOn) }),
		text(func(s domain.StatementImported) string { return string(s.ClosedOn) }),
		number(func(s domain.StatementImported) int64 { return int64(s.Opening) }),
		number(func(s domain.StatementImported) int64 { return int64(s.Closing) }),
		text(func(s domain.StatementImported) string { return s.Digest }),
		number(func(s domain.StatementImported) int64 { return int64(len(s.Transfers)) }))
	if err != nil {
		return fmt.Errorf("write statements: %w", err)
	}
	return nil
}

// countedNumber is a statement's number in front of which nothing but zeros stands, up to nine digits: 00012, 12/1, 12/2026.
var countedNumber = regexp.MustCompile(`^0*([1-9][0-9]{0,8})(?:[^0-9].*)?$`)

// sequenceOf a statement's number is what the bank counts; 0 if it does not look like counting.
func sequenceOf(number string) int64 {
	found := countedNumber.FindStringSubmatch(number)
	if found == nil {
		return 0
	}
	count, _ := strconv.ParseInt(found[1], 10, 64) // at most nine digits
	return count
}

// StatementRow is a statement that was imported, with what does not fit the one before it on the same account.
type StatementRow struct {
	Statement domain.StatementID
	Account   domain.NRB
	Number    string
	OpenedOn  domain.Day // empty: not known
	ClosedOn  domain.Day
	Opening   domain.Money
	Closing   domain.Money
	Digest    string // SHA-256 of the statement's lines, hexadecimal
	Transfers int    // incoming ones
	At        time.Time
	Missing   int           // statements between this one and the one before it, by their numbers
	Before    *domain.Money // closing balance of the one before it, if it is not this one's opening balance; nil: it fits, or is the first
}

// selectAllStatements is for the vendor's people. Banks begin to count again every year, some go on counting. A statement
// with another page of the same number continues it.
var selectAllStatements = listed{
	keys: `s.statement, s.missing, s.before`,
	from: `(
		select statement, account, number, sequence, closed_on, digest, case when before <> opening then before end as before,
			case when before is null then 0
				when left(closed_on, 4) = left(closed_before, 4) or sequence > sequence_before then greatest(sequence - sequence_before - 1, 0)
				else sequence - 1 end as missing
		from (
			select *, lag(closing) over line as before, lag(sequence) over line as sequence_before, lag(closed_on) over line as closed_before
			from statements window line as (partition by account order by closed_on, sequence, statement)
		) neighbours
	) s where ` + forEverybody,
	text:    `lower(s.number) || ' ' || s.closed_on`,
	ids:     `array[s.account, s.digest]`,
	only:    `when 'gaps' then s.missing > 0 or s.before is not null`,
	sort:    nothing,
	natural: `s.closed_on desc, s.account, s.sequence desc, s.statement`,
}.page() + `
	select s.statement, s.account, s.number, s.opened_on as openedon, s.closed_on as closedon, s.opening, s.closing, s.digest, s.transfers, s.at,
		coalesce(page.missing, 0) as missing, page.before, page.total
	from page join statements s using (statement) order by page.place`

// AllStatements lists the imported statements, the newest first, for the vendor's people; and how many there are on all
// pages together. It knows the part gaps: behind which another one is missing, or whose opening balance is not the last closing one.
func (t *Tables) AllStatements(ctx context.Context, wanted Listing) ([]StatementRow, int, error) {
	var stored []struct {
		StatementRow
		Total int
	}
	if err := t.allStatements.SelectContext(ctx, &stored, wanted.arguments(everybody)...); err != nil {
		return nil, 0, fmt.Errorf("list statements: %w", err)
	}
	rows, total := make([]StatementRow, len(stored)), 0
	for i, row := range stored {
		rows[i], total = row.StatementRow, row.Total
		rows[i].At = rows[i].At.UTC()
	}
	return rows, total, nil
}
