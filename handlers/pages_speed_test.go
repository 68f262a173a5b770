package handlers

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// speedRows are on the page that BenchmarkPage writes.
const speedRows = 20

// BenchmarkPage writes the page PROGRAMY of a customer, with neither database nor network: again, with rows that are remembered, and anew,
// with none. It reports the processor time of the whole process for a page, which holds on a busy machine too.
func BenchmarkPage(b *testing.B) {
	view := programsView{Total: speedRows, List: list{Path: "/programs", Parts: []string{partUnpaid, partUpdatable}, Columns: columnsOfLicences, Number: 1, Rows: speedRows, Total: speedRows}}
	for i := range speedRows {
		view.Programs = append(view.Programs, ownedProgram{Licence: fmt.Sprintf("0b3c5a-%d", i), Serial: fmt.Sprintf("S-1/%d", i), Customer: "S-1", CustomerName: "Spółka",
			Program: "program", ProgramName: fmt.Sprintf("Program %d", i), Edition: domain.SingleStation, Version: "1.0", Stations: 1, Email: "a@b.example", Activated: true,
			Paid: true, Updates: 1, Copy: fmt.Sprintf("Program %d S-1/%d", i, i)})
	}
	f := frame{Title: "Programy", Page: "programs", Language: domain.Polish, Other: domain.English, Switch: "?lang=en", CustomerName: "Spółka",
		Account: Account{ID: "user-1", Role: CustomerRole, Customer: "S-1", Language: domain.Polish}, Vendor: Vendor{Name: "NetRom", Email: "poczta@netrom.pl"}, View: view}
	for name, before := range map[string]func(){"again": func() {}, "anew": ForgetWritten} {
		b.Run(name, func(b *testing.B) {
			body := new(bytes.Buffer)
			b.ReportAllocs()
			began := processorTime(b)
			for b.Loop() {
				before()
				body.Reset()
				if err := pages[domain.Polish]["programs"].ExecuteTemplate(body, "layout.html", f); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((processorTime(b)-began).Microseconds())/float64(b.N), "processor-us/page")
		})
	}
}

// processorTime of this process so far. Source: getrusage(2).
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
