package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/vault"
)

// linkLife is how long a one-time link works; the letter says the same.
const linkLife = 7 * 24 * time.Hour

// people is the vault as the door wants it: who may log in, and who is logged in.
type people struct{ *vault.Vault }

// Authenticate is [handlers.Accounts].
func (p people) Authenticate(ctx context.Context, user, password, device string) (handlers.Account, error) {
	account, err := p.Vault.Authenticate(ctx, user, password, device)
	if errors.Is(err, vault.ErrLogin) {
		return handlers.Account{}, handlers.ErrCredentials
	}
	return accountOf(account), err
}

// RedeemLink is [handlers.Accounts].
func (p people) RedeemLink(ctx context.Context, link, password string) (string, error) {
	account, err := p.Vault.RedeemLink(ctx, link, password)
	switch {
	case errors.Is(err, vault.ErrLink):
		return "", handlers.ErrLink
	case errors.Is(err, vault.ErrPassword):
		return "", handlers.ErrPassword
	}
	return account.ID, err
}

// StartSession is [handlers.Sessions]. It reads the account anew: the session belongs to the password of this moment.
func (p people) StartSession(ctx context.Context, account handlers.Account) (string, error) {
	current, err := p.Vault.Account(ctx, account.ID)
	if err != nil {
		return "", err
	}
	start := p.Vault.StartSession
	if account.Half {
		start = p.Vault.StartHalfSession
	}
	token, _, err := start(ctx, current)
	return token, err
}

// Session is [handlers.Sessions].
func (p people) Session(ctx context.Context, token string) (handlers.Account, error) {
	session, err := p.Vault.Session(ctx, token)
	if errors.Is(err, vault.ErrNoSession) {
		return handlers.Account{}, handlers.ErrNoSession
	}
	account := accountOf(session.Account)
	account.Half = session.Half
	return account, err
}

// ToEnrol is [handlers.SecondFactors].
func (p people) ToEnrol(ctx context.Context, account string) (string, error) {
	secret, err := p.Vault.ProposeSecondFactor(ctx, account)
	if errors.Is(err, vault.ErrFactorExists) {
		return "", nil
	}
	return secret, err
}

// Enrol is [handlers.SecondFactors].
func (p people) Enrol(ctx context.Context, account, code string) ([]string, error) {
	recovery, err := p.Vault.ConfirmSecondFactor(ctx, account, code)
	if errors.Is(err, vault.ErrCode) {
		err = handlers.ErrCode
	}
	return recovery, err
}

// Check is [handlers.SecondFactors].
func (p people) Check(ctx context.Context, account, code string) error {
	err := p.Vault.CheckSecondFactor(ctx, account, code)
	if errors.Is(err, vault.ErrCode) {
		err = handlers.ErrCode
	}
	return err
}

// LoginsOf is [handlers.Logins].
func (p people) LoginsOf(ctx context.Context, customer domain.CustomerID) ([]handlers.Login, error) {
	accounts, err := p.Vault.AccountsOf(ctx, string(customer))
	var logins []handlers.Login
	for _, account := range accounts {
		logins = append(logins, handlers.Login{Account: account.ID, User: account.UserName, Locked: account.Locked})
	}
	return logins, err
}

// FindLogin is [handlers.Logins]. The vendor's own people are nobody's customers.
func (p people) FindLogin(ctx context.Context, user string) (domain.CustomerID, bool, error) {
	if _, err := vault.UserName(user); err != nil {
		return "", false, handlers.ErrUserName
	}
	account, err := p.Vault.FindAccount(ctx, user)
	if errors.Is(err, vault.ErrNoAccount) {
		return "", false, nil
	}
	return domain.CustomerID(account.CustomerID), err == nil, err
}

// MakeLogin is [handlers.Logins]. A customer's account that has the user name already is answered as it is.
func (p people) MakeLogin(ctx context.Context, customer domain.CustomerID, user string, language domain.Language) (string, error) {
	owner, taken, err := p.FindLogin(ctx, user)
	switch {
	case err != nil:
		return "", err
	case taken && owner != customer:
		return "", handlers.ErrUserNameTaken
	case taken:
		account, err := p.Vault.FindAccount(ctx, user)
		return account.ID, err
	}
	name, err := vault.UserName(user)
	if err != nil {
		return "", handlers.ErrUserName
	}
	account, err := p.Vault.CreateAccount(ctx, vault.Account{ID: "user-" + domain.NameID("account", string(customer), name), UserName: name,
		Role: vault.CustomerRole, CustomerID: string(customer), Language: string(language)})
	if errors.Is(err, vault.ErrUserNameTaken) {
		return "", handlers.ErrUserNameTaken // in this very moment
	}
	return account.ID, err
}

func accountOf(a vault.Account) handlers.Account {
	return handlers.Account{ID: a.ID, Role: handlers.Role(a.Role), Customer: domain.CustomerID(a.CustomerID), Language: domain.Language(a.Language)}
}

// link is what the letter with a login needs.
func (p *portal) link(ctx context.Context, id string, serial int) (userName, url string, err error) {
	account, err := p.base.Vault.Account(ctx, id)
	if err != nil {
		return "", "", err
	}
	token, err := p.base.Vault.IssueLink(ctx, id, serial, p.now(), linkLife)
	if err != nil {
		return "", "", err
	}
	return account.UserName, p.vendor.URL + "/password/" + token, nil
}

// login gives an imported customer its account; the process manager sends the letter with the one-time link.
func (i *importer) login(ctx context.Context, customer domain.CustomerID, c importCustomer) error {
	wanted := vault.Account{ID: "user-" + domain.NameID("account", c.Code), UserName: c.User,
		Role: vault.CustomerRole, CustomerID: string(customer), Language: string(c.Language)}
	switch known, err := i.vault.FindAccount(ctx, c.User); {
	case err == nil && known.CustomerID == wanted.CustomerID:
		wanted.ID = known.ID // made on the operator's pages
	case err != nil && !errors.Is(err, vault.ErrNoAccount):
		return fmt.Errorf("import login of customer %s: %w", c.Code, err)
	}
	account, err := i.createAccount(ctx, wanted)
	if err != nil {
		return fmt.Errorf("import login of customer %s: %w", c.Code, err)
	}
	return importCommand(ctx, i, domain.GrantLogin{Customer: customer, Account: account.ID, Link: 1}, "login", c.Code)
}

// grantLink promises a fresh one-time link to a customer's account.
func (i *importer) grantLink(ctx context.Context, customer domain.CustomerID, user string) error {
	account, err := i.vault.FindAccount(ctx, user)
	if err != nil {
		return err
	}
	known, err := domain.Load[domain.Customer](ctx, i.log, domain.CustomerStream(customer))
	if err != nil {
		return err
	}
	next := known.State.Logins[account.ID].Link + 1
	return importCommand(ctx, i, domain.GrantLogin{Customer: customer, Account: account.ID, Link: next}, "link", account.ID, fmt.Sprint(next))
}

// setDemoPassword gives one of the demonstration's people the password that the demonstration shows; staff get their account too.
func (i *importer) setDemoPassword(ctx context.Context, person demoPerson) error {
	account, err := i.vault.FindAccount(ctx, person.user)
	if errors.Is(err, vault.ErrNoAccount) && person.role != handlers.CustomerRole {
		account, err = i.vault.CreateAccount(ctx, vault.Account{UserName: person.user, Role: vault.Role(person.role), Language: string(domain.Polish)})
	}
	if errors.Is(err, vault.ErrNoAccount) {
		return nil // its customer was erased
	}
	if err != nil {
		return fmt.Errorf("make demo login %s: %w", person.user, err)
	}
	if person.role != handlers.CustomerRole {
		if err := i.enrolDemo(ctx, account.ID); err != nil {
			return fmt.Errorf("enrol demo login %s: %w", person.user, err)
		}
	}
	if _, err := i.vault.Authenticate(ctx, person.user, demoPassword(person.user), ""); err == nil {
		return nil
	}
	return i.vault.SetPassword(ctx, account.ID, demoPassword(person.user))
}

// enrolDemo gives an account of the demonstration the second factor whose codes its login page shows.
func (i *importer) enrolDemo(ctx context.Context, account string) error {
	if _, err := i.vault.ProposeSecondFactor(ctx, account); errors.Is(err, vault.ErrFactorExists) {
		return nil
	} else if err != nil {
		return err
	}
	code, err := i.vault.NextCode(ctx, account)
	if err != nil {
		return err
	}
	_, err = i.vault.ConfirmSecondFactor(ctx, account, code)
	return err
}

// makeAccount is `portal account`: a login for the vendor's own people. It prints the one-time link, because there is no
// customer to whom a letter could go.
func makeAccount(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("portal account")
	role := flags.String("role", "", "`ROLE`: accounting, auditor or operator")
	language := flags.String("language", string(domain.Polish), "`LANGUAGE` of the pages: pl or en")
	forget := flags.Bool("forget-second-factor", false, "let the account connect a new authenticator app at its next login, when phone and recovery codes are lost")
	url := flags.String("url", "", "`URL` under which people reach the portal (default: that of the running portal, or http://localhost:8080)")
	names, err := foundation.Parse(flags, args, "portal account [-data DIR] [-url URL] [-language LANGUAGE] [-forget-second-factor] -role ROLE USER", 1, stdout)
	if err != nil {
		return err
	}
	switch handlers.Role(*role) {
	case handlers.AccountingRole, handlers.AuditorRole, handlers.OperatorRole:
	default:
		return foundation.UsageError{Err: fmt.Errorf("-role %q is not one of accounting, auditor, operator; customers get their login by import", *role)}
	}
	if l := domain.Language(*language); l != domain.Polish && l != domain.English {
		return foundation.UsageError{Err: fmt.Errorf("-language %q is neither pl nor en", *language)}
	}
	if *url != "" {
		if *url, err = portalURL(*url); err != nil {
			return err
		}
	}
	options := foundation.FromEnvironment(*data, foundation.Logger(stderr, slog.LevelWarn))
	options.Existing = true
	base, err := foundation.Open(ctx, options)
	if err != nil {
		return err
	}
	pages := cmp.Or(*url, base.PortalURL(), "http://localhost:8080")
	return errors.Join(staffLink(ctx, base.Vault, vault.Account{UserName: names[0], Role: vault.Role(*role), Language: *language}, *forget, pages, stdout), base.Close())
}

func staffLink(ctx context.Context, v *vault.Vault, wanted vault.Account, forget bool, url string, stdout io.Writer) error {
	account, err := v.FindAccount(ctx, wanted.UserName)
	if errors.Is(err, vault.ErrNoAccount) {
		account, err = v.CreateAccount(ctx, wanted)
	}
	if err != nil {
		return err
	}
	if account.Role != wanted.Role {
		return fmt.Errorf("%s has an account with the role %s; choose another user name", wanted.UserName, account.Role)
	}
	if forget {
		if err := v.ForgetSecondFactor(ctx, account.ID); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s connects a new authenticator app at the next login.\n", account.UserName)
	}
	now := time.Now()
	token, err := v.IssueLink(ctx, account.ID, int(now.Unix()), now, linkLife)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s sets the password once under this link, within 7 days:\n%s/password/%s\n", account.UserName, url, token)
	return nil
}
