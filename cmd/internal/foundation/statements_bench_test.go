package foundation

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// Size of BenchmarkMatchStatement: a file of fifty thousand lines has an entry in five of them.
const (
	benchEntries    = 10_000
	benchOpenOrders = 100_000
	benchTurns      = 15 // after one that warms up
)

// BenchmarkMatchStatement measures parsing a statement of 50,000 lines and finding the order of each of its 10,000 transfers among 100,000
// open ones, beside reading the file, in turns:
//
//	match/lines  / reading it from disk line by line
//	match/bytes  / reading it from disk as one piece
//
// Half of the titles carry check digits, a quarter the number alone, and a quarter nothing, so that suggestions are looked for.
func BenchmarkMatchStatement(b *testing.B) {
	waiting := &domain.Receivables{}
	byNumber := map[domain.OrderNumber]domain.Payable{}
	for i := range benchOpenOrders {
		order := domain.Payable{Order: domain.OrderID(fmt.Sprint("o-", i)), Number: domain.OrderNumber{Year: 2026, Sequence: i + 1},
			Buyer: domain.CustomerID(fmt.Sprint("c-", i%5_000)), Account: "84102055580000123400005678", Open: domain.Money(10_000 + i)}
		waiting.Put(order)
		byNumber[order.Number] = order
	}
	matcher := domain.Matcher{Waiting: func() *domain.Receivables { return waiting },
		Order: func(n domain.OrderNumber) (domain.Payable, bool) { order, ok := byNumber[n]; return order, ok }}
	path := filepath.Join(b.TempDir(), "statement.sta")
	if err := os.WriteFile(path, longStatement(), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var byLine, byPiece []float64
		for turn := range 1 + benchTurns {
			lines := timed(b, func() error { return scanLines(path) })
			piece := timed(b, func() error { _, err := os.ReadFile(path); return err })
			match := timed(b, func() error { return matchAll(path, matcher) })
			if turn == 0 {
				continue
			}
			byLine, byPiece = append(byLine, match/lines), append(byPiece, match/piece)
			b.ReportMetric(match*1e6/benchEntries, "us/transfer")
		}
		slices.Sort(byLine)
		slices.Sort(byPiece)
		b.ReportMetric(byLine[benchTurns/2], "match/lines")
		b.ReportMetric(byPiece[benchTurns/2], "match/bytes")
	}
	b.ReportMetric(0, "ns/op")
}

// longStatement is a statement in MT940 with transfers for orders that are open.
func longStatement() []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, ":20:X\n:25:84102055580000123400005678\n:28C:1\n:60F:C261120PLN0,00\n")
	sum := domain.Money(0)
	for i := range benchEntries {
		number := domain.OrderNumber{Year: 2026, Sequence: i*7 + 1}
		title, amount := "ZAPLATA "+number.Reference(), domain.Money(10_000+i*7)
		switch i % 4 {
		case 2:
			title = "ZAPLATA ZAM " + number.String()
		case 3:
			title = "ZAPLATA ZA PROGRAM"
		}
		sum += amount
		fmt.Fprintf(&text, ":61:2611211121CN%d,%02dS051NONREF//KB%012d\n:86:051~00PRZELEW PRZYCHODZACY~20%.27s\n~21%s~3011402004~310000300201355387\n~32FIRMA PRZYKLADOWA SP Z O O~33UL DLUGA 1 WARSZAWA\n~38PL27114020040000300201355387\n",
			amount/100, amount%100, i, title, title[min(27, len(title)):])
	}
	fmt.Fprintf(&text, ":62F:C261121PLN%d,%02d\n-\n", sum/100, sum%100)
	return text.Bytes()
}

func scanLines(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := 0
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		lines++
	}
	if lines < 5*benchEntries {
		return fmt.Errorf("%d lines", lines)
	}
	return scanner.Err()
}

// matchAll reads, parses and matches, and makes sure that three quarters of the transfers have found their order.
func matchAll(path string, matcher domain.Matcher) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	statements, err := ReadStatements(content)
	if err != nil {
		return err
	}
	matched := 0
	for _, statement := range statements {
		for _, received := range statement.Incoming() {
			if finding := matcher.Match(received); len(finding.Parts) == 1 {
				matched++
			}
		}
	}
	if matched != benchEntries*3/4 {
		return fmt.Errorf("%d transfers found their order", matched)
	}
	return nil
}

func timed(b *testing.B, do func() error) (seconds float64) {
	b.Helper()
	began := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return time.Since(began).Seconds()
}
