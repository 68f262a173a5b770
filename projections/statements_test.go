package projections

import (
	"fmt"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

func TestSequenceOf(t *testing.T) {
	for number, want := range map[string]int64{"12": 12, "00012": 12, "12/1": 12, "12/2026": 12, "": 0, "0": 0, "W12": 0, "123456789": 123456789,
		"1234567890": 0, "2026-11-20": 2026} {
		if got := sequenceOf(number); got != want {
			t.Errorf("%q counts as %d, want %d", number, got, want)
		}
	}
}

// TestStatements lists what was imported and where a statement is missing.
func TestStatements(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	const account, other = domain.NRB("84102055580000123400005678"), domain.NRB("61109010140000071219812874")
	for i, s := range []domain.StatementImported{
		{Account: account, Number: "364", OpenedOn: "2025-12-30", ClosedOn: "2025-12-31", Opening: 100, Closing: 200},
		{Account: account, Number: "1", OpenedOn: "2025-12-31", ClosedOn: "2026-01-02", Opening: 200, Closing: 300, Transfers: []domain.TransferID{"a", "b"}},
		{Account: account, Number: "5/1", ClosedOn: "2026-01-07", Opening: 300, Closing: 400}, // 2, 3 and 4 moved nothing
		{Account: other, Number: "6", ClosedOn: "2026-01-07", Opening: 7, Closing: -7},
		{Account: account, Number: "6", ClosedOn: "2026-01-08", Opening: 450, Closing: 500},
		{Account: account, Number: "JAN\x00", ClosedOn: "2026-01-09", Opening: 500, Closing: 500},
		{Account: account, Number: "3", ClosedOn: "2027-01-05", Opening: 500, Closing: 500},
	} {
		s.Statement, s.Digest = domain.StatementID(fmt.Sprint("s-", i)), strings.Repeat(fmt.Sprint(i), 64)
		do[domain.Statement](w, domain.ImportStatement{StatementImported: s})
	}
	w.settle()
	list := func(wanted Listing) (lines []string) {
		for _, row := range whole(w.tables.AllStatements(ctx, wanted)) {
			line := fmt.Sprintf("%s %s missing %d", row.Statement, row.Number, row.Missing)
			if row.Before != nil {
				line += fmt.Sprintf(", before %d", *row.Before)
			}
			lines = append(lines, line)
		}
		return lines
	}
	check(t, "all", list(Listing{}), "s-6 3 missing 2", "s-5 JAN\ufffd missing 0", "s-4 6 missing 0, before 400", "s-3 6 missing 0", "s-2 5/1 missing 3", "s-1 1 missing 0", "s-0 364 missing 0")
	check(t, "gaps", list(Listing{Only: "gaps"}), "s-6 3 missing 2", "s-4 6 missing 0, before 400", "s-2 5/1 missing 3")
	check(t, "by account", list(Listing{Search: string(other)}), "s-3 6 missing 0")
	check(t, "by number and day", list(Listing{Search: "2026-01-08 6"}), "s-4 6 missing 0, before 400")
	check(t, "by digest", list(Listing{Search: strings.Repeat("4", 64)}), "s-4 6 missing 0, before 400")
	row := whole(w.tables.AllStatements(ctx, Listing{Search: "2026-01-02"}))[0]
	if row.OpenedOn != "2025-12-31" || row.Opening != 200 || row.Closing != 300 || row.Transfers != 2 || row.Account != account || row.At.IsZero() {
		t.Errorf("row: %+v", row)
	}
}
