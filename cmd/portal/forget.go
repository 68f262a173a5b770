package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/vault"
	"netrom.pl/portal/projections"
)

// forgetPause is the wait after an erasure that went wrong, and the longest one before the next look at what is owed.
const (
	forgetPause = 10 * time.Second
	forgetEvery = time.Minute
)

// keepForgetting does what operators have agreed to forget, until the context ends. Trouble is logged and tried again.
func (p *portal) keepForgetting(ctx context.Context) {
	var seen projections.Moment
	for ctx.Err() == nil {
		if done, err := p.eraser.run(ctx); err != nil && ctx.Err() == nil {
			p.logger.Error("erase personal data; it will be tried again", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(forgetPause):
			}
			continue
		} else if len(done) > 0 {
			p.logger.Info("personal data erased", "erasures", len(done))
		}
		waiting, cancel := context.WithTimeout(ctx, forgetEvery)
		if now, err := p.await(waiting, seen, "customers"); err == nil {
			seen = now
		}
		cancel()
	}
}

const forgetSynopsis = "portal forget [-data DIR] [-purpose contact|legal] [-confirm | -withdraw] -by OPERATOR CUSTOMER"

// forgetWish is what somebody types at `portal forget`.
type forgetWish struct {
	by                string // user name
	customer          string // identity, or the code in the vendor's books
	purpose           domain.Purpose
	confirm, withdraw bool
}

// forgetCustomer is `portal forget`: one operator proposes, another one confirms, each with password and second factor.
func forgetCustomer(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var wish forgetWish
	flags, data := foundation.Flags("portal forget")
	flags.StringVar(&wish.by, "by", "", "user name of the `OPERATOR` who wants it; password and code are read from standard input, one line each")
	purpose := flags.String("purpose", string(domain.ContactPurpose), "`PURPOSE`: contact (on request) or legal (everything, when the law no longer wants it)")
	flags.BoolVar(&wish.confirm, "confirm", false, "agree to what another operator has proposed; the data are destroyed")
	flags.BoolVar(&wish.withdraw, "withdraw", false, "take back what was proposed")
	names, err := foundation.Parse(flags, args, forgetSynopsis, 1, stdout)
	if err != nil {
		return err
	}
	wish.customer, wish.purpose = names[0], domain.Purpose(*purpose)
	switch {
	case wish.by == "":
		return foundation.UsageError{Err: fmt.Errorf("-by is missing: which operator wants it?\nUsage: %s", forgetSynopsis)}
	case wish.confirm && wish.withdraw:
		return foundation.UsageError{Err: errors.New("-confirm and -withdraw exclude each other")}
	}
	logger := foundation.Logger(stderr, slog.LevelWarn)
	options := foundation.FromEnvironment(*data, logger)
	options.Existing = true
	base, err := foundation.Open(ctx, options)
	if err != nil {
		return err
	}
	return errors.Join(wish.do(ctx, base, os.Stdin, stdout, stderr, logger), base.Close())
}

func (w forgetWish) do(ctx context.Context, base *foundation.Foundation, stdin *os.File, stdout, stderr io.Writer, logger *slog.Logger) error {
	account, err := authenticateOperator(ctx, base.Vault, w.by, stdin, stderr)
	if err != nil {
		return err
	}
	last, err := base.LastPosition(ctx, 0)
	if err != nil {
		return err
	}
	views, err := base.SettledViews(ctx, last)
	if err != nil {
		return err
	}
	defer views.Close()
	tables, err := projections.OpenTables(ctx, views)
	if err != nil {
		return err
	}
	defer tables.Close()
	customer, err := w.find(ctx, base.Log)
	if err != nil {
		return err
	}
	if err := w.execute(ctx, base.Log, tables, customer, account.ID); err != nil {
		return err
	}
	if !w.confirm {
		done := "proposed; nothing is erased until another operator confirms it:\n  portal forget -purpose " + string(w.purpose) + " -confirm -by OPERATOR " + string(customer)
		if w.withdraw {
			done = "withdrawn."
		}
		fmt.Fprintf(stdout, "The erasure of customer %s (%s) is %s\n", customer, w.purpose, done)
		return nil
	}
	if base.Owner {
		worker := &eraser{base: base, log: base.Log, tables: tables, list: forgottenIn(base.Dir, os.Getenv("CHECKPOINTS_DIR")), now: time.Now, logger: logger,
			settle: func(ctx context.Context, at domain.Position) error { return settleAlone(ctx, base, at) }}
		if _, err := worker.run(ctx); err != nil {
			return err
		}
	}
	certificate, err := awaitCertificate(ctx, base, customer, w.purpose)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "The data of customer %s (%s) are erased: %d keys, %d accounts and %d letters are destroyed.\n", customer, w.purpose,
		len(certificate.Keys), len(certificate.Accounts), certificate.Letters)
	return nil
}

// settleAlone brings the views of a stopped portal up to a position.
func settleAlone(ctx context.Context, base *foundation.Foundation, at domain.Position) error {
	views, err := base.SettledViews(ctx, at)
	if err != nil {
		return err
	}
	return views.Close()
}

// authenticateOperator wants what the login pages want of an operator: password, and a code of the second factor.
func authenticateOperator(ctx context.Context, v *vault.Vault, user string, stdin *os.File, prompt io.Writer) (vault.Account, error) {
	lines := bufio.NewReader(stdin)
	password, err := askSecretly(stdin, lines, prompt, "Password of "+user+": ")
	if err != nil {
		return vault.Account{}, err
	}
	code, err := askSecretly(stdin, lines, prompt, "Code of the authenticator app: ")
	if err != nil {
		return vault.Account{}, err
	}
	account, err := v.Authenticate(ctx, user, password, "")
	if err != nil {
		return account, err
	}
	if account.Role != vault.OperatorRole {
		return account, fmt.Errorf("%s is no operator", account.UserName)
	}
	return account, v.CheckSecondFactor(ctx, account.ID, code)
}

// askSecretly reads one line; what a person types at a terminal is not shown.
func askSecretly(stdin *os.File, lines *bufio.Reader, prompt io.Writer, question string) (string, error) {
	if info, err := stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprint(prompt, question)
		if err := echo(stdin, "-echo"); err != nil {
			return "", fmt.Errorf("hide what is typed: %w; give password and code on standard input, one line each", err)
		}
		defer func() {
			_ = echo(stdin, "echo") // a terminal that is gone shows nothing anyway
			fmt.Fprintln(prompt)
		}()
	}
	line, err := lines.ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || line == "") {
		return "", fmt.Errorf("read password and code from standard input, one line each: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func echo(terminal *os.File, mode string) error {
	command := exec.Command("stty", mode)
	command.Stdin = terminal
	return command.Run()
}

// find takes an identity, or a code in the vendor's books.
func (w forgetWish) find(ctx context.Context, log domain.Log) (domain.CustomerID, error) {
	for _, id := range []domain.CustomerID{domain.CustomerID(w.customer), domain.CustomerIDOf(w.customer)} {
		known, err := domain.Load[domain.Customer](ctx, log, domain.CustomerStream(id))
		if err != nil {
			return "", err
		}
		if known.State.ID != "" {
			return id, nil
		}
	}
	return "", fmt.Errorf("there is no customer %s", w.customer)
}

func (w forgetWish) execute(ctx context.Context, log domain.Log, tables *projections.Tables, customer domain.CustomerID, account string) error {
	now := time.Now()
	id := uuid.NewString()
	by := domain.Cause{Command: id, Actor: account, OnBehalfOf: string(customer), Correlation: id, Causation: id, At: now}
	if w.withdraw {
		_, err := domain.Execute(ctx, log, by, domain.WithdrawErasure{Customer: customer, Purpose: w.purpose, By: account})
		return err
	}
	facts, err := handlers.ErasureFacts(ctx, log, tables, customer, now)
	if err != nil {
		return err
	}
	if w.confirm {
		_, err = domain.Execute(ctx, log, by, domain.ConfirmErasure{Customer: customer, Purpose: w.purpose, By: account, Facts: facts})
		return err
	}
	_, err = domain.Execute(ctx, log, by, domain.ProposeErasure{Customer: customer, Purpose: w.purpose, By: account, Facts: facts})
	return err
}

// certificatePatience is how long the running portal may take for an erasure.
const certificatePatience = 2 * time.Minute

// awaitCertificate waits until the log says that a customer's data are gone, and the database's files are cleared of them.
func awaitCertificate(ctx context.Context, base *foundation.Foundation, customer domain.CustomerID, purpose domain.Purpose) (domain.PersonalDataErased, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, certificatePatience,
		errors.New("the running portal has not erased the data yet; it goes on trying, and its log says what is in the way"))
	defer cancel()
	for {
		_, toScrub, err := base.Vault.ToScrub(ctx)
		if err != nil && ctx.Err() == nil {
			return domain.PersonalDataErased{}, err
		}
		for record, err := range base.Log.Read(ctx, domain.CustomerStream(customer), 0) {
			if err != nil && ctx.Err() == nil {
				return domain.PersonalDataErased{}, fmt.Errorf("look for the certificate: %w", err)
			}
			if erased, ok := record.Event.(domain.PersonalDataErased); ok && !toScrub && (erased.Purpose == purpose || erased.Purpose == domain.LegalPurpose) {
				return erased, nil
			}
		}
		select {
		case <-ctx.Done():
			return domain.PersonalDataErased{}, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
