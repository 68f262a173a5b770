package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/bank"
	"netrom.pl/portal/infra/mail"
)

// twin is one of several portals on one log and one database, as a program of its own.
type twin struct {
	t       *testing.T
	bin     string
	data    string
	base    string
	program *exec.Cmd
	stderr  lockedBuffer
	ended   chan error
}

// start runs the portal and waits until it serves.
func (p *twin) start() {
	p.t.Helper()
	p.base = "http://" + freeAddress(p.t)
	p.program = exec.Command(filepath.Join(p.bin, "portal"), "demo", "-data", p.data, "-listen", strings.TrimPrefix(p.base, "http://"), "-url", "http://portal.example")
	p.program.Stderr = &p.stderr
	stdout, err := p.program.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.program.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.ended = make(chan error, 1)
	lines := bufio.NewReader(stdout)
	if _, err := lines.ReadString('\n'); err != nil {
		p.t.Fatalf("the portal did not start: %v\n%s", errors.Join(err, p.program.Wait()), p.stderr.String())
	}
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		p.ended <- p.program.Wait()
	}()
}

// signal sends a signal; one that ends the program is followed to its end.
func (p *twin) signal(signal syscall.Signal) {
	p.t.Helper()
	if err := p.program.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	if signal != syscall.SIGTERM && signal != syscall.SIGKILL {
		return
	}
	select {
	case err := <-p.ended:
		if signal == syscall.SIGTERM && err != nil {
			p.t.Errorf("the portal did not stop as it should: %v\n%s", err, p.stderr.String())
		}
	case <-time.After(20 * time.Second):
		p.t.Fatalf("the portal does not stop\n%s", p.stderr.String())
	}
	p.program = nil
}

// freeAddress is one on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// pair is two portals that share everything but their data folders, and what stands around them.
type pair struct {
	t    *testing.T
	a, b *twin
	desk *foundation.Foundation // accounting's view of the log
	sink *mail.Sink
	paid int
}

func startPair(t *testing.T) *pair {
	t.Helper()
	sharedStores(t)
	sink, err := mail.NewSink("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sink.Close() })
	t.Setenv("SMTP_URL", sink.URL())
	bin := programs(t)
	p := &pair{t: t, sink: sink, a: &twin{t: t, bin: bin, data: dataFolder(t)}, b: &twin{t: t, bin: bin, data: dataFolder(t)}}
	t.Cleanup(func() {
		for name, one := range map[string]*twin{"a": p.a, "b": p.b} {
			if one.program != nil {
				_ = one.program.Process.Signal(syscall.SIGCONT)
				one.signal(syscall.SIGTERM)
			}
			if t.Failed() {
				t.Logf("log of %s:\n%s", name, one.stderr.String())
			}
		}
	})
	p.a.start()
	p.b.start()
	if p.desk, err = foundation.Open(t.Context(), foundation.FromEnvironment(dataFolder(t), foundation.Logger(io.Discard, 0))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.desk.Close() })
	return p
}

// at is somebody's session, taken to one of the portals.
func (s *shopper) at(portal *twin) *shopper {
	there := *s
	there.base = portal.base
	return &there
}

func (p *pair) logIn(at *twin, user string) *shopper {
	p.t.Helper()
	s := &shopper{base: at.base}
	if err := s.logIn(p.t.Context(), user, demoPassword(user)); err != nil {
		p.t.Fatalf("log in %s: %v", user, err)
	}
	return s
}

// fill puts so many new programs into the cart of the customer.
func (p *pair) fill(s *shopper, programs int) {
	p.t.Helper()
	offers, err := s.newPrograms(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, offer := range offers[:programs] {
		if err := s.addToCart(p.t.Context(), offer.ID); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *pair) buy(s *shopper, programs int) placedOrder {
	p.t.Helper()
	p.fill(s, programs)
	order, err := s.submit(p.t.Context(), uuid.NewString())
	if err != nil {
		p.t.Fatal(err)
	}
	return order
}

// pay books the whole amount of an order, as accounting does beside the portals.
func (p *pair) pay(id domain.OrderID) {
	p.t.Helper()
	order, err := domain.Load[domain.Order](p.t.Context(), p.desk.Log, domain.OrderStream(id))
	if err != nil {
		p.t.Fatal(err)
	}
	p.paid++
	day, amount := bank.Date(handlers.DayOf(time.Now())), int64(order.State.Open())
	statement := bank.Statement{Account: string(order.State.Bank.Account), Number: fmt.Sprint(p.paid), Currency: "PLN", OpenedOn: day, ClosedOn: day, ClosingGrosz: amount,
		Entries: []bank.Entry{{Key: fmt.Sprint(p.paid), Raw: fmt.Sprint(p.paid), ValueDate: day, BookedOn: day, AmountGrosz: amount, Mark: bank.Credit, Title: order.State.Title}}}
	by := domain.Cause{Command: uuid.NewString(), Actor: "system:test", At: time.Now()}
	if booked, err := foundation.BookStatement(p.t.Context(), p.desk.Log, by, statement); err != nil || booked[0].Match == nil {
		p.t.Fatalf("booked %+v: %v", booked, err)
	}
}

// delivered waits until everything that a paid order owes has left, and holds it against the log.
func (p *pair) delivered(order placedOrder) {
	p.t.Helper()
	want := 2 + len(order.Lines) // the confirmation, the word that the money has come, and the files
	for deadline := time.Now().Add(letterPatience); ; time.Sleep(20 * time.Millisecond) {
		state, err := domain.Load[domain.Order](p.t.Context(), p.desk.Log, domain.OrderStream(order.ID))
		if err != nil {
			p.t.Fatal(err)
		}
		if len(state.State.Owed()) == 0 && state.State.Status() == domain.Fulfilled {
			break
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("order %s is %s and owes %+v", order.Number, state.State.Status(), state.State.Owed())
		}
	}
	letters := map[string][]byte{}
	for _, message := range p.sink.Messages() {
		letter, err := mail.Parse(message.Data)
		if err != nil {
			p.t.Fatal(err)
		}
		if !strings.Contains(letter.Text, order.Number) {
			continue
		}
		if first, again := letters[letter.ID]; again && !bytes.Equal(first, message.Data) {
			p.t.Errorf("%q left twice under one Message-ID, and differs", letter.Subject)
		}
		letters[letter.ID] = message.Data
	}
	if len(letters) != want {
		p.t.Errorf("order %s with %d lines led to %d letters", order.Number, len(order.Lines), len(letters))
	}
	facts := map[string]int{}
	for record, err := range p.desk.Log.Read(p.t.Context(), domain.OrderStream(order.ID), 0) {
		if err != nil {
			p.t.Fatal(err)
		}
		facts[record.Type]++
	}
	if facts["LetterSent"] != 2 || facts["ActivationFileIssued"] != len(order.Lines) || facts["ActivationFileSent"] != len(order.Lines) || facts["PaymentReceived"] != 1 {
		p.t.Errorf("order %s has in the log: %v", order.Number, facts)
	}
}

// TestTwoPortals runs two portals on one log and one database: it must not matter which one somebody talks to, and when
// one is gone the other takes over.
func TestTwoPortals(t *testing.T) {
	if testing.Short() {
		t.Skip("runs whole programs: left out by -short")
	}
	p := startPair(t)
	customer := p.logIn(p.a, customerUser)

	t.Run("what was written through one is read through the other", func(t *testing.T) { p.readsItsWrites(t, customer) })
	t.Run("one submission through both is one order", func(t *testing.T) { p.oneSubmission(t, customer) })
	t.Run("two windows on one cart are one order", func(t *testing.T) { p.twoWindows(t, p.logIn(p.b, distributorUser)) })

	order := p.buy(customer.at(p.b), 2)
	p.pay(order.ID)
	p.a.signal(syscall.SIGTERM) // it was first, so it had the process manager
	p.delivered(order)

	p.a.start()
	order = p.buy(customer.at(p.a), 2)
	p.pay(order.ID)
	p.b.signal(syscall.SIGKILL)
	p.delivered(order)
	if _, err := customer.at(p.a).order(t.Context(), order.ID); err != nil {
		t.Errorf("the portal that is left does not show the order: %v", err)
	}

	p.b.start()
	order = p.buy(customer.at(p.b), 1)
	p.a.signal(syscall.SIGSTOP) // frozen, with its connections open
	p.pay(order.ID)
	p.delivered(order)
	order = p.buy(customer.at(p.b), 1)
	p.a.signal(syscall.SIGCONT)
	p.pay(order.ID)
	p.delivered(order)
	if _, err := customer.at(p.a).order(t.Context(), order.ID); err != nil {
		t.Errorf("the portal that was frozen does not show the order: %v", err)
	}
	for _, said := range []string{p.a.stderr.String(), p.b.stderr.String()} {
		for _, personal := range []string{"Piekarnia", "Kłos", "zloty-klos", "7770005511", "Beta", "beta.example"} {
			if strings.Contains(said, personal) {
				t.Errorf("the log of a portal names %q", personal)
			}
		}
	}
}

func (p *pair) readsItsWrites(t *testing.T, s *shopper) {
	writer, reader := p.a, p.b
	for i := range 6 {
		here := s.at(writer)
		offers, err := here.newPrograms(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := here.addToCart(t.Context(), offers[i%2].ID); err != nil {
			t.Fatal(err)
		}
		there, began := here.at(reader), time.Now()
		var cart struct {
			Items []struct {
				ID string `json:"id"`
			} `json:"items"`
		}
		if err := there.call(t.Context(), http.MethodGet, "/api/cart", nil, &cart); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); len(cart.Items) != 1 || waited > 2*time.Second {
			t.Fatalf("round %d: the other portal shows %d positions after %s", i, len(cart.Items), waited)
		}
		if err := there.call(t.Context(), http.MethodDelete, "/api/cart/items/"+cart.Items[0].ID, nil, nil); err != nil {
			t.Fatal(err)
		}
		s.seen = there.seen
		writer, reader = reader, writer
	}
}

// posts is how many requests go through both portals at once.
const posts = 64

func (p *pair) oneSubmission(t *testing.T, s *shopper) {
	p.fill(s, 3)
	buyer := domain.CustomerIDOf(customerCode)
	before := p.ordersOf(t, buyer)
	key := uuid.NewString()
	answers, failed := make([]placedOrder, posts), make([]error, posts)
	p.atOnce(posts, func(i int, portal *twin) { answers[i], failed[i] = s.at(portal).submit(t.Context(), key) })
	for i, answer := range answers {
		if failed[i] != nil || answer.Number == "" || answer.Number != answers[0].Number || answer.ID != answers[0].ID {
			t.Errorf("post %d was answered with order %q: %v", i, answer.Number, failed[i])
		}
	}
	if now := p.ordersOf(t, buyer); now != before+1 {
		t.Errorf("the log has %d new orders", now-before)
	}
}

func (p *pair) twoWindows(t *testing.T, s *shopper) {
	buyer := domain.CustomerIDOf(distributorCode)
	before := p.ordersOf(t, buyer)
	for round := 1; round <= 4; round++ {
		p.fill(s, 2)
		failed := make([]error, 4)
		p.atOnce(len(failed), func(i int, portal *twin) { _, failed[i] = s.at(portal).submit(t.Context(), uuid.NewString()) })
		ordered := 0
		for _, err := range failed {
			var no problem
			switch {
			case err == nil:
				ordered++
			case !errors.As(err, &no) || no.Status != http.StatusConflict:
				t.Errorf("a window was answered with: %v", err)
			}
		}
		if ordered != 1 {
			t.Errorf("round %d: %d windows were told that they had ordered: %v", round, ordered, failed)
		}
		if now := p.ordersOf(t, buyer); now != before+round {
			t.Errorf("after round %d the log has %d new orders", round, now-before)
		}
	}
}

// atOnce does something several times at the same moment, by turns through both portals.
func (p *pair) atOnce(times int, do func(i int, portal *twin)) {
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range times {
		portal := []*twin{p.a, p.b}[i%2]
		all.Go(func() {
			<-begin
			do(i, portal)
		})
	}
	close(begin)
	all.Wait()
}

// ordersOf counts the orders of a buyer in the log.
func (p *pair) ordersOf(t *testing.T, buyer domain.CustomerID) int {
	t.Helper()
	orders, numbers := 0, map[domain.OrderNumber]bool{}
	for record, err := range p.desk.Log.History(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		e, ok := record.Event.(domain.OrderSubmitted)
		if !ok {
			continue
		}
		if numbers[e.Number] {
			t.Errorf("number %s was given twice", e.Number)
		}
		if numbers[e.Number] = true; e.Buyer == buyer {
			orders++
		}
	}
	return orders
}
