package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/demo"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/mail"
	"netrom.pl/portal/infra/vault"
)

// demoFiles are loaded in this order: customers own programs of the catalogue.
var demoFiles = []string{"catalogue.json", "customers.json"}

func playDemo(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s := settings{demo: true}
	flags, data := foundation.Flags("portal demo")
	s.flags(flags)
	once := flags.Bool("once", false, "play the main job over HTTP, SMTP and a bank's file, print one line per step, and end")
	if _, err := foundation.Parse(flags, args, "portal demo [-data DIR] [-listen ADDRESS] [-url URL] [-checkpoints DIR] [-once]", 0, stdout); err != nil {
		return err
	}
	if s.data = *data; !*once {
		if err := s.check(); err != nil {
			return err
		}
	}
	if *once {
		return playOnce(ctx, s, stdout, stderr)
	}
	p, err := openPortal(ctx, s, foundation.Logger(stderr, slog.LevelInfo))
	if err != nil {
		return err
	}
	if err := p.openDemo(ctx, stdout); err != nil {
		return errors.Join(err, p.close())
	}
	return errors.Join(p.run(ctx), p.close())
}

// openDemo loads the demonstration and says how to get in.
func (p *portal) openDemo(ctx context.Context, stdout io.Writer) error {
	importer := newImporter(p.base)
	if err := loadDemo(ctx, importer); err != nil {
		return err
	}
	for _, login := range demoPeople {
		if err := importer.setDemoPassword(ctx, login); err != nil {
			return err
		}
	}
	fmt.Fprintf(stdout, "The portal runs on %s with demonstration data. Ctrl-C stops it.\n\n", p.vendor.URL)
	for _, login := range demoPeople {
		fmt.Fprintf(stdout, "  %-12s %-24s %s\n", login.user, demoPassword(login.user), login.who)
	}
	fmt.Fprintf(stdout, "\nStaff (księgowość, audytor, operator) also need a code; the login page of the demonstration shows it.\n")
	fmt.Fprintf(stdout, "Letters: %s/mailbox\n", p.vendor.URL)
	return nil
}

func loadDemo(ctx context.Context, importer *importer) error {
	for _, name := range demoFiles {
		raw, err := demo.Files.ReadFile(name)
		if err != nil {
			return fmt.Errorf("open demo file: %w", err)
		}
		file, err := readImportFile(name, raw)
		if err != nil {
			return err
		}
		if err := importer.load(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

// demoPerson is a login of the demonstration.
type demoPerson struct {
	user string
	who  string // what this login shows
	role handlers.Role
}

var demoPeople = []demoPerson{
	{customerUser, "klient: Piekarnia Złoty Kłos", handlers.CustomerRole},
	{distributorUser, "dystrybutor: Beta, klienci Gamma i Delta", handlers.CustomerRole},
	{clientUser, "klient dystrybutora: Warsztat Gamma", handlers.CustomerRole},
	{"delta", "client of the distributor, in English: Delta Trading", handlers.CustomerRole},
	{"omega", "customer, in English: Omega Software", handlers.CustomerRole},
	{"ksiegowosc", "księgowość", handlers.AccountingRole},
	{"audytor", "audytor", handlers.AuditorRole},
	{"operator", "operator", handlers.OperatorRole},
}

// demoLogins are what the login page of a demonstration shows, with the codes of the staff.
func (p *portal) demoLogins(demo bool) []handlers.DemoLogin {
	if !demo {
		return nil
	}
	var logins []handlers.DemoLogin
	for _, person := range demoPeople {
		login := handlers.DemoLogin{Who: person.who, User: person.user, Password: demoPassword(person.user)}
		if person.role != handlers.CustomerRole {
			login.NextCode = func(ctx context.Context) (string, error) { return p.demoCode(ctx, person.user) }
		}
		logins = append(logins, login)
	}
	return logins
}

func (p *portal) demoCode(ctx context.Context, user string) (string, error) {
	account, err := p.base.Vault.FindAccount(ctx, user)
	if errors.Is(err, vault.ErrNoAccount) {
		return "", nil // a rehearsal has customers only
	}
	if err != nil {
		return "", err
	}
	return p.base.Vault.NextCode(ctx, account.ID)
}

// demoVendorFacts is the example with somebody who gets checkpoints of the log.
var demoVendorFacts = strings.TrimSuffix(vendorExample, "}") + `, "auditor_email": "audytor@biegli.example"}`

// demoVendor is who sells in the demonstration: an example, unless the folder says it already.
func demoVendor(dir string) (handlers.Vendor, error) {
	path := filepath.Join(dir, vendorFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(path, []byte(demoVendorFacts+"\n"), 0o644); err != nil {
			return handlers.Vendor{}, fmt.Errorf("write demo vendor: %w", err)
		}
	}
	return readVendor(dir)
}

// playOnce starts the portal on a free port with a mail server beside it, plays, and stops everything.
func playOnce(ctx context.Context, s settings, stdout, stderr io.Writer) error {
	sink, err := mail.NewSink("127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the demonstration's mail server: %w", err)
	}
	defer sink.Close()
	s.listen, s.smtp = "127.0.0.1:0", sink.URL()
	began := time.Now()
	p, err := openPortal(ctx, s, foundation.Logger(stderr, slog.LevelWarn))
	if err != nil {
		return err
	}
	importer := newImporter(p.base)
	if err := loadDemo(ctx, importer); err != nil {
		return errors.Join(err, p.close())
	}
	fmt.Fprintf(stdout, "portal %s, mail %s, data %s: ready after %s; %d facts imported, %d known\n",
		p.vendor.URL, s.smtp, s.data, time.Since(began).Round(time.Millisecond), importer.recorded, importer.known)
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.run(running) }()
	scene := play{portal: p, letter: &postbox{sink}, base: p.vendor.URL, out: stdout, importer: importer, dir: filepath.Join(s.data, "demo")}
	err = scene.run(ctx)
	if err == nil {
		fmt.Fprintln(stdout, "Every step held.")
		if size := residentMemory(); size != "" {
			fmt.Fprintf(stdout, "Resident memory of the portal, without PostgreSQL: %s\n", size)
		}
	}
	stop()
	return errors.Join(err, <-ended, p.close())
}
