package books

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"netrom.pl/portal/domain"
)

// ledgerPrinter writes the journal as plain-text accounting. The last transaction asserts the balance of every account.
// Source: hledger manual, "Journal".
type ledgerPrinter struct {
	w      *bufio.Writer
	table  string
	number string     // of the entry being written
	last   domain.Day // on which anything counts
}

// NewHledger prints the journal, and no other report, as an hledger journal.
func NewHledger(w io.Writer) Printer { return &ledgerPrinter{w: bufio.NewWriter(w)} }

// ledgerTypes are the parents of the accounts.
var ledgerTypes = map[Account]string{Bank: "assets", Unmatched: "liabilities", Credit: "liabilities", Prepayments: "liabilities", Refunds: "liabilities",
	Waived: "expenses", Sales: "revenues", VAT: "liabilities"}

func ledgerName(account any) string {
	return fmt.Sprintf("%s:%s", ledgerTypes[Account(account.(string))], account)
}

func (p *ledgerPrinter) Table(t Table) error {
	p.table = t.Name
	switch t.Name {
	case JournalTable:
		p.w.WriteString("commodity PLN 1000.00\n")
		for _, account := range Chart {
			fmt.Fprintf(p.w, "account %s\n", ledgerName(string(account)))
		}
	case TurnoverTable:
		if p.last != "" {
			fmt.Fprintf(p.w, "\n%s balance assertions\n", p.last)
		}
	}
	return nil
}

func (p *ledgerPrinter) Row(cells []any) error {
	switch p.table {
	case JournalTable:
		return p.posting(cells)
	case TurnoverTable:
		if account := cells[0].(string); account != SumRow && p.last != "" {
			fmt.Fprintf(p.w, "    %s  0.00 PLN = %s PLN\n", ledgerName(account), (cells[3].(domain.Money) - cells[4].(domain.Money)).Decimal())
		}
	}
	return nil
}

// posting takes a row of the journal; see journal.begin for its columns.
func (p *ledgerPrinter) posting(cells []any) error {
	number, on := cells[0].(string), cells[3].(domain.Day)
	if p.last = max(p.last, on); number != p.number {
		p.number = number
		fmt.Fprintf(p.w, "\n%s * (%s) %s  ; document: %s, position:%d, recorded:%s, event:%s\n", on, number, cells[5], tagged(cells[6]), cells[1], plain(cells[2]), cells[9])
	}
	_, err := fmt.Fprintf(p.w, "    %s  %s PLN  ; detail:%s\n", ledgerName(cells[11]), (cells[13].(domain.Money) - cells[14].(domain.Money)).Decimal(), tagged(cells[12]))
	return err
}

// tagged is a text that may stand as the value of a tag: commas and line ends would end it.
func tagged(cell any) string {
	return strings.NewReplacer(",", " ", "\r", " ", "\n", " ").Replace(fmt.Sprint(cell))
}

func (p *ledgerPrinter) End(s Seal) error {
	fmt.Fprintf(p.w, "\n; report %s, from position %d to %d, sha256 %s\n", s.Report, s.From, s.To, s.Digest)
	return p.w.Flush()
}
