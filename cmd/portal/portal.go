package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/activation"
	"netrom.pl/portal/infra/mail"
	"netrom.pl/portal/infra/paper"
	"netrom.pl/portal/infra/pubsub"
	"netrom.pl/portal/projections"
)

// portal is everything that runs: the circle from the door to the log, the views and back, and the process manager.
type portal struct {
	base        *foundation.Foundation
	views       *sqlx.DB
	tables      *projections.Tables
	log         domain.Log
	vendor      handlers.Vendor
	publicKeys  activation.Keys
	fulfilment  *handlers.Fulfilment
	checkpoints string // where they are copied to
	watched     []watching
	clock       func() time.Time
	evidence    *evidence
	sampler     *projections.Sampler
	poison      message.Publisher
	eraser      *eraser
	server      *http.Server
	listener    net.Listener
	logger      *slog.Logger
	closers     []func() error
}

// limits of the HTTP server; what a request itself may contain is limited by handlers.
const (
	readHeaderLimit = 5 * time.Second
	readLimit       = 30 * time.Second
	writeLimit      = 60 * time.Second
	idleLimit       = 2 * time.Minute
	headerBytesMax  = 64 << 10
	warmStreamsMax  = 10_000
	sweepEvery      = time.Hour
	shutdownLimit   = 10 * time.Second
)

// openPortal opens everything in the order of the circle; nothing runs yet.
func openPortal(ctx context.Context, s settings, logger *slog.Logger) (*portal, error) {
	collectSeldom()
	p := &portal{logger: logger, clock: time.Now}
	if s.clock != nil {
		p.clock = s.clock
	}
	if err := p.open(ctx, s); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *portal) open(ctx context.Context, s settings) (err error) {
	if !s.demo { // before anything is made or started
		if p.vendor, err = readVendor(s.data); err != nil {
			return err
		}
	}
	if p.listener, err = net.Listen("tcp", s.listen); err != nil {
		return cannotListen(s.listen, err)
	}
	p.onClose(func() error { return ignoreClosed(p.listener.Close()) })
	if p.base, err = foundation.Open(ctx, foundation.FromEnvironment(s.data, p.logger)); err != nil {
		return err
	}
	p.onClose(p.base.Close)
	if !p.base.Owner {
		return fmt.Errorf("a portal is running on data folder %s already; stop it, or choose another folder with -data", s.data)
	}
	if s.demo {
		if p.vendor, err = demoVendor(s.data); err != nil {
			return err
		}
	}
	if p.vendor.URL = s.url; p.vendor.URL == "" {
		p.vendor.URL = listenURL(s.listen, p.listener.Addr())
	}
	p.checkpoints, p.watched, p.evidence = s.checkpoints, s.watched, newEvidence(p.base)
	warm := domain.KeepWarm(p.base.Log, warmStreamsMax)
	p.log = warm
	if p.views, err = p.base.OpenSchema(ctx, foundation.ViewsSchema); err != nil {
		return err
	}
	p.onClose(p.views.Close)
	if p.tables, err = projections.OpenTables(ctx, p.views); err != nil {
		return err
	}
	p.onClose(p.tables.Close)
	p.sampler = projections.NewSampler(p.tables, p.base.Log, projections.SamplerOptions{Now: p.now, Logger: p.logger})
	p.eraser = &eraser{base: p.base, log: p.log, tables: p.tables, list: forgottenIn(s.data, s.checkpoints), now: p.now, logger: p.logger,
		forget: func() { warm.Forget(); handlers.ForgetWritten() },
		settle: func(ctx context.Context, at domain.Position) error { return p.base.Settle(ctx, p.views, at) }}
	if err := p.eraser.forgetAgain(ctx); err != nil {
		return err
	}
	if err := p.hireProcessManager(s); err != nil {
		return err
	}
	return p.base.Invite(p.vendor.URL)
}

// hireProcessManager gives the process manager its hands: a key to sign with and a way to send letters.
func (p *portal) hireProcessManager(s settings) error {
	_, keys, err := p.base.SigningKey() // made at the first start
	if err != nil {
		return err
	}
	p.publicKeys = keys
	post, mailbox, err := openPost(s)
	if err != nil {
		return err
	}
	p.fulfilment = &handlers.Fulfilment{
		Log: p.log, Due: p.tables.Due, Send: sending(post, p.vendor), Sign: signing(p.base.SigningKey), Paper: paper.Printer{}, Evidence: p.evidence, Credit: p.tables.TransfersWithCredit, Link: p.link, Vendor: p.vendor, Now: p.now, Logger: p.logger,
	}
	p.poison = pubsub.NewPublisher(p.base.Log, p.now)
	door := handlers.New(handlers.Options{
		Log: p.log, Tables: p.tables, Settle: p.settle, Await: p.await, Accounts: people{p.base.Vault}, Sessions: people{p.base.Vault},
		Logins: people{p.base.Vault}, SecondFactors: people{p.base.Vault}, PoisonQueue: poisonStream, AuditorsSeePersonalData: s.open,
		Evidence: p.evidence, Sampler: p.sampler, Bundle: p.evidence.Bundle, Paper: paper.Printer{}, Workbook: foundation.Workbook, BooksWorkbook: foundation.NewXLSX, Statements: foundation.ReadStatements, Mailbox: mailbox, Ready: p.ready, Vendor: p.vendor, Demo: p.demoLogins(s.demo),
		HTTPS: isHTTPS(p.vendor.URL), Now: p.now, NewID: uuid.NewString, Logger: p.logger,
	})
	p.server = &http.Server{
		Handler:           door,
		ReadHeaderTimeout: readHeaderLimit, ReadTimeout: readLimit, WriteTimeout: writeLimit, IdleTimeout: idleLimit,
		MaxHeaderBytes: headerBytesMax, ErrorLog: slog.NewLogLogger(p.logger.Handler(), slog.LevelWarn),
	}
	p.server.RegisterOnShutdown(door.StopWatching)
	return nil
}

// openPost decides where letters go: to SMTP_URL, or into the data folder, where a demonstration shows them.
func openPost(s settings) (mail.Post, handlers.Mailbox, error) {
	if s.smtp != "" {
		post, err := mail.SMTP(s.smtp)
		if err != nil {
			return nil, nil, fmt.Errorf("read SMTP_URL: %w", err)
		}
		return post, nil, nil
	}
	folder, err := mail.Folder(filepath.Join(s.data, lettersFolder))
	if err != nil {
		return nil, nil, err
	}
	if s.demo {
		return folder, mailbox{folder}, nil
	}
	return folder, nil, nil
}

func (p *portal) settle(ctx context.Context, at domain.Position, views ...string) error {
	return projections.Settle(ctx, p.views, at, views...)
}

func (p *portal) await(ctx context.Context, since projections.Moment, views ...string) (projections.Moment, error) {
	return projections.Await(ctx, p.views, since, views...)
}

func (p *portal) ready(ctx context.Context) error {
	return errors.Join(p.base.Log.Ping(ctx), p.views.PingContext(ctx))
}

func (p *portal) now() time.Time { return p.clock() }

// run serves until the context ends or something without which the portal is no portal has failed.
func (p *portal) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var running sync.WaitGroup
	running.Go(func() {
		foundation.RunViews(ctx, p.views, p.base.Log, p.logger, func(err error) { p.logger.Error("a view has stopped; it will try again", "error", err) })
	})
	running.Go(func() { p.keepProcessManager(ctx) })
	running.Go(func() { p.keepWitness(ctx) })
	running.Go(func() { p.watchOthers(ctx) })
	running.Go(func() { p.sampler.Run(ctx) })
	running.Go(func() { p.sweep(ctx) })
	running.Go(func() { p.keepForgetting(ctx) })
	running.Go(func() {
		select {
		case <-ctx.Done():
		case <-p.base.DatabaseEnded():
			stop(errors.New("the PostgreSQL of the data folder has ended; start the portal again"))
		}
	})
	running.Go(func() {
		if err := p.server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
			stop(fmt.Errorf("serve: %w", err))
		}
	})
	<-ctx.Done()
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	err := p.server.Shutdown(shutdown)
	running.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	return err
}

// sweep clears ended sessions and used links out of the vault, now and every hour.
func (p *portal) sweep(ctx context.Context) {
	for ticker := time.Tick(sweepEvery); ; {
		if _, err := p.base.Vault.Sweep(ctx); err != nil && ctx.Err() == nil {
			p.logger.Error("sweep the vault", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker:
		}
	}
}

func (p *portal) onClose(closer func() error) { p.closers = append(p.closers, closer) }

// close gives everything back in reverse order. Closing twice is harmless.
func (p *portal) close() error {
	var errs []error
	for len(p.closers) > 0 {
		last := len(p.closers) - 1
		errs = append(errs, p.closers[last]())
		p.closers = p.closers[:last]
	}
	return errors.Join(errs...)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
