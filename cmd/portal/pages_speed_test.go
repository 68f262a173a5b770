package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/vault"
	"netrom.pl/portal/projections"
)

const pageRows = 20 // licences of each customer whose page is read

// BenchmarkReadPage measures what stands between a read model and its reader: the page PROGRAMY with 20 rows over HTTP, as
// JSON and as HTML, and in turns within the same run the prepared SELECT of that page straight through sqlx, 8 readers each. It reports
// the medians of the ratios. Every request shows a session, which the portal looks up. The readers over HTTP keep a connection each and
// send bytes that are ready, so that little of the processors goes to them.
func BenchmarkReadPage(b *testing.B) {
	p := startToMeasure(b)
	companies := readingCompanies(b, p, importCustomer{Code: "S-1", Name: "Spółka", Licences: licencesOf("S-1", pageRows)})
	customer, token := domain.CustomerIDOf("S-1"), companies["S-1"]
	selected := func() (func() error, func()) {
		return func() error {
			rows, _, err := p.tables.Entitlements(context.Background(), customer, projections.Listing{Limit: 100})
			if err == nil && len(rows) != pageRows {
				err = fmt.Errorf("%d rows", len(rows))
			}
			return err
		}, func() {}
	}
	asJSON := rawReader(b, p, "/api/programs?page=1", "Authorization: Bearer "+token)
	asHTML := rawReader(b, p, "/programs", "Cookie: session="+token)
	b.ResetTimer()
	for b.Loop() {
		var jsons, pages, selects, ofJSON, ofHTML []float64
		for range speedRepeats {
			s, j, h := readersPerSecond(b, selected), readersPerSecond(b, asJSON), readersPerSecond(b, asHTML)
			selects, jsons, pages = append(selects, s), append(jsons, j), append(pages, h)
			ofJSON, ofHTML = append(ofJSON, j/s), append(ofHTML, h/s)
		}
		b.ReportMetric(median(ofJSON), "json/select")
		b.ReportMetric(median(ofHTML), "html/select")
		b.ReportMetric(median(selects), "select/s")
		b.ReportMetric(median(jsons), "json/s")
		b.ReportMetric(median(pages), "html/s")
	}
}

// readersPerSecond lets eight readers read for a while.
func readersPerSecond(b *testing.B, open func() (read func() error, leave func())) float64 {
	b.Helper()
	var done atomic.Int64
	var readers sync.WaitGroup
	began := time.Now()
	for range speedUsers {
		readers.Go(func() {
			read, leave := open()
			defer leave()
			for time.Since(began) < speedSlice {
				if err := read(); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	readers.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}

// rawReader opens connections that ask the same again and again.
func rawReader(b *testing.B, p *portal, path, header string) func() (read func() error, leave func()) {
	address := p.listener.Addr().String()
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: " + address + "\r\n" + header + "\r\n\r\n")
	return func() (func() error, func()) {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			b.Error(err)
			return func() error { return err }, func() {}
		}
		answers := bufio.NewReaderSize(connection, 64<<10)
		return func() error {
			if _, err := connection.Write(request); err != nil {
				return err
			}
			answer, err := http.ReadResponse(answers, nil)
			if err != nil {
				return err
			}
			if answer.StatusCode != http.StatusOK {
				return errors.New(answer.Status)
			}
			_, err = io.Copy(io.Discard, answer.Body)
			return err
		}, func() { connection.Close() }
	}
}

// startToMeasure runs a portal for a benchmark, with no data but what the caller brings.
func startToMeasure(b *testing.B) *portal {
	b.Helper()
	p, err := openPortal(b.Context(), settings{data: dataFolder(b), listen: "127.0.0.1:0", demo: true}, foundation.Logger(io.Discard, slog.LevelWarn))
	if err != nil {
		b.Fatal(err)
	}
	running, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.run(running) }()
	b.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, p.close()); err != nil {
			b.Error(err)
		}
	})
	return p
}

// licencesOf are licences that a company is given.
func licencesOf(code string, licences int) []importLicence {
	list := make([]importLicence, licences)
	for i := range list {
		list[i] = importLicence{Code: fmt.Sprintf("%s/%d", code, i), Program: domain.ProgramID(fmt.Sprintf("program%d", i%speedTicks)), Edition: domain.SingleStation,
			Version: "1.0", Stations: 1, Activated: true}
	}
	return list
}

// readingCompanies brings companies and a catalogue into the portal, and answers a session of each that is asked to have one
// by its code.
func readingCompanies(b *testing.B, p *portal, companies ...importCustomer) map[string]string {
	b.Helper()
	file := importFile{Customers: companies}
	for i := range speedTicks {
		id := domain.ProgramID(fmt.Sprintf("program%d", i))
		file.Programs = append(file.Programs, importProgram{Program: id, Name: fmt.Sprintf("Program %d", i),
			Versions: []importVersion{{domain.SingleStation, "1.0"}, {domain.SingleStation, "2.0"}},
			Prices:   []importPrice{{domain.SingleStation, "", "2.0", "100,00", 23}, {domain.SingleStation, "1.0", "2.0", "50,00", 23}}})
	}
	for i := range file.Customers {
		c := &file.Customers[i]
		c.NIP, c.Email, c.Language = "1234563218", "a@b.example", domain.Polish
	}
	if err := newImporter(p.base).load(b.Context(), file); err != nil {
		b.Fatal(err)
	}
	last, err := p.base.LastPosition(b.Context(), 0)
	if err != nil {
		b.Fatal(err)
	}
	if err := p.base.Settle(b.Context(), p.views, last); err != nil {
		b.Fatal(err)
	}
	if _, err := p.views.ExecContext(b.Context(), `analyze`); err != nil {
		b.Fatal(err)
	}
	tokens := map[string]string{}
	for _, c := range companies {
		if c.DistributorCode != "" {
			continue
		}
		account, err := p.base.Vault.CreateAccount(b.Context(), vault.Account{UserName: "user-" + c.Code, Role: vault.Role(handlers.CustomerRole),
			CustomerID: string(domain.CustomerIDOf(c.Code)), Language: "pl"})
		if err != nil {
			b.Fatal(err)
		}
		if tokens[c.Code], _, err = p.base.Vault.StartSession(b.Context(), account); err != nil {
			b.Fatal(err)
		}
	}
	return tokens
}

// BenchmarkLargeDistributor compares every page of a distributor with 2,000 clients and 20,000 licences with those of a customer with
// ten licences: the shortest time of 21 requests each, which take turns. It reports the worst ratio, and each.
func BenchmarkLargeDistributor(b *testing.B) {
	p := startToMeasure(b)
	tokens := readingCompanies(b, p, append(largeDistributor(), importCustomer{Code: "small", Name: "Mała", Licences: licencesOf("small", licencesEach)})...)
	b.ResetTimer()
	for b.Loop() {
		worst := 0.0
		for name, path := range map[string]string{"programs": "/programs", "last-page": "/programs?page=200", "updates": "/updates", "new-programs": "/new-programs",
			"search": "/programs?q=zolw+77", "sorted": "/updates?sort=-price", "cart": "/cart", "orders": "/orders"} {
			of := path
			switch name {
			case "last-page":
				of = "/programs"
			case "search": // which has to find something, too
				of = "/programs?q=mala"
			}
			ratio := shortestOf(b, asked{p, tokens["large"], path}, asked{p, tokens["small"], of})
			worst = max(worst, ratio)
			b.ReportMetric(ratio, name)
		}
		b.ReportMetric(worst, "worst")
	}
}

// BenchmarkSearchLog compares what an auditor looks for in the log of that distributor, 100 events a page, with the page of a customer
// with 20 licences in a portal that has no other customer: the shortest times as in BenchmarkLargeDistributor. Each look is written down
// as an event, which is part of it.
func BenchmarkSearchLog(b *testing.B) {
	p, small := startToMeasure(b), startToMeasure(b)
	readingCompanies(b, p, largeDistributor()...)
	customers := readingCompanies(b, small, importCustomer{Code: "S-1", Name: "Spółka", Licences: licencesOf("S-1", pageRows)})
	auditor, err := p.base.Vault.CreateAccount(b.Context(), vault.Account{UserName: "auditor", Role: vault.Role(handlers.AuditorRole), Language: "pl"})
	if err != nil {
		b.Fatal(err)
	}
	token, _, err := p.base.Vault.StartSession(b.Context(), auditor)
	if err != nil {
		b.Fatal(err)
	}
	client := domain.CustomerIDOf("C-77")
	today := string(domain.DayOf(p.now()))
	b.ResetTimer()
	for b.Loop() {
		worst := 0.0
		for name, query := range map[string]string{"all": "", "newest": "sort=newest", "type": "type=CustomerRegistered", "customer": "customer=" + string(client),
			"customer-type": "type=LicenceGranted&customer=" + string(client), "stream": "stream=" + domain.CustomerStream(client), "days": "from=" + today + "&to=" + today,
			"nothing": "type=MessagePoisoned", "middle": "after=10000"} {
			ratio := shortestOf(b, asked{p, token, "/log?" + query}, asked{small, customers["S-1"], "/programs"})
			worst = max(worst, ratio)
			b.ReportMetric(ratio, name)
		}
		b.ReportMetric(worst, "worst")
	}
}

const licencesEach = 10 // of a small company

// largeDistributor has 2,000 clients with 20,000 licences.
func largeDistributor() []importCustomer {
	const clients = 2_000
	companies := []importCustomer{{Code: "large", Name: "Duży", Distributor: true}}
	for i := range clients {
		code := fmt.Sprintf("C-%d", i)
		companies = append(companies, importCustomer{Code: code, Name: fmt.Sprintf("Żółw %d", i), DistributorCode: "large", Licences: licencesOf(code, licencesEach)})
	}
	return companies
}

// asked is a page that somebody asks for.
type asked struct {
	portal      *portal
	token, path string
}

func (v asked) seconds(b *testing.B) float64 {
	b.Helper()
	read, leave := rawReader(b, v.portal, v.path, "Cookie: session="+v.token)()
	defer leave()
	began := time.Now()
	if err := read(); err != nil {
		b.Fatalf("%s: %v", v.path, err)
	}
	return time.Since(began).Seconds()
}

// shortestOf divides the shortest times of two pages, which take turns.
func shortestOf(b *testing.B, page, yardstick asked) float64 {
	b.Helper()
	const requests = 21
	measured, least := math.Inf(1), math.Inf(1)
	for range requests {
		measured, least = min(measured, page.seconds(b)), min(least, yardstick.seconds(b))
	}
	return measured / least
}
