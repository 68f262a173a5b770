package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/vault"
)

// importFile is what `portal import` reads: catalogue, customers, or both. Codes are the vendor's own numbers; the
// identities of customers and licences derive from them, so that importing a file again changes nothing.
type importFile struct {
	name      string
	Programs  []importProgram  `json:"programs"`
	Customers []importCustomer `json:"customers"`
}

type importProgram struct {
	Program  domain.ProgramID `json:"program"`
	Name     string           `json:"name"`
	Versions []importVersion  `json:"versions"`
	Prices   []importPrice    `json:"prices"`
}

type importVersion struct {
	Edition domain.Edition `json:"edition"`
	Version domain.Version `json:"version"`
}

type importPrice struct {
	Edition domain.Edition `json:"edition"`
	From    domain.Version `json:"from"` // empty: new program
	To      domain.Version `json:"to"`
	Net     string         `json:"net"` // złoty, as 1234,56
	VATRate domain.VATRate `json:"vat_rate"`
}

type importCustomer struct {
	Code            string          `json:"code"`
	Name            string          `json:"name"`
	NIP             string          `json:"nip"`
	Email           string          `json:"email"`
	Language        domain.Language `json:"language"`
	Distributor     bool            `json:"distributor"`      // may order for clients
	DistributorCode string          `json:"distributor_code"` // whose client it is
	User            string          `json:"user"`             // empty: no login yet
	Licences        []importLicence `json:"licences"`
}

type importLicence struct {
	Code      string           `json:"code"`
	Program   domain.ProgramID `json:"program"`
	Edition   domain.Edition   `json:"edition"`
	Version   domain.Version   `json:"version"`
	Stations  int              `json:"stations"`
	Activated bool             `json:"activated"`
}

func importFiles(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("portal import")
	names, err := foundation.Parse(flags, args, "portal import [-data DIR] FILE...", -1, stdout)
	if err != nil {
		return err
	}
	var files []importFile
	for _, name := range names {
		file, err := openImportFile(name)
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	base, err := foundation.Open(ctx, foundation.FromEnvironment(*data, foundation.Logger(stderr, slog.LevelWarn)))
	if err != nil {
		return err
	}
	if err := rehearse(base).loadAll(ctx, files); err != nil {
		return errors.Join(fmt.Errorf("%w (nothing was imported)", err), base.Close())
	}
	importer := newImporter(base)
	err = importer.loadAll(ctx, files)
	fmt.Fprintf(stdout, "%d facts recorded, %d were known already.\n", importer.recorded, importer.known)
	if len(importer.erased) > 0 {
		fmt.Fprintf(stdout, "Left out, because their personal data were erased: %s. Whoever comes back is registered under a new code.\n", strings.Join(importer.erased, ", "))
	}
	return errors.Join(err, base.Close())
}

// importer turns import files into commands.
type importer struct {
	log           domain.Log
	vault         *vault.Vault
	createAccount func(context.Context, vault.Account) (vault.Account, error)
	run           string // correlation of everything that this run does
	recorded      int
	known         int
	erased        []string // codes of customers whose personal data were erased; they stay so
}

func newImporter(base *foundation.Foundation) *importer {
	return &importer{log: base.Log, vault: base.Vault, createAccount: base.Vault.CreateAccount, run: uuid.NewString()}
}

func (i *importer) cause(names ...string) domain.Cause {
	return domain.Cause{Command: domain.NameID(append([]string{i.run}, names...)...), Actor: "system:import", Correlation: i.run, Causation: i.run, At: time.Now()}
}

// importCommand executes one command and counts what it changed.
func importCommand[S any, P domain.State[S]](ctx context.Context, i *importer, command domain.Command[S], names ...string) error {
	outcome, err := domain.Execute[S, P](ctx, i.log, i.cause(names...), command)
	if err != nil {
		return fmt.Errorf("import %s: %w", strings.Join(names, " "), err)
	}
	i.recorded += len(outcome.Events)
	if len(outcome.Events) == 0 {
		i.known++
	}
	return nil
}

func (i *importer) loadAll(ctx context.Context, files []importFile) error {
	for _, file := range files {
		if err := i.load(ctx, file); err != nil {
			return fmt.Errorf("%s: %w", file.name, err)
		}
	}
	return nil
}

func (i *importer) load(ctx context.Context, file importFile) error {
	for _, program := range file.Programs {
		if err := importCommand(ctx, i, domain.ListProgram{Program: program.Program, Name: program.Name}, "program", string(program.Program)); err != nil {
			return err
		}
		for _, version := range program.Versions {
			release := domain.ReleaseVersion{Program: program.Program, Edition: version.Edition, Version: version.Version}
			if err := importCommand(ctx, i, release, "version", string(program.Program), string(version.Edition), string(version.Version)); err != nil {
				return err
			}
		}
		for _, price := range program.Prices {
			net, err := domain.ParseMoney(price.Net)
			if err != nil {
				return fmt.Errorf("import price %q of program %s, %s, to %s: %w", price.Net, program.Program, price.Edition, price.To, err)
			}
			entry := domain.Price{Program: program.Program, Edition: price.Edition, From: price.From, To: price.To, Net: net, VATRate: price.VATRate}
			if err := importCommand(ctx, i, domain.SetPrice{Price: entry}, "price", string(entry.Entry())); err != nil {
				return err
			}
		}
	}
	for _, customer := range file.Customers {
		if err := i.customer(ctx, customer); err != nil {
			return err
		}
	}
	return nil
}

func (i *importer) customer(ctx context.Context, c importCustomer) error {
	nip, err := domain.ParseNIP(c.NIP)
	if err != nil {
		return fmt.Errorf("import customer %s: %w", c.Code, err)
	}
	id := domain.CustomerIDOf(c.Code)
	switch known, err := domain.Load[domain.Customer](ctx, i.log, domain.CustomerStream(id)); {
	case err != nil:
		return err
	case known.State.Forgotten():
		i.erased = append(i.erased, c.Code)
		return nil
	}
	register := domain.RegisterCustomer{Customer: id, Name: c.Name, NIP: nip, Email: c.Email, Language: c.Language, Distributor: c.Distributor}
	if err := importCommand(ctx, i, register, "customer", c.Code); err != nil {
		return err
	}
	if c.DistributorCode != "" {
		distributor, err := domain.Load[domain.Customer](ctx, i.log, domain.CustomerStream(domain.CustomerIDOf(c.DistributorCode)))
		if err != nil {
			return err
		}
		assign := domain.AssignDistributor{Customer: id, Distributor: distributor.State}
		if err := importCommand(ctx, i, assign, "distributor of", c.Code); err != nil {
			return err
		}
	}
	for _, owned := range c.Licences {
		program, err := domain.Load[domain.Program](ctx, i.log, domain.ProgramStream(owned.Program))
		if err != nil {
			return err
		}
		grant := domain.GrantLicence{Licence: domain.LicenceIDOf(owned.Code), Customer: id, Program: program.State,
			Edition: owned.Edition, Version: owned.Version, Stations: owned.Stations, Activated: owned.Activated}
		if err := importCommand(ctx, i, grant, "licence", owned.Code); err != nil {
			return err
		}
	}
	if c.User == "" {
		return nil
	}
	return i.login(ctx, id, c)
}
