package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/activation"
	"netrom.pl/portal/infra/bank"
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
		grant := domain.GrantLicence{Licence: id, Customer: customerID(one.code), Program: program.State, Edition: domain.SingleStation, Version: one.version, Stations: 1, Activated: true}
		if err := importCommand(ctx, p.importer, grant, "grant", string(id)); err != nil {
			return "", err
		}
		p.granted[customerID(one.code)] = id
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
			if err = p.setPassword(ctx, one.user, customerID(one.code)); err == nil {
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

func (p *play) look(ctx context.Context) (string, error) {
	programs, err := p.customer.programs(ctx)
	if err != nil {
		return "", err
	}
	updates, err := p.customer.updates(ctx)
	if err != nil {
		return "", err
	}
	fresh, err := p.customer.newPrograms(ctx)
	if err != nil {
		return "", err
	}
	if len(programs) == 0 || len(updates) == 0 || len(fresh) == 0 {
		return "", fmt.Errorf("%d programs, %d updates, %d new programs", len(programs), len(updates), len(fresh))
	}
	return fmt.Sprintf("%d programs, %d updates, %d new programs", len(programs), len(updates), len(fresh)), nil
}

func (p *play) multiStationTooEarly(ctx context.Context) (string, error) {
	updates, err := p.customer.updates(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(updates, func(o offer) bool {
		return o.ToMultiStation && !o.Possible && o.Licence == p.granted[customerID(customerCode)]
	})
	if i < 0 {
		return "", errors.New("the multi-station update of the older version is not shown with its reason")
	}
	return refusedWith(http.StatusConflict, p.customer.addToCart(ctx, updates[i].ID))
}

func (p *play) clientRefused(ctx context.Context) (string, error) {
	licence := p.granted[customerID(clientCode)]
	updates, err := p.client.updates(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(updates, func(o offer) bool { return o.Licence == licence && !o.ToMultiStation })
	if i < 0 || updates[i].Possible {
		return "", errors.New("the client does not see its update as not orderable")
	}
	return refusedWith(http.StatusConflict, p.client.addToCart(ctx, updates[i].ID))
}

func (p *play) distributorLooks(ctx context.Context) (string, error) {
	programs, err := p.distributor.programs(ctx)
	if err != nil {
		return "", err
	}
	updates, err := p.distributor.updates(ctx)
	if err != nil {
		return "", err
	}
	for _, code := range []string{clientCode, otherClientCode} {
		licence := p.granted[customerID(code)]
		if !slices.ContainsFunc(programs, func(o ownedProgram) bool { return o.Licence == licence }) ||
			!slices.ContainsFunc(updates, func(o offer) bool { return o.Licence == licence && o.Possible }) {
			return "", fmt.Errorf("the licence of client %s is missing", code)
		}
	}
	return fmt.Sprintf("%d programs, %d updates", len(programs), len(updates)), nil
}

func (p *play) customerOrders(ctx context.Context) (string, error) {
	fresh, err := p.customer.newPrograms(ctx)
	if err != nil {
		return "", err
	}
	order, err := p.orderUpdates(ctx, p.customer, []string{fresh[0].ID}, customerCode)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("order %s, %s", order.Number, order.Gross), nil
}

func (p *play) distributorOrders(ctx context.Context) (string, error) {
	order, err := p.orderUpdates(ctx, p.distributor, nil, clientCode, otherClientCode)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("order %s, %d positions, %s", order.Number, len(order.Lines), order.Gross), nil
}

// orderUpdates ticks the updates of the licences that were granted to these customers, and more, and submits the cart twice.
func (p *play) orderUpdates(ctx context.Context, buyer *shopper, more []string, codes ...string) (placedOrder, error) {
	updates, err := buyer.updates(ctx)
	if err != nil {
		return placedOrder{}, err
	}
	ticked := more
	for _, code := range codes {
		i := slices.IndexFunc(updates, func(o offer) bool { return o.Licence == p.granted[customerID(code)] && o.Possible })
		if i < 0 {
			return placedOrder{}, fmt.Errorf("no update is offered for the licence of %s", code)
		}
		ticked = append(ticked, updates[i].ID)
	}
	if err := buyer.addToCart(ctx, ticked...); err != nil {
		return placedOrder{}, err
	}
	key := uuid.NewString()
	order, err := buyer.submit(ctx, key)
	if err != nil {
		return order, err
	}
	again, err := buyer.submit(ctx, key)
	if err != nil {
		return order, err
	}
	if again.ID != order.ID || again.Number != order.Number || len(order.Lines) < len(ticked) {
		return order, fmt.Errorf("the second submission answered order %s, the first %s", again.Number, order.Number)
	}
	p.bought = append(p.bought, order)
	return order, nil
}

func (p *play) confirmations(ctx context.Context) (string, error) {
	var found []string
	for _, order := range p.bought {
		letter, err := p.letter.await(ctx, 0, func(m mail.Letter) bool { return strings.Contains(m.Text, order.Title) })
		if err != nil {
			return "", fmt.Errorf("wait for the confirmation of order %s: %w", order.Number, err)
		}
		for _, fact := range []string{order.Number, order.Gross.String(), p.portal.vendor.Terms.Bank.Account.Grouped()} {
			if !strings.Contains(letter.Text, fact) {
				return "", fmt.Errorf("the confirmation of order %s does not say %q", order.Number, fact)
			}
		}
		found = append(found, order.Title)
	}
	return strings.Join(found, ", "), nil
}

func (p *play) nothingTooEarly(ctx context.Context) (string, error) {
	for _, order := range p.bought {
		for record, err := range p.portal.log.Read(ctx, domain.OrderStream(order.ID), 0) {
			if err != nil {
				return "", err
			}
			if _, issued := record.Event.(domain.ActivationFileIssued); issued {
				return "", fmt.Errorf("order %s has an activation file and no payment", order.Number)
			}
		}
	}
	return "none", nil
}

// pay writes a statement with one transfer for every order that still waits for money, also those of earlier runs.
func (p *play) pay(ctx context.Context) (string, error) {
	statement := bank.Statement{Account: string(p.portal.vendor.Terms.Bank.Account), Number: strings.ReplaceAll(p.portal.now().UTC().Format("060102150405.000000"), ".", ""), Currency: "PLN",
		OpeningGrosz: 0, OpenedOn: p.today(), ClosedOn: p.today()}
	for _, buyer := range []*shopper{p.customer, p.distributor} {
		orders, err := buyer.orders(ctx)
		if err != nil {
			return "", err
		}
		for _, order := range orders {
			if order.Status != domain.AwaitingPayment && order.Status != domain.PartlyPaid {
				continue
			}
			statement.ClosingGrosz += int64(order.Open)
			statement.Entries = append(statement.Entries, bank.Entry{ValueDate: p.today(), BookedOn: p.today(), AmountGrosz: int64(order.Open), Mark: bank.Credit,
				BankReference: "DEMO" + strings.ReplaceAll(string(order.ID), "-", "")[:12], CustomerReference: "NONREF",
				Title: order.Title, PayerName: "DEMONSTRACJA", PayerAccount: "27114020040000300201355387"})
		}
	}
	path := filepath.Join(p.dir, "statement-"+statement.Number+".sta")
	if err := p.writeStatement(path, statement); err != nil {
		return "", err
	}
	if err := p.refuseDamaged(ctx, path); err != nil {
		return "", err
	}
	booked, err := p.importStatement(ctx, path)
	if err != nil {
		return "", err
	}
	if booked != len(statement.Entries) {
		return "", fmt.Errorf("%d of %d transfers were booked", booked, len(statement.Entries))
	}
	return fmt.Sprintf("%d transfers, %s", booked, domain.Money(statement.ClosingGrosz)), nil
}

func (p *play) today() bank.Date { return bank.Date(foundation.DayOf(p.portal.now())) }

func (p *play) writeStatement(path string, statement bank.Statement) error {
	var file bytes.Buffer
	if err := bank.WriteMT940(&file, statement); err != nil {
		return fmt.Errorf("write statement: %w", err)
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return fmt.Errorf("make folder of statements: %w", err)
	}
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write statement: %w", err)
	}
	return nil
}

// refuseDamaged cuts the file in the middle: nothing of it may be booked.
func (p *play) refuseDamaged(ctx context.Context, path string) error {
	whole, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = bank.ParseMT940(bytes.NewReader(whole[:len(whole)*2/3]))
	var damaged *bank.ParseError
	if !errors.As(err, &damaged) {
		return fmt.Errorf("a statement cut in the middle was not refused with its line: %v", err)
	}
	return nil
}

func (p *play) importStatement(ctx context.Context, path string) (booked int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	statements, err := bank.ParseMT940(file)
	if err != nil {
		return 0, err
	}
	for _, statement := range statements {
		bookings, err := foundation.BookStatement(ctx, p.portal.log, p.importer.cause("statement", path, uuid.NewString()), statement)
		if err != nil {
			return booked, err
		}
		for _, booking := range bookings {
			if booking.Match == nil {
				return booked, fmt.Errorf("transfer %s found no order: %s", booking.BankReference, booking.Reason)
			}
			if !booking.Known {
				booked++
				p.paid = append(p.paid, booking.Match.Number)
			}
		}
	}
	return booked, nil
}

func (p *play) payAgain(ctx context.Context) (string, error) {
	files, err := filepath.Glob(filepath.Join(p.dir, "*.sta"))
	if err != nil {
		return "", err
	}
	for _, file := range files {
		booked, err := p.importStatement(ctx, file)
		if err != nil {
			return "", err
		}
		if booked != 0 {
			return "", fmt.Errorf("%s booked %d transfers again", filepath.Base(file), booked)
		}
	}
	return fmt.Sprintf("%d statements so far", len(files)), nil
}

// activationFiles waits for the file of every line that this run ordered, and verifies each with the vendor's public key.
func (p *play) activationFiles(ctx context.Context) (string, error) {
	count := 0
	for _, order := range p.bought {
		for _, line := range order.Lines {
			letter, err := p.letter.await(ctx, 0, func(m mail.Letter) bool {
				return len(m.Attachments) == 1 && bytes.Contains(m.Attachments[0].Content, []byte("-----BEGIN")) && strings.Contains(m.Text, line.Licence.Serial()) && strings.Contains(m.Text, order.Number)
			})
			if err != nil {
				return "", fmt.Errorf("wait for the activation file of licence %s: %w", line.Licence.Serial(), err)
			}
			facts, err := activation.Verify(letter.Attachments[0].Content, p.portal.publicKeys)
			if err != nil {
				return "", fmt.Errorf("verify the file of licence %s: %w", line.Licence.Serial(), err)
			}
			if facts.LicenceID != string(line.Licence) || facts.Order != order.Number {
				return "", fmt.Errorf("the file of licence %s speaks of another one", line.Licence.Serial())
			}
			if err := p.sentToItsAddress(ctx, letter, line.Licence); err != nil {
				return "", err
			}
			count++
		}
	}
	return fmt.Sprintf("%d files", count), nil
}

func (p *play) sentToItsAddress(ctx context.Context, letter mail.Letter, licence domain.LicenceID) error {
	owned, err := domain.Load[domain.Licence](ctx, p.portal.log, domain.LicenceStream(licence))
	if err != nil {
		return err
	}
	owner, err := domain.Load[domain.Customer](ctx, p.portal.log, domain.CustomerStream(owned.State.Customer))
	if err != nil {
		return err
	}
	if letter.To != owner.State.ActivationEmail(licence) {
		return fmt.Errorf("the file of licence %s went to another address", licence.Serial())
	}
	return nil
}

func (p *play) fulfilled(ctx context.Context) (string, error) {
	deadline := p.portal.now().Add(letterPatience)
	for i, buyer := range []*shopper{p.customer, p.distributor} {
		for {
			order, err := buyer.order(ctx, p.bought[i].ID)
			if err != nil {
				return "", err
			}
			if order.Status == domain.Fulfilled {
				break
			}
			if p.portal.now().After(deadline) {
				return "", fmt.Errorf("order %s is still %s", order.Number, order.Status)
			}
			time.Sleep(20 * time.Millisecond)
		}
		programs, err := buyer.programs(ctx)
		if err != nil {
			return "", err
		}
		for _, line := range p.bought[i].Lines {
			if !slices.ContainsFunc(programs, func(o ownedProgram) bool { return o.Licence == line.Licence && o.Paid && o.Activated }) {
				return "", fmt.Errorf("licence %s is not shown as paid and activated", line.Licence.Serial())
			}
		}
	}
	return fmt.Sprintf("%d orders", len(p.bought)), nil
}

func (p *play) rebuilt(ctx context.Context) (string, error) {
	tables, err := compareWithRebuild(ctx, p.portal.base, p.portal.views)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d tables", tables), nil
}
