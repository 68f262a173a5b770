package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
)

// importTransfers is how many transfers BenchmarkImport books, each on an order of its own.
const importTransfers = 5_000

// BenchmarkImport measures accounts import of one statement on a stopped portal's folder, PostgreSQL and the log's node included in the time and the node
// in the processor time of this process:
//
//	s, cpu-s           the whole command: a rehearsal, and then every transfer is recorded and booked on its order
//	transfers/s
//	again-s, -cpu-s    the same file once more, which books nothing
//
//	go test ./cmd/accounts -run '^$' -bench Import -benchtime 1x
func BenchmarkImport(b *testing.B) {
	for b.Loop() {
		above := folder(b)
		dir, file := filepath.Join(above, "data"), filepath.Join(above, "statement.sta")
		fillOrders(b, dir)
		if err := os.WriteFile(file, statementOfOrders(), 0o600); err != nil {
			b.Fatal(err)
		}
		run := func(want string) (wall, cpu float64) {
			var said bytes.Buffer
			began, used := time.Now(), processorTime(b)
			if err := importStatements(b.Context(), []string{"-data", dir, file}, &said, os.Stderr); err != nil {
				b.Fatal(err)
			}
			if !strings.Contains(said.String(), want) {
				b.Fatalf("%q is not said:\n%s", want, said.String()[max(0, said.Len()-500):])
			}
			return time.Since(began).Seconds(), processorTime(b) - used
		}
		wall, cpu := run(fmt.Sprintf("%d booked now, 0 booked before", importTransfers))
		b.ReportMetric(wall, "s")
		b.ReportMetric(cpu, "cpu-s")
		b.ReportMetric(importTransfers/wall, "transfers/s")
		again, cpuAgain := run(fmt.Sprintf("0 booked now, %d booked before", importTransfers))
		b.ReportMetric(again, "again-s")
		b.ReportMetric(cpuAgain, "again-cpu-s")
	}
	b.ReportMetric(0, "ns/op")
}

// folder can be entered by the user who runs PostgreSQL.
func folder(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("", "accounts-import-")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// processorTime of this process so far, in seconds.
func processorTime(b *testing.B) float64 {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

// fillOrders makes a data folder with orders that wait for money.
func fillOrders(b *testing.B, dir string) {
	base, err := foundation.Open(b.Context(), foundation.FromEnvironment(dir, foundation.Logger(io.Discard, slog.LevelWarn)))
	if err != nil {
		b.Fatal(err)
	}
	defer base.Close()
	var numbers []domain.Event
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(replayWriters)
	for n := range importTransfers {
		id, number := orderToPay(n)
		numbers = append(numbers, domain.OrderNumberAssigned{Order: id, Number: number})
		amounts := domain.AmountsOf(499_00, 23)
		group.Go(func() error {
			return appendTo(ctx, base, domain.OrderStream(id), domain.NoStream, domain.OrderSubmitted{Order: id, Number: number, Buyer: "customer",
				Lines: []domain.Line{{Line: 1, Client: "customer", Program: "magazyn", Licence: domain.LicenceIDOf(strconv.Itoa(n)), To: "3.0", Stations: 1, UnitNet: 499_00, VATRate: 23, Amounts: amounts}},
				Total: amounts, Bank: domain.BankData{Recipient: "NetRom", Account: replayAccount}, Title: number.Reference(), DueOn: "2026-12-06"}, domain.LetterSent{Order: id, Kind: domain.ConfirmTask})
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	const page = 500
	for from := 0; from < len(numbers); from += page {
		if err := appendTo(b.Context(), base, domain.NumbersStream(2026), domain.Revision(from)-1, numbers[from:min(from+page, len(numbers))]...); err != nil {
			b.Fatal(err)
		}
	}
}

func orderToPay(n int) (domain.OrderID, domain.OrderNumber) {
	return domain.OrderID(domain.NameID("order", strconv.Itoa(n))), domain.OrderNumber{Year: 2026, Sequence: n + 1}
}

var appended atomic.Int64

func appendTo(ctx context.Context, base *foundation.Foundation, stream string, expected domain.Revision, events ...domain.Event) error {
	var proposed []domain.Proposed
	for _, event := range events {
		proposed = append(proposed, domain.Proposed{ID: domain.NameID(stream, fmt.Sprint(appended.Add(1))), Event: event,
			Metadata: domain.Metadata{Actor: "system:bench", Correlation: stream, Causation: stream, At: time.Now()}})
	}
	_, err := base.Log.Append(ctx, stream, expected, proposed)
	return err
}

// statementOfOrders is a statement in MT940 with a transfer for each order.
func statementOfOrders() []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, ":20:X\n:25:%s\n:28C:1\n:60F:C261120PLN0,00\n", replayAccount)
	amount, sum := domain.AmountsOf(499_00, 23).Gross, domain.Money(0)
	for n := range importTransfers {
		_, number := orderToPay(n)
		sum += amount
		fmt.Fprintf(&text, ":61:2611211121CN%d,%02dS051NONREF//KB%012d\n:86:051~00PRZELEW PRZYCHODZACY~20ZAPLATA %s\n~3011402004~310000300201355387\n~32FIRMA PRZYKLADOWA SP Z O O~33UL DLUGA 1 WARSZAWA\n~38PL27114020040000300201355387\n",
			amount/100, amount%100, n, number.Reference())
	}
	fmt.Fprintf(&text, ":62F:C261121PLN%d,%02d\n-\n", sum/100, sum%100)
	return text.Bytes()
}
