package vault

import (
	"context"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"golang.org/x/text/secure/precis"
)

// Role says what the holder of an account may do.
type Role string

// The roles. A distributor is a customer.
const (
	CustomerRole   Role = "customer"
	AccountingRole Role = "accounting"
	AuditorRole    Role = "auditor"
	OperatorRole   Role = "operator"
)

// Account is one login. The password is not part of it.
type Account struct {
	ID         string `db:"id"`
	UserName   string `db:"user_name"` // as it is compared: lower case
	Role       Role   `db:"role"`
	CustomerID string `db:"customer_id"` // of the company; empty unless the role is customer
	Language   string `db:"language"`    // "pl", "en"
	Locked     bool   `db:"locked"`      // by the vendor: nobody gets in

	// PasswordSerial counts the account's passwords. A session belongs to the
	// password that was current when the account was read.
	PasswordSerial int64 `db:"password_serial"`
}

const accountColumns = `a.id, a.user_name, a.role, coalesce(a.customer_id, '') as customer_id, a.language, a.locked, a.password_serial`

var (
	// ErrLogin is the only answer to a login that fails, whatever the reason:
	// no such account, wrong password, no password yet, too many tries, locked.
	ErrLogin = errors.New("unknown user name or wrong password")
	// ErrUserNameTaken means that another account has the user name.
	ErrUserNameTaken = errors.New("the user name is taken")
	// ErrUserName means that a text cannot be a user name.
	ErrUserName = fmt.Errorf("a user name has 1 to %d bytes: letters, digits and ASCII punctuation, no spaces", userNameLimitBytes)
	// ErrNoAccount means that there is no such account.
	ErrNoAccount = errors.New("no such account")
)

// UserName brings a user name into the form in which it is stored and
// compared. Source: RFC 8265, section 3.3 (UsernameCaseMapped).
func UserName(name string) (string, error) {
	if len(name) > userNameLimitBytes {
		return "", ErrUserName
	}
	prepared, err := precis.UsernameCaseMapped.String(strings.TrimSpace(name))
	if err != nil || checkText("user name", prepared, userNameLimitBytes) != nil { // precis lets empty and broken texts pass
		return "", ErrUserName
	}
	return prepared, nil
}

// CreateAccount creates an account without a password, and returns it. An empty
// ID is replaced by a random one, "user-" and 26 letters and digits. Safe to call
// again with the same ID, user name, role and customer: the account is returned
// as it is. The error wraps ErrUserName or ErrUserNameTaken where they apply.
func (v *Vault) CreateAccount(ctx context.Context, wanted Account) (Account, error) {
	name, err := UserName(wanted.UserName)
	if err != nil {
		return Account{}, fmt.Errorf("create account: %w", err)
	}
	if wanted.ID == "" {
		random, err := v.random(16)
		if err != nil {
			return Account{}, fmt.Errorf("create account: %w", err)
		}
		wanted.ID = "user-" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random))
	}
	if err := checkAccount(wanted); err != nil {
		return Account{}, fmt.Errorf("create account: %w", err)
	}
	_, err = v.db.ExecContext(ctx, `insert into vault.accounts (id, user_name, role, customer_id, language, locked, created_at)
		values ($1, $2, $3, nullif($4, ''), $5, $6, $7) on conflict (id) do nothing`,
		wanted.ID, name, wanted.Role, wanted.CustomerID, wanted.Language, wanted.Locked, v.now())
	var refused *pq.Error
	if errors.As(err, &refused) && refused.Constraint == "accounts_user_name_key" {
		return Account{}, fmt.Errorf("create account: %w", ErrUserNameTaken)
	}
	if err != nil {
		return Account{}, fmt.Errorf("create account: %w", err)
	}
	account, err := v.Account(ctx, wanted.ID)
	if err != nil {
		return Account{}, fmt.Errorf("create account: %w", err)
	}
	if account.UserName != name || account.Role != wanted.Role || account.CustomerID != wanted.CustomerID {
		return Account{}, fmt.Errorf("create account: %s exists and has another user name, role or customer", wanted.ID)
	}
	return account, nil
}

func checkAccount(a Account) error {
	if err := checkText("id of account", a.ID, accountIDLimitBytes); err != nil {
		return err
	}
	switch a.Role {
	case CustomerRole:
		if err := checkText("customer of account", a.CustomerID, customerIDLimitBytes); err != nil {
			return err
		}
	case AccountingRole, AuditorRole, OperatorRole:
		if a.CustomerID != "" {
			return fmt.Errorf("an account of role %s has no customer", a.Role)
		}
	default:
		return fmt.Errorf("unknown role %q", a.Role)
	}
	if len(a.Language) != 2 {
		return fmt.Errorf("unknown language %q: a language has two letters, such as pl", a.Language)
	}
	return nil
}

// Account returns the account of that ID; the error wraps ErrNoAccount if there is none.
func (v *Vault) Account(ctx context.Context, id string) (Account, error) {
	return v.account(ctx, `select `+accountColumns+` from vault.accounts a where a.id = $1`, id)
}

// FindAccount returns the account of that user name, in any case of its letters;
// the error wraps ErrNoAccount if there is none.
func (v *Vault) FindAccount(ctx context.Context, userName string) (Account, error) {
	name, err := UserName(userName)
	if err != nil {
		return Account{}, fmt.Errorf("read account: %w", ErrNoAccount)
	}
	return v.account(ctx, `select `+accountColumns+` from vault.accounts a where a.user_name = $1`, name)
}

// AccountsOf returns the accounts of a customer by user name.
func (v *Vault) AccountsOf(ctx context.Context, customerID string) ([]Account, error) {
	accounts := []Account{}
	err := v.db.SelectContext(ctx, &accounts, `select `+accountColumns+` from vault.accounts a where a.customer_id = $1 order by a.user_name`, customerID)
	if err != nil {
		return nil, fmt.Errorf("list accounts of customer: %w", err)
	}
	return accounts, nil
}

func (v *Vault) account(ctx context.Context, query, argument string) (Account, error) {
	var account Account
	err := v.db.GetContext(ctx, &account, query, argument)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoAccount
	}
	if err != nil {
		return Account{}, fmt.Errorf("read account: %w", err)
	}
	return account, nil
}

// SetLocked locks an account, which ends its sessions, or lets its holder in
// again. Safe to call again.
func (v *Vault) SetLocked(ctx context.Context, id string, locked bool) error {
	err := v.transaction(ctx, func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, `update vault.accounts set locked = $2 where id = $1`, id, locked)
		if err := wantRow(result, err, ErrNoAccount); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `delete from vault.sessions where account_id = $1 and $2`, id, locked)
		return err
	})
	if err != nil {
		return fmt.Errorf("lock account %s (%t): %w", id, locked, err)
	}
	return nil
}

// SetPassword gives the account a new password and ends all its sessions. The
// error wraps ErrPassword when the password is too short or too long.
func (v *Vault) SetPassword(ctx context.Context, id, password string) error {
	hash, err := v.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	err = v.transaction(ctx, func(tx *sqlx.Tx) error {
		_, err := v.replacePassword(ctx, tx, id, hash)
		return err
	})
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	return nil
}

// replacePassword stores a new password, ends the sessions of the old one and
// lifts what wrong tries have brought upon the holder.
func (v *Vault) replacePassword(ctx context.Context, tx *sqlx.Tx, id, hash string) (Account, error) {
	var account Account
	err := tx.GetContext(ctx, &account, `update vault.accounts a set password_hash = $2, password_serial = password_serial + 1
		where a.id = $1 returning `+accountColumns, id, hash)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, ErrNoAccount
	}
	if err != nil {
		return Account{}, err
	}
	if _, err := tx.ExecContext(ctx, `delete from vault.sessions where account_id = $1`, id); err != nil {
		return Account{}, err
	}
	if _, err := tx.ExecContext(ctx, `delete from vault.attempts where name_hash = $1`, v.nameHash(account.UserName)); err != nil {
		return Account{}, err
	}
	return account, nil
}

// wantRow turns a statement that met no row into the error missing.
func wantRow(result sql.Result, err, missing error) error {
	if err != nil {
		return err
	}
	rows, err := result.RowsAffected()
	if err == nil && rows == 0 {
		return missing
	}
	return err
}
