package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/eventstore"
)

const (
	replayEvents    = 100_000 // of orders, unless REPLAY_EVENTS says otherwise
	replaySmaller   = 10      // so many times fewer are in the small log
	replayRepeats   = 3
	replayWriters   = 16
	eventsPerOrder  = 10 // on the stream of the order itself
	replayAccount   = domain.NRB("84102055580000123400005678")
	replayStatement = domain.StatementID("s-1")
)

// BenchmarkReplay measures accounts replay -events, in a process of its own that writes to nowhere, over a large and a small log of orders
// that were paid and delivered:
//
//	replay/catch-up  events a second / those of the official client that subscribes to $all and does nothing
//	memory           resident at the most, with the large log / with the small one
//
//	REPLAY_EVENTS=1000000 go test ./cmd/accounts -run '^$' -bench Replay -benchtime 1x -timeout 2h
func BenchmarkReplay(b *testing.B) {
	events := replayEvents
	if text := os.Getenv("REPLAY_EVENTS"); text != "" {
		var err error
		if events, err = strconv.Atoi(text); err != nil || events < replaySmaller*eventsPerOrder {
			b.Fatalf("REPLAY_EVENTS=%s: want a number from %d", text, replaySmaller*eventsPerOrder)
		}
	}
	bin := b.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin, "netrom.pl/portal/cmd/esnode", "netrom.pl/portal/cmd/accounts").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	large, small := newReplayed(b, bin, events), newReplayed(b, bin, events/replaySmaller)
	for range b.N {
		var rates, memory, ratios []float64
		for range replayRepeats {
			bare := large.catchUp(b)
			rate, resident := large.replay(b)
			_, residentSmall := small.replay(b)
			rates, ratios, memory = append(rates, rate), append(ratios, rate/bare), append(memory, resident/residentSmall)
		}
		b.ReportMetric(median(rates), "replay/s")
		b.ReportMetric(median(ratios), "replay/catch-up")
		b.ReportMetric(median(memory), "memory")
	}
}

func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

// replayed is an event node with the history of orders.
type replayed struct {
	bin, url, dir string
	events        int64 // in the log
}

func newReplayed(b *testing.B, bin string, events int) *replayed {
	dir := b.TempDir()
	node := exec.Command(filepath.Join(bin, "esnode"), "-data", filepath.Join(dir, "log"), "-listen", "127.0.0.1:0")
	out, err := node.StdoutPipe()
	if err == nil {
		err = node.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		node.Process.Kill()
		node.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatalf("start esnode: %v", err)
	}
	r := &replayed{bin: bin, url: "esdb://" + strings.TrimSpace(line) + "?tls=false", dir: dir}
	r.fill(b, events/eventsPerOrder)
	return r
}

// fill writes the histories of orders side by side.
func (r *replayed) fill(b *testing.B, orders int) {
	store, err := eventstore.Open(eventstore.Options{URL: r.url})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	write := func(stream string, events ...domain.Event) {
		proposed := make([]domain.Proposed, len(events))
		for i, event := range events {
			proposed[i] = domain.Proposed{ID: domain.NameID(stream, strconv.Itoa(i)), Event: event, Metadata: domain.Metadata{Actor: "system:bench", Correlation: stream, Causation: stream, At: time.Now()}}
		}
		if _, err := store.Append(b.Context(), stream, domain.NoStream, proposed); err != nil {
			b.Error(err)
		}
		atomic.AddInt64(&r.events, int64(len(events)))
	}
	write(domain.StatementStream(replayStatement), domain.StatementImported{Statement: replayStatement, Account: replayAccount, Number: "1", ClosedOn: "2026-11-22"})
	var writing sync.WaitGroup
	var next atomic.Int64
	for range replayWriters {
		writing.Go(func() {
			for n := int(next.Add(1)); n <= orders && !b.Failed(); n = int(next.Add(1)) {
				writeOrder(write, n)
			}
		})
	}
	writing.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

// writeOrder writes an order with one line, its transfer and its licence.
func writeOrder(write func(string, ...domain.Event), n int) {
	id, transfer, licence := domain.OrderID(domain.NameID("order", strconv.Itoa(n))), domain.TransferID(fmt.Sprint("t-", n)), domain.LicenceIDOf(strconv.Itoa(n))
	number := domain.OrderNumber{Year: 2026, Sequence: n}
	amounts := domain.AmountsOf(499_00, 23)
	line := domain.Line{Line: 1, Client: "customer", Program: "magazyn", ProgramName: "Magazyn", Licence: licence, Edition: domain.SingleStation, To: "3.0", Stations: 1, UnitNet: 499_00, VATRate: 23, Amounts: amounts}
	write(domain.OrderStream(id),
		domain.OrderSubmitted{Order: id, Number: number, Buyer: "customer", Lines: []domain.Line{line}, Total: amounts, Bank: domain.BankData{Recipient: "NetRom", Account: replayAccount}, Title: number.Reference(), DueOn: "2026-12-06"},
		domain.LetterSent{Order: id, Kind: domain.ConfirmTask},
		domain.PaymentReceived{Order: id, Transfer: transfer, Amount: amounts.Gross, ValueOn: "2026-11-22"},
		domain.LicencesMarkedPaid{Order: id},
		domain.LetterSent{Order: id, Kind: domain.PaymentNoteTask},
		domain.TaskFailed{Order: id, Task: "activation-1", Failure: domain.Failure{Attempt: 1, Reason: "the server is away"}},
		domain.ActivationFileIssued{Order: id, Line: 1, Licence: licence, Client: "customer", Name: "magazyn.lic.txt", Digest: strings.Repeat("0", 64), Key: "key"},
		domain.ActivationFileSent{Order: id, Line: 1, Licence: licence, Copy: 1},
		domain.ActivationFileResendRequested{Order: id, Line: 1, Copy: 2},
		domain.ActivationFileSent{Order: id, Line: 1, Licence: licence, Copy: 2})
	write(domain.TransferStream(transfer), domain.TransferReceived{Transfer: transfer, Statement: replayStatement, Account: replayAccount, Amount: amounts.Gross, ValueOn: "2026-11-22", BookedOn: "2026-11-22", BankReference: fmt.Sprint("KB", n)},
		domain.TransferMatched{Transfer: transfer, Order: id, Number: number, Amount: amounts.Gross, ValueOn: "2026-11-22", Rule: domain.MatchedByReference})
	write(domain.LicenceStream(licence), domain.LicencePaid{Licence: licence, Order: id})
}

// catchUp reads the log as the official client does and does nothing with it; it answers events a second.
func (r *replayed) catchUp(b *testing.B) float64 {
	config, err := esdb.ParseConnectionString(r.url)
	if err != nil {
		b.Fatal(err)
	}
	client, err := esdb.NewClient(config)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	began := time.Now()
	subscription, err := client.SubscribeToAll(context.Background(), esdb.SubscribeToAllOptions{From: esdb.Start{}, Filter: esdb.ExcludeSystemEventsFilter()})
	if err != nil {
		b.Fatal(err)
	}
	defer subscription.Close()
	for seen := int64(0); seen < r.events; {
		switch event := subscription.Recv(); {
		case event.EventAppeared != nil:
			seen++
		case event.SubscriptionDropped != nil:
			b.Fatal(event.SubscriptionDropped.Error)
		}
	}
	return float64(r.events) / time.Since(began).Seconds()
}

// replay runs the program and answers events a second and its largest resident memory in KiB.
func (r *replayed) replay(b *testing.B) (rate, resident float64) {
	command := exec.Command(filepath.Join(r.bin, "accounts"), "replay", "-events", "-data", r.dir)
	command.Env = append(os.Environ(), "EVENTSTORE_URL="+r.url)
	command.Stderr = os.Stderr
	began := time.Now()
	if err := command.Run(); err != nil {
		b.Fatalf("accounts replay: %v", err)
	}
	return float64(r.events) / time.Since(began).Seconds(), float64(command.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
}
