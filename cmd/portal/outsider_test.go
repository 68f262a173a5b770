package main

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/activation"
	"netrom.pl/portal/infra/bank"
	"netrom.pl/portal/infra/mail"
)

// canary is a text that stands in one field of one company, and nowhere else.
type canary struct {
	text string
	what string   // whose, and which field
	may  []string // user names of those who may see it
	seen bool     // by somebody who may
}

// crowd is several companies that know each other or do not, the vendor's people, and what is whose.
type crowd struct {
	t         *testing.T
	portal    *portal
	sink      *mail.Sink
	companies map[string]company
	orders    map[string]placedOrder // by the user name of the buyer
	canaries  []*canary
	ids       map[string][]string // everybody's, by what they fill in the path of a route
	fresh     string              // the offer of a new program, which is for everybody
}

// The vendor's people in a crowd.
const (
	accountingUser, auditorUser, operatorUser = "kasia-ksiegowa", "adam-audytor", "ola-operator"
)

// newCrowd has a customer (alfa), a distributor (beta) with two clients (gamma, delta), a customer who knows none of them
// (omega), and another distributor (sigma) with a client (tau). Each has programs, orders, a cart, payments and letters.
func newCrowd(t *testing.T) *crowd {
	t.Helper()
	sink, err := mail.NewSink("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sink.Close() })
	dir := dataFolder(t)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, vendorFile), []byte(vendorExample), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &crowd{t: t, sink: sink, portal: startPortalAs(t, settings{data: dir, smtp: sink.URL()}), companies: map[string]company{},
		orders: map[string]placedOrder{}, ids: map[string][]string{}}
	catalogue, err := openImportFile(filepath.Join("..", "..", "demo", "catalogue.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := newImporter(c.portal.base).load(t.Context(), catalogue); err != nil {
		t.Fatal(err)
	}
	hire(t, c.portal, accountingUser, handlers.AccountingRole)
	hire(t, c.portal, auditorUser, handlers.AuditorRole)
	hire(t, c.portal, operatorUser, handlers.OperatorRole)
	for i, name := range []string{"alfa", "beta", "gamma", "delta", "omega", "sigma", "tau"} {
		distributor := map[string]string{"gamma": "C-beta", "delta": "C-beta", "tau": "C-sigma"}[name]
		c.settleIn(i, name, distributor)
	}
	c.waitFor("views", func() error {
		last, err := c.portal.base.LastPosition(t.Context(), 0)
		if err != nil {
			return err
		}
		return c.portal.settle(t.Context(), last, "programs", "entitlements", "customers", "orders", "carts")
	})
	c.trade()
	return c
}

// settleIn registers a company whose every field is a canary.
func (c *crowd) settleIn(number int, name, distributor string) {
	c.t.Helper()
	licences := []importLicence{
		{Code: "L-" + name + "-1", Program: "magazyn", Edition: domain.SingleStation, Version: "1.0", Stations: 1, Activated: true},
		{Code: "L-" + name + "-2", Program: "faktura", Edition: domain.SingleStation, Version: "4.1", Stations: 1, Activated: true},
	}
	made := register(c.t, c.portal, importCustomer{Code: "C-" + name, Name: "Spółka Zname" + name, NIP: nipOf(c.t, 77710010+number), Email: "zmail-" + name + "@example.com",
		Language: domain.Polish, Distributor: name == "beta" || name == "sigma", DistributorCode: distributor, User: "zuser-" + name, Licences: licences})
	company := made[0]
	c.companies[name] = company
	circle := slices.Clip(append([]string{company.User, operatorUser, accountingUser}, c.distributorOf(company)...))
	c.plant(name+"'s name", "Zname"+name, slices.Concat(circle, c.clientsOf(name))...)
	c.plant(name+"'s tax number", company.NIP, circle...)
	c.plant(name+"'s address", company.Email, circle...)
	c.plant(name+"'s user name", company.User, company.User, operatorUser)
	c.plant(name+"'s account", company.account, operatorUser, auditorUser, accountingUser)
	c.plant(name+"'s identity", string(company.id), slices.Concat(circle, c.clientsOf(name), []string{auditorUser})...)
	c.add("{customer}", string(company.id))
	c.add("{account}", company.account)
	for i, licence := range licences {
		id, email := domain.LicenceIDOf(licence.Code), fmt.Sprintf("zfile-%s-%d@example.com", name, i+1)
		owned, err := domain.Load[domain.Licence](c.t.Context(), c.portal.log, domain.LicenceStream(id))
		if err != nil {
			c.t.Fatal(err)
		}
		correction := domain.CorrectActivationEmail{Licence: owned.State, Email: email}
		if err := importCommand(c.t.Context(), newImporter(c.portal.base), correction, "address", licence.Code); err != nil {
			c.t.Fatal(err)
		}
		c.plant(name+"'s address of a licence", email, circle...)
		c.plant(name+"'s licence", string(id), append(circle, auditorUser)...)
		c.plant(name+"'s serial number", id.Serial(), append(circle, auditorUser)...)
		c.add("{licence}", string(id))
	}
}

func (c *crowd) distributorOf(company company) []string {
	if company.DistributorCode == "" {
		return nil
	}
	return []string{c.companies[strings.TrimPrefix(company.DistributorCode, "C-")].User}
}

// clientsOf a company, whom the portal tells who their distributor is. Source: R8.
func (c *crowd) clientsOf(name string) []string {
	return map[string][]string{"beta": {"zuser-gamma", "zuser-delta"}, "sigma": {"zuser-tau"}}[name]
}

func (c *crowd) plant(what, text string, may ...string) {
	c.t.Helper()
	if text == "" {
		c.t.Fatalf("%s is empty", what)
	}
	c.canaries = append(c.canaries, &canary{text: text, what: what, may: may})
}

func (c *crowd) add(gap, id string) { c.ids[gap] = append(c.ids[gap], id) }

func (c *crowd) waitFor(what string, do func() error) {
	c.t.Helper()
	if err := do(); err != nil {
		c.t.Fatalf("wait for %s: %v", what, err)
	}
}

// trade lets everybody order, some pay, and fill a cart again.
func (c *crowd) trade() {
	c.t.Helper()
	c.order("alfa", "alfa")
	c.order("beta", "gamma")
	c.order("gamma", "")
	c.order("omega", "omega")
	c.order("sigma", "tau")
	c.pay("alfa")
	c.pay("beta")
	c.pay("omega")
	for _, name := range []string{"alfa", "beta", "omega", "sigma"} {
		c.fillCart(name)
	}
	play := play{portal: c.portal}
	c.waitFor("letters", func() error { _, err := play.nothingOwed(c.t.Context()); return err })
	last, err := c.portal.base.LastPosition(c.t.Context(), 0)
	if err != nil {
		c.t.Fatal(err)
	}
	c.waitFor("views", func() error {
		return c.portal.settle(c.t.Context(), last, "programs", "entitlements", "customers", "orders", "carts", "payments", "tasks")
	})
	c.plantOffers()
}

// plantOffers notes which updates are offered to whom.
func (c *crowd) plantOffers() {
	c.t.Helper()
	for name, company := range c.companies {
		updates, err := asProgram(c.t, c.portal, company.User).updates(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		for _, offer := range updates {
			if offer.Licence == domain.LicenceIDOf("L-"+name+"-1") || offer.Licence == domain.LicenceIDOf("L-"+name+"-2") {
				c.plant(name+"'s offer", offer.ID, append(c.distributorOf(company), company.User)...)
				c.add("{offer}", offer.ID)
			}
		}
	}
}

// order buys the update of a company's first licence; for nobody: a new program for the buyer itself.
func (c *crowd) order(buyer, owner string) {
	c.t.Helper()
	s := asProgram(c.t, c.portal, c.companies[buyer].User)
	offer := c.updateOf(s, owner, "L-"+owner+"-1")
	if owner == "" {
		owner, offer = buyer, c.newProgram(s)
	}
	if err := s.addToCart(c.t.Context(), offer); err != nil {
		c.t.Fatal(err)
	}
	order, err := s.submit(c.t.Context(), uuid.NewString())
	if err != nil {
		c.t.Fatal(err)
	}
	c.orders[buyer] = order
	user := c.companies[buyer].User
	c.plant(buyer+"'s order", string(order.ID), user, accountingUser, operatorUser, auditorUser)
	numbered := append(c.distributorOf(c.companies[owner]), user, c.companies[owner].User, accountingUser, operatorUser, auditorUser)
	c.plant(buyer+"'s order number", order.Number, numbered...)
	c.add("{order}", string(order.ID))
	if offer == c.fresh {
		licence := string(order.Lines[0].Licence)
		c.plant(buyer+"'s new licence", licence, numbered...)
		c.add("{licence}", licence)
	}
}

func (c *crowd) updateOf(s *shopper, owner, code string) string {
	c.t.Helper()
	if owner == "" {
		return ""
	}
	updates, err := s.updates(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	i := slices.IndexFunc(updates, func(o offer) bool { return o.Possible && o.Licence == domain.LicenceIDOf(code) })
	if i < 0 {
		c.t.Fatalf("no update is offered for licence %s", code)
	}
	return updates[i].ID
}

func (c *crowd) newProgram(s *shopper) string {
	c.t.Helper()
	offers, err := s.newPrograms(c.t.Context())
	if err != nil || len(offers) == 0 {
		c.t.Fatalf("%d new programs: %v", len(offers), err)
	}
	c.fresh = offers[0].ID
	return c.fresh
}

// fillCart puts the update of the company's second licence into its cart.
func (c *crowd) fillCart(name string) {
	c.t.Helper()
	s := asProgram(c.t, c.portal, c.companies[name].User)
	if err := s.addToCart(c.t.Context(), c.updateOf(s, name, "L-"+name+"-2")); err != nil {
		c.t.Fatal(err)
	}
	cart, err := domain.Load[domain.Cart](c.t.Context(), c.portal.log, domain.CartStream(c.companies[name].id))
	if err != nil {
		c.t.Fatal(err)
	}
	item := string(cart.State.Items[0].ID)
	c.plant(name+"'s position in the cart", item, c.companies[name].User, auditorUser)
	c.add("{item}", item)
}

// pay books a transfer whose payer is a canary, too.
func (c *crowd) pay(buyer string) {
	c.t.Helper()
	order := c.orders[buyer]
	payer := "ZPAYER " + strings.ToUpper(buyer)
	booked := book(c.t, c.portal, bank.Entry{AmountGrosz: int64(order.Open), Title: order.Title + " ztitle-" + buyer, PayerName: payer, PayerAccount: "27114020040000300201355387"})
	if booked[0].Match == nil {
		c.t.Fatalf("the transfer of %s found no order: %s", buyer, booked[0].Reason)
	}
	c.plant(buyer+"'s payer", payer, accountingUser)
	c.plant(buyer+"'s title", "ztitle-"+buyer, accountingUser)
	c.add("{transfer}", string(booked[0].Transfer))
}

// shown looks for canaries in what somebody was sent. What they had asked for by name may be repeated to them.
func (c *crowd) shown(viewer, where, asked string, sent []byte) {
	c.t.Helper()
	if plain, err := url.QueryUnescape(asked); err == nil {
		asked += plain
	}
	for _, canary := range c.canaries {
		if strings.Contains(asked, canary.text) || !bytes.Contains(sent, []byte(canary.text)) {
			continue
		}
		if canary.seen = canary.seen || slices.Contains(canary.may, viewer); !slices.Contains(canary.may, viewer) {
			c.t.Errorf("%q sees %s (%s) on %s", viewer, canary.what, canary.text, where)
		}
	}
}

// readable adds what an activation file says in its encoded block.
func (c *crowd) readable(sent []byte) []byte {
	c.t.Helper()
	if bytes.HasPrefix(sent, []byte("%PDF-")) {
		return slices.Concat(sent, unpacked(c.t, sent))
	}
	if !bytes.Contains(sent, []byte("-----BEGIN")) {
		return sent
	}
	facts, err := activation.Verify(sent, c.portal.publicKeys)
	if err != nil {
		c.t.Errorf("read activation file: %v", err)
	}
	text, err := json.Marshal(facts)
	if err != nil {
		c.t.Fatal(err)
	}
	return slices.Concat(sent, text)
}

// unpacked are the streams of a PDF; its texts are UTF-16, of which the letters without accents are left.
func unpacked(t *testing.T, pdf []byte) []byte {
	t.Helper()
	var text []byte
	for _, part := range bytes.Split(pdf, []byte("\nstream\n"))[1:] {
		if content, err := zlib.NewReader(bytes.NewReader(part)); err == nil {
			plain, err := io.ReadAll(content)
			if err != nil {
				t.Errorf("unpack a PDF: %v", err)
			}
			text = append(text, plain...)
		}
	}
	if text = bytes.ReplaceAll(text, []byte{0}, nil); !bytes.Contains(text, []byte("NIP")) {
		t.Errorf("a PDF of %d bytes has no text that can be read", len(pdf))
	}
	return text
}

// lettersMin is how many letters a crowd causes: a login for each company, and what the orders and payments bring.
const lettersMin = 7 + 5 + 3 + 3

// readLetters looks at every letter that has left.
func (c *crowd) readLetters() {
	c.t.Helper()
	messages := c.sink.Messages()
	for _, message := range messages {
		letter, err := mail.Parse(message.Data)
		if err != nil {
			c.t.Fatal(err)
		}
		if len(message.To) != 1 || message.To[0] != letter.To {
			c.t.Errorf("letter %q to %s went to %v", letter.Subject, letter.To, message.To)
		}
		sent := []byte(letter.To + letter.Subject + letter.Text + letter.HTML)
		for _, file := range letter.Attachments {
			sent = slices.Concat(sent, []byte(file.Name), c.readable(file.Content))
		}
		c.shown(c.holderOf(letter.To), "letter "+letter.Subject, "", sent)
	}
	if len(messages) < lettersMin {
		c.t.Errorf("%d letters have left: too few for this test", len(messages))
	}
}

// holderOf an address is the user name of the company that has it.
func (c *crowd) holderOf(address string) string {
	_, name, _ := strings.Cut(address, "-")
	for known, company := range c.companies {
		if strings.HasPrefix(name, known+"@") || strings.HasPrefix(name, known+"-") {
			return company.User
		}
	}
	c.t.Errorf("a letter went to %s, who is nobody here", address)
	return ""
}

// TestNobodySeesWhatIsNotTheirs looks as everybody at everything that can be reached or guessed, and reads all letters.
// Source: OWASP ASVS 5.0, 8.2.2 and 8.4.1.
func TestNobodySeesWhatIsNotTheirs(t *testing.T) {
	c := newCrowd(t)
	began := time.Now()
	for _, viewer := range []string{"", "zuser-alfa", "zuser-beta", "zuser-gamma", "zuser-delta", "zuser-omega", "zuser-sigma", "zuser-tau", accountingUser, auditorUser, operatorUser} {
		c.crawl(viewer)
	}
	c.readLetters()
	for _, canary := range c.canaries {
		if !canary.seen {
			t.Errorf("nobody has seen %s (%s): the test does not look where it stands", canary.what, canary.text)
		}
	}
	t.Logf("looked for %d canaries in %s", len(c.canaries), time.Since(began))
}
