package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/mux"
	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/postgres"
	"netrom.pl/portal/infra/vault"
)

// How BenchmarkAddToCart measures: portal and peer in turns within one run, so that a noisy machine disturbs both.
const (
	speedUsers   = 8
	speedRepeats = 5
	speedTicks   = 10 // additions to one cart, which is loaded with 5 events on average
	speedSlice   = 1500 * time.Millisecond
)

// BenchmarkAddToCart measures AddToCart over HTTP with eight users, and in the same run what a team would write instead:
// the same router and login, an events table in Postgres with unique(stream, version), load and insert. It reports
// the median of the ratios. The portal also projects what it accepts into its read models meanwhile; the peer has none.
func BenchmarkAddToCart(b *testing.B) {
	p := startToMeasure(b)
	field := prepareField(b, p)
	table := newTablePeer(b, p)
	b.ResetTimer()
	for b.Loop() {
		var ratios, ours, theirs []float64
		for range speedRepeats {
			peer := field.measure(b, table.nextRun, field.known)
			portal := field.measure(b, func() string { return "http://" + p.listener.Addr().String() }, field.fresh)
			ratios, ours, theirs = append(ratios, portal/peer), append(ours, portal), append(theirs, peer)
		}
		b.ReportMetric(median(ratios), "portal/peer")
		b.ReportMetric(median(ours), "portal-req/s")
		b.ReportMetric(median(theirs), "peer-req/s")
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// field is a crowd of customers with sessions, and things to tick.
type field struct {
	tokens []string
	next   atomic.Int64
	offers []string
}

// fresh is a customer whose cart is still empty; known is any.
func (f *field) fresh() string { return f.tokens[f.next.Add(1)-1] }
func (f *field) known() string { return f.tokens[rand.IntN(len(f.tokens))] }

func prepareField(b *testing.B, p *portal) *field {
	b.Helper()
	f := &field{}
	importer := newImporter(p.base)
	file := importFile{}
	for i := range speedTicks {
		program := importProgram{Program: domain.ProgramID(fmt.Sprintf("program%d", i)), Name: fmt.Sprintf("Program %d", i),
			Versions: []importVersion{{domain.SingleStation, "1.0"}}, Prices: []importPrice{{domain.SingleStation, "", "1.0", "100,00", 23}}}
		file.Programs = append(file.Programs, program)
		f.offers = append(f.offers, string(domain.Price{Program: program.Program, Edition: domain.SingleStation, To: "1.0"}.Entry()))
	}
	const customers = 4_000
	for i := range customers {
		file.Customers = append(file.Customers, importCustomer{Code: fmt.Sprintf("S-%d", i), Name: fmt.Sprintf("Spółka %d", i), NIP: "1234563218", Email: "a@b.example", Language: domain.Polish})
	}
	if err := importer.load(b.Context(), file); err != nil {
		b.Fatal(err)
	}
	for i := range customers {
		account, err := p.base.Vault.CreateAccount(b.Context(), vault.Account{UserName: fmt.Sprintf("user-%d", i), Role: vault.Role(handlers.CustomerRole), CustomerID: string(domain.CustomerIDOf(fmt.Sprintf("S-%d", i))), Language: "pl"})
		if err != nil {
			b.Fatal(err)
		}
		token, _, err := p.base.Vault.StartSession(b.Context(), account)
		if err != nil {
			b.Fatal(err)
		}
		f.tokens = append(f.tokens, token)
	}
	last, err := p.base.LastPosition(b.Context(), 0)
	if err != nil {
		b.Fatal(err)
	}
	if err := p.base.Settle(b.Context(), p.views, last); err != nil {
		b.Fatal(err)
	}
	return f
}

// measure lets the users tick for a while and gives requests per second.
func (f *field) measure(b *testing.B, base, token func() string) float64 {
	b.Helper()
	var done atomic.Int64
	var users sync.WaitGroup
	began := time.Now()
	for range speedUsers {
		users.Go(func() {
			for time.Since(began) < speedSlice {
				s := &shopper{base: base(), token: token(), forgetful: true}
				for _, offer := range f.offers {
					if err := s.addToCart(b.Context(), offer); err != nil {
						b.Error(err)
						return
					}
					done.Add(1)
				}
			}
		})
	}
	users.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}

// tablePeer is the events table in Postgres behind the same router and the same login.
type tablePeer struct {
	base   string
	runs   atomic.Int64
	vault  handlers.Sessions
	db     *sqlx.DB
	load   *sqlx.Stmt
	insert *sqlx.Stmt
}

func newTablePeer(b *testing.B, p *portal) *tablePeer {
	b.Helper()
	ctx := b.Context()
	db, err := postgres.Open(ctx, p.base.DatabaseURL())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	peer := &tablePeer{db: db, vault: people{p.base.Vault}}
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS public.events (position bigserial PRIMARY KEY, stream text NOT NULL, version int NOT NULL, data jsonb NOT NULL, UNIQUE (stream, version))`); err != nil {
		b.Fatal(err)
	}
	if peer.load, err = db.PreparexContext(ctx, `SELECT data FROM public.events WHERE stream = $1 ORDER BY version`); err != nil {
		b.Fatal(err)
	}
	if peer.insert, err = db.PreparexContext(ctx, `INSERT INTO public.events (stream, version, data) VALUES ($1, $2, $3) RETURNING position`); err != nil {
		b.Fatal(err)
	}
	router := mux.NewRouter()
	router.HandleFunc("/{run}/api/cart/items", peer.addToCart).Methods(http.MethodPost)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: router, ErrorLog: slog.NewLogLogger(p.logger.Handler(), slog.LevelWarn)}
	go server.Serve(listener)
	b.Cleanup(func() { server.Close() })
	peer.base = "http://" + listener.Addr().String()
	return peer
}

// nextRun is an address under which every cart is still empty.
func (t *tablePeer) nextRun() string { return fmt.Sprintf("%s/%d", t.base, t.runs.Add(1)) }

func (t *tablePeer) addToCart(w http.ResponseWriter, r *http.Request) {
	position, err := t.add(r)
	if err != nil {
		http.Error(w, `{"title": "`+err.Error()+`"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]int64{"position": position})
}

func (t *tablePeer) add(r *http.Request) (position int64, err error) {
	account, err := t.vault.Session(r.Context(), r.Header.Get("Authorization")[len("Bearer "):])
	if err != nil {
		return 0, err
	}
	var wanted struct {
		Offers []string `json:"offers"`
	}
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
		return 0, err
	}
	stream := domain.CartStream(account.Customer) + "-" + mux.Vars(r)["run"]
	rows, err := t.load.QueryContext(r.Context(), stream)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var cart domain.Cart
	for rows.Next() {
		var raw []byte
		var event domain.ItemAddedToCart
		if err := errors.Join(rows.Scan(&raw), json.Unmarshal(raw, &event)); err != nil {
			return 0, err
		}
		cart.Evolve(event)
	}
	event := domain.ItemAddedToCart{Buyer: account.Customer, Item: domain.Item{ID: domain.ItemID(wanted.Offers[0]), Client: account.Customer, Program: "program", Edition: domain.SingleStation, To: "1.0", Stations: 1, Net: 10_000, VATRate: 23}}
	var encoded bytes.Buffer
	if err := json.NewEncoder(&encoded).Encode(event); err != nil {
		return 0, err
	}
	err = t.insert.QueryRowContext(r.Context(), stream, cart.Version, encoded.Bytes()).Scan(&position)
	return position, err
}
