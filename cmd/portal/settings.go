package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
)

// settings are what the command line and the environment say about a running portal.
type settings struct {
	data        string
	listen      string
	url         string
	smtp        string // SMTP_URL; empty: letters go into the data folder
	demo        bool
	checkpoints string           // folder to which checkpoints of the log are copied; empty: they stay in the data folder
	watched     []watching       // logs of other portals
	open        bool             // auditors see personal data on the log's page
	clock       func() time.Time // of everything that the portal writes down and waits for; nil: the machine's. Sessions go by the machine's in any case
}

func (s *settings) flags(set *flag.FlagSet) {
	set.StringVar(&s.listen, "listen", "localhost:8080", "`ADDRESS` to listen on")
	set.StringVar(&s.url, "url", "", "`URL` under which people reach the portal, for links in letters (default http://ADDRESS)")
	set.StringVar(&s.checkpoints, "checkpoints", os.Getenv("CHECKPOINTS_DIR"), "folder `DIR`, best on another machine, to which signed checkpoints of the event log are copied")
	set.Func("watch", "be the witness of another portal: its `URL KEY`, the key being the active one in its witness/keys; may be given again", func(text string) error {
		other, err := parseWatching(text)
		s.watched = append(s.watched, other)
		return err
	})
	set.BoolVar(&s.open, "auditors-see-personal-data", false, "show auditors the personal data of the log, which are sealed on their page otherwise")
	s.smtp = os.Getenv("SMTP_URL")
}

// check refuses what cannot be listened on, or would make links that lead nowhere.
func (s *settings) check() (err error) {
	host, _, err := net.SplitHostPort(s.listen)
	if err != nil {
		return foundation.UsageError{Err: fmt.Errorf("-listen %q is no address such as localhost:8080", s.listen)}
	}
	if ip := net.ParseIP(host); s.url == "" && (host == "" || ip != nil && ip.IsUnspecified()) {
		return foundation.UsageError{Err: fmt.Errorf("-listen %s is for other machines too; say with -url under which URL people reach the portal, for links in letters", s.listen)}
	}
	if s.url != "" {
		s.url, err = portalURL(s.url)
	}
	return err
}

// listenURL is the URL of a listener under the host's name as it was given, and with the port that it got.
func listenURL(listen string, got net.Addr) string {
	host, _, _ := net.SplitHostPort(listen) // it was listened on
	_, port, _ := net.SplitHostPort(got.String())
	return "http://" + net.JoinHostPort(host, port)
}

// portalURL reads the URL under which people reach the portal.
func portalURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", foundation.UsageError{Err: fmt.Errorf("-url %q is not of the form https://portal.example.com", text)}
	}
	return u.Scheme + "://" + u.Host, nil
}

// cannotListen says what to do about an address that is not to be had.
func cannotListen(address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use by another program, perhaps by a running portal; choose another address with -listen (port 0: any free one)", address)
	}
	return fmt.Errorf("listen on %s: %w; choose another address with -listen", address, err)
}

// vendorFile says who sells; it lies in the data folder.
const vendorFile = "vendor.json"

// vendorFacts is the form of the vendor file.
type vendorFacts struct {
	Name        string `json:"name"`
	NIP         string `json:"nip"`
	Account     string `json:"account"` // NRB on which orders are paid
	Email       string `json:"email"`
	PaymentDays int    `json:"payment_days"`

	// Who gets signed checkpoints of the log every day. Both may be missing.
	AuditorEmail    string          `json:"auditor_email"`    // empty: nobody
	AuditorLanguage domain.Language `json:"auditor_language"` // empty: Polish

	// What happens around the due day; see [domain.TimeLimits]. Each may be missing.
	RemindBeforeDays *int `json:"remind_before_days"`
	RemindAfterDays  *int `json:"remind_after_days"`
	ExpireAfterDays  *int `json:"expire_after_days"`
	GraceDays        *int `json:"grace_days"`

	// How money finds its orders. Each may be missing.
	ToleranceGrosz         int64  `json:"tolerance_grosz"`           // a rest up to this is waived
	VirtualAccounts        string `json:"virtual_accounts"`          // the digits with which the account of each order begins
	SecondPersonAboveGrosz *int64 `json:"second_person_above_grosz"` // what one accountant may match by hand alone
}

const vendorExample = `{"name": "NetRom", "nip": "1234563218", "account": "84 1020 5558 0000 1234 0000 5678", "email": "poczta@netrom.pl", "payment_days": 14}`

// lettersFolder is where letters go, within the data folder, when there is no mail server.
const lettersFolder = "letters"

const paymentDaysMax = 365

// The days around the due day of a vendor that says nothing else, and the most that it may say.
const (
	remindDays    = 3 // before it, and after it
	expireDays    = 14
	graceDays     = 30
	expireDaysMax = 365
	graceDaysMax  = 365
)

// What one accountant may match by hand alone if the vendor says nothing else, and the most that it may say, in grosz.
const (
	secondPersonAboveGrosz = 10_000_00
	secondPersonMaxGrosz   = 100_000_000_00
	toleranceMaxGrosz      = 100_00
)

func readVendor(dir string) (handlers.Vendor, error) {
	path := filepath.Join(dir, vendorFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return handlers.Vendor{}, fmt.Errorf("%s is missing: it says who sells and where the money goes. Write one like this:\n%s", path, vendorExample)
	}
	if err != nil {
		return handlers.Vendor{}, fmt.Errorf("read vendor: %w", err)
	}
	var facts vendorFacts
	if err := json.Unmarshal(raw, &facts); err != nil {
		return handlers.Vendor{}, fmt.Errorf("read %s: %w. It should look like this:\n%s", path, err, vendorExample)
	}
	return facts.check(path)
}

func (f vendorFacts) check(path string) (handlers.Vendor, error) {
	nip, nipErr := domain.ParseNIP(f.NIP)
	account, accountErr := domain.ParseNRB(f.Account)
	_, emailErr := mail.ParseAddress(f.Email)
	err := errors.Join(nipErr, accountErr, emailErr)
	if f.Name == "" {
		err = errors.Join(err, errors.New("the name is empty"))
	}
	if f.PaymentDays < 1 || f.PaymentDays > paymentDaysMax {
		err = errors.Join(err, fmt.Errorf("payment_days must be from 1 to %d", paymentDaysMax))
	}
	limits, limitsErr := f.limits()
	vendor := handlers.Vendor{Name: f.Name, Email: f.Email, Terms: domain.Terms{
		Bank: domain.BankData{Recipient: f.Name, NIP: nip, Account: account}, PaymentDays: f.PaymentDays, Limits: &limits}}
	if err = errors.Join(err, limitsErr, f.money(&vendor), f.auditor(&vendor)); err != nil {
		return handlers.Vendor{}, fmt.Errorf("read %s: %w", path, err)
	}
	return vendor, nil
}

// auditor sets who gets checkpoints of the log.
func (f vendorFacts) auditor(vendor *handlers.Vendor) error {
	vendor.AuditorEmail, vendor.AuditorLanguage = f.AuditorEmail, cmp.Or(f.AuditorLanguage, domain.Polish)
	if language := vendor.AuditorLanguage; language != domain.Polish && language != domain.English {
		return fmt.Errorf("auditor_language %q is neither pl nor en", language)
	}
	if f.AuditorEmail == "" {
		return nil
	}
	if address, err := mail.ParseAddress(f.AuditorEmail); err != nil || address.Address != f.AuditorEmail {
		return fmt.Errorf("auditor_email %q is no address such as auditor@example.com", f.AuditorEmail)
	}
	return nil
}

// money sets how money finds its orders.
func (f vendorFacts) money(vendor *handlers.Vendor) error {
	var err error
	if f.ToleranceGrosz < 0 || f.ToleranceGrosz > toleranceMaxGrosz {
		err = fmt.Errorf("tolerance_grosz must be from 0 to %d", toleranceMaxGrosz)
	}
	vendor.Terms.Tolerance = domain.Money(f.ToleranceGrosz)
	if f.VirtualAccounts != "" {
		prefix, wrong := domain.ParseVirtualPrefix(f.VirtualAccounts)
		if wrong != nil {
			err = errors.Join(err, fmt.Errorf("virtual_accounts: %w", wrong))
		}
		vendor.Terms.VirtualPrefix = prefix
	}
	vendor.SecondPersonAbove = secondPersonAboveGrosz
	if said := f.SecondPersonAboveGrosz; said != nil {
		if *said < 1 || *said > secondPersonMaxGrosz {
			err = errors.Join(err, fmt.Errorf("second_person_above_grosz must be from 1 to %d", secondPersonMaxGrosz))
		}
		vendor.SecondPersonAbove = domain.Money(*said)
	}
	return err
}

// limits are the vendor's days around the due day. A reminder that is not spoken of falls between its neighbours however near they are.
func (f vendorFacts) limits() (domain.TimeLimits, error) {
	var err error
	days := func(name string, said *int, otherwise, low, high int) int {
		if said == nil {
			return otherwise
		}
		if *said < low || *said > high {
			err = errors.Join(err, fmt.Errorf("%s must be from %d to %d", name, low, high))
		}
		return *said
	}
	limits := domain.TimeLimits{GraceDays: days("grace_days", f.GraceDays, graceDays, 0, graceDaysMax),
		ExpireAfterDays: days("expire_after_days", f.ExpireAfterDays, expireDays, 1, expireDaysMax)}
	before, after := max(f.PaymentDays-1, 0), max(limits.ExpireAfterDays-1, 0)
	limits.RemindBeforeDays = days("remind_before_days (less than payment_days; 0: no reminder)", f.RemindBeforeDays, min(remindDays, before), 0, before)
	limits.RemindAfterDays = days("remind_after_days (less than expire_after_days; 0: no reminder)", f.RemindAfterDays, min(remindDays, after), 0, after)
	return limits, err
}
