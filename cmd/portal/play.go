package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/mail"
)

// play is the main job from the tick to the activation file, as its users do it: over HTTP, SMTP and a bank's file.
type play struct {
	portal   *portal
	letter   *postbox
	base     string // of the portal's URL
	out      io.Writer
	importer *importer
	dir      string // for the statements of the demonstration's bank

	customer, distributor, client *shopper
	bought                        []placedOrder // by customer and distributor in this run
	granted                       map[domain.CustomerID]domain.LicenceID
	paid                          []domain.OrderNumber
}

// letterPatience bounds how long the play waits for a letter or a view.
const letterPatience = 30 * time.Second

// The people of the demonstration, by the codes of the import file.
const (
	customerUser, customerCode       = "piekarnia", "K-0001"
	distributorUser, distributorCode = "beta", "K-0002"
	clientUser, clientCode           = "gamma", "K-0003"
	otherClientCode                  = "K-0004"
)

func demoPassword(user string) string { return "demo-" + user + "-2026" }

// run plays all steps; each prints one line. It stops at the first that does not hold.
func (p *play) run(ctx context.Context) error {
	steps := []struct {
		what string
		do   func(context.Context) (string, error)
	}{
		{"what an interrupted run has left over is finished", p.nothingOwed},
		{"the vendor grants three licences of older versions", p.grant},
		{"three people get their login by letter and set their passwords", p.getLogins},
		{"a wrong password is refused", p.wrongPassword},
		{"the customer looks at its programs, updates and new programs", p.look},
		{"R7: multi-station before the highest version is refused", p.multiStationTooEarly},
		{"R8: a distributor's client is refused an update, and told whom to ask", p.clientRefused},
		{"R5, R6: the distributor sees its clients' programs and updates", p.distributorLooks},
		{"the customer ticks an update and a new program and submits, twice: one order", p.customerOrders},
		{"the distributor orders updates for two clients", p.distributorOrders},
		{"both confirmation letters have the data for the transfer", p.confirmations},
		{"no activation file exists before the money", p.nothingTooEarly},
		{"a damaged statement is refused, a sound one is booked", p.pay},
		{"the activation files arrive at the licences' addresses and verify", p.activationFiles},
		{"the orders are fulfilled, the programs paid and activated", p.fulfilled},
		{"importing the statement again books nothing twice", p.payAgain},
		{"nothing is owed to anybody", p.nothingOwed},
		{"the read models equal a rebuild from the log", p.rebuilt},
	}
	for i, step := range steps {
		found, err := step.do(ctx)
		if err != nil {
			fmt.Fprintf(p.out, "FAILED %2d  %s\n", i+1, step.what)
			return fmt.Errorf("step %d, %s: %w", i+1, step.what, err)
		}
		fmt.Fprintf(p.out, "ok %2d  %s: %s\n", i+1, step.what, found)
	}
	return nil
}

// nothingOwed waits until the process manager's list has no task whose day has come.
func (p *play) nothingOwed(ctx context.Context) (string, error) {
	last, err := p.portal.base.LastPosition(ctx, 0)
	if err != nil {
		return "", err
	}
	if err := p.portal.settle(ctx, last, "tasks"); err != nil {
		return "", err
	}
	for deadline := p.portal.now().Add(letterPatience); ; time.Sleep(20 * time.Millisecond) {
		owed, err := p.portal.tables.Tasks(ctx, p.portal.now())
		switch {
		case err != nil:
			return "", err
		case len(owed) == 0:
			return "no task", nil
		case p.portal.now().After(deadline):
			return "", fmt.Errorf("%d tasks, the first is %s", len(owed), owed[0].Task.ID)
		}
	}
}

// grant makes sure that there is something to update, however often the play was run.
func (p *play) grant(ctx context.Context) (string, error) {
	p.granted = map[domain.CustomerID]domain.LicenceID{}
	for _, one := range []struct {
		code    string
		program domain.ProgramID
		version domain.Version
	}{{customerCode, "kadry", "2026.1"}, {clientCode, "faktura", "4.1"}, {otherClientCode, "srodki", "1.4"}} {
		program, err := domain.Load[domain.Program](ctx, p.portal.log, domain.ProgramStream(one.program))
		if err != nil {
			return "", err
		}
		id := domain.LicenceID(uuid.NewString())
		grant := domain.GrantLicence{Licence: id, Customer: domain.CustomerIDOf(one.code), Program: program.State, Edition: domain.SingleStation, Version: one.version, Stations: 1, Activated: true}
		if err := importCommand(ctx, p.importer, grant, "grant", string(id)); err != nil {
			return "", err
		}
		p.granted[domain.CustomerIDOf(one.code)] = id
	}
	return fmt.Sprintf("%d licences", len(p.granted)), nil
}

func (p *play) getLogins(ctx context.Context) (string, error) {
	var found []string
	for _, one := range []struct {
		user, code string
		into       **shopper
	}{{customerUser, customerCode, &p.customer}, {distributorUser, distributorCode, &p.distributor}, {clientUser, clientCode, &p.client}} {
		*one.into = &shopper{base: p.base}
		err := (*one.into).logIn(ctx, one.user, demoPassword(one.user))
		var refused problem
		if errors.As(err, &refused) && refused.Status == http.StatusUnauthorized {
			if err = p.setPassword(ctx, one.user, domain.CustomerIDOf(one.code)); err == nil {
				err = (*one.into).logIn(ctx, one.user, demoPassword(one.user))
			}
			found = append(found, one.user+" by letter")
		} else {
			found = append(found, one.user+" had one")
		}
		if err != nil {
			return "", fmt.Errorf("log in %s: %w", one.user, err)
		}
	}
	return strings.Join(found, ", "), nil
}

// setPassword has a fresh one-time link sent and follows it as a person would: page, form, login.
func (p *play) setPassword(ctx context.Context, user string, customer domain.CustomerID) error {
	sent := p.letter.count()
	if err := p.importer.grantLink(ctx, customer, user); err != nil {
		return err
	}
	letter, err := p.letter.await(ctx, sent, func(m mail.Letter) bool {
		return strings.Contains(m.Text, "/password/") && strings.Contains(m.Text, user)
	})
	if err != nil {
		return fmt.Errorf("wait for the letter with the login: %w", err)
	}
	link := p.base + "/password/" + strings.Fields(strings.SplitAfterN(letter.Text, "/password/", 2)[1])[0]
	form := url.Values{"password": {demoPassword(user)}, "password_again": {demoPassword(user)}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, link, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the page for the password answered %s", response.Status)
	}
	return nil
}

func (p *play) wrongPassword(ctx context.Context) (string, error) {
	return refusedWith(http.StatusUnauthorized, (&shopper{base: p.base}).logIn(ctx, "nobody-"+uuid.NewString(), "wrong-password"))
}

// refusedWith turns the expected refusal into a finding, and everything else into an error.
func refusedWith(status int, err error) (string, error) {
	var refused problem
	switch {
	case errors.As(err, &refused) && refused.Status == status:
		return refused.Code + ": " + refused.Detail, nil
	case err == nil:
		return "", errors.New("it was accepted")
	}
	return "", err
}
