// Package handlers is the door: who asks us, what they may ask for, and how the answer is said.
package handlers

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
	"netrom.pl/portal/projections/books"
)

// Options is everything the door needs; all fields without a note are required.
type Options struct {
	Log           domain.Log
	Tables        *projections.Tables
	Settle        func(ctx context.Context, at domain.Position, views ...string) error                             // projections.Settle on the portal's database
	Await         func(ctx context.Context, since projections.Moment, views ...string) (projections.Moment, error) // projections.Await there
	Accounts      Accounts
	Logins        Logins
	SecondFactors SecondFactors
	Sessions      Sessions
	Evidence      Evidence
	Bundle        Bundler
	Sampler       *projections.Sampler
	Paper         Paper
	Statements    StatementReader
	Workbook      Workbook
	BooksWorkbook func(io.Writer, books.Words) (books.Printer, error) // prints a report of the books as XLSX
	Mailbox       Mailbox                                             // nil: there is no page with letters
	Ready         func(context.Context) error                         // nil error: log and database answer
	Vendor        Vendor
	// AuditorsSeePersonalData lets the log's page show fields that are sealed otherwise.
	AuditorsSeePersonalData bool
	// PoisonQueue is the stream of the events that the process manager could not digest.
	PoisonQueue string
	Demo        []DemoLogin // shown on the login page; empty outside a demonstration
	HTTPS       bool        // people reach the portal by https: cookies are bound to it
	Now         func() time.Time
	NewID       func() string
	Logger      *slog.Logger
}

// DemoLogin is a login that everybody may know.
type DemoLogin struct {
	Who      string // in the portal's language: what this login shows
	User     string
	Password string
	NextCode func(context.Context) (string, error) // of staff: a code that will be accepted, empty while all are used; nil: needs none
	Code     string                                // what NextCode has answered
}

// Server answers people and programs. It is safe for concurrent use.
type Server struct {
	Options
	router   *mux.Router
	guarded  http.Handler
	patience time.Duration // settleMax

	heartbeat   time.Duration // heartbeatEvery
	sessionLook time.Duration // sessionEvery
	watchers    watchers
	uploads     uploads
	debts       debts
	importing   chan struct{} // one element while statements are imported
	books       *books.Kept
	checkpoints pace // of strangers who ask for them
}

// action does what one route is for. A domain.Refusal is a sentence for whoever asked; every other error broke something.
type action func(*Server, *call) (reply, error)

// bodyMax is the most that anybody may send, in bytes: a form with every position that a cart can hold fits in twice.
const bodyMax = 256 << 10

// settleMax is how long a page waits for the read models to see what its reader has just done.
const settleMax = 2 * time.Second

// New puts the door together. It panics when two routes contradict each other or a page cannot be read, which no
// outside input can cause.
func New(o Options) *Server {
	s := &Server{Options: o, router: mux.NewRouter().SkipClean(true), patience: settleMax, heartbeat: heartbeatEvery, sessionLook: sessionEvery, importing: make(chan struct{}, 1),
		books: books.Keep(o.Log), checkpoints: pace{every: checkpointsEvery, burst: checkpointsBurst}}
	for _, route := range routes() {
		methods := []string{route.Method}
		if route.Method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		s.router.Handle(route.Path, s.serve(route)).Methods(methods...)
	}
	s.router.NotFoundHandler = s.serve(unknownRoute)
	s.router.MethodNotAllowedHandler = s.serve(unsuitableMethod)
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(s.serve(crossOriginRoute))
	s.guarded = protection.Handler(s.router)
	return s
}

// serve turns a route into a handler: who asks, may they, have the tables seen what they did, and then the action.
func (s *Server) serve(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := callOf(r)
		c.Request, c.route = r, route
		if c.route.Door == anyDoor {
			c.route.Door = doorOf(r.URL.Path)
		}
		r.Body = http.MaxBytesReader(w, r.Body, route.bodyMax())
		answer, err := s.answer(c)
		s.say(w, c, answer, err)
	})
}

func (s *Server) answer(c *call) (reply, error) {
	if err := s.identify(c); err != nil {
		return reply{}, err
	}
	if answer, switched := s.switchLanguage(c); switched {
		return answer, nil
	}
	if err := c.admit(); err != nil {
		return reply{}, err
	}
	if err := s.settle(c); err != nil {
		return reply{}, err
	}
	return c.route.Do(s, c)
}

// cause is who asks, why and when. One request may wish several things of one stream; step tells them apart.
func (s *Server) cause(c *call, step string) domain.Cause {
	return domain.Cause{
		Command: domain.NameID("request", c.id, step), Actor: c.account.ID, OnBehalfOf: string(c.account.Customer),
		Correlation: c.id, Causation: c.id, At: c.at,
	}
}
