package vault

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
)

// Recovery codes: how many an account gets, and how random each is. With that
// many random bytes a plain hash is enough.
const (
	recoveryCodes     = 10
	recoveryCodeBytes = 10
	// codeLimitBytes is the longest text that is looked at as a code.
	codeLimitBytes = 64
)

var (
	// ErrCode is the only answer to a code that does not count, whatever the
	// reason: wrong, used, too old, too many tries, or nothing to compare it with.
	ErrCode = errors.New("the code does not count")
	// ErrFactorExists means that the account has a second factor already.
	ErrFactorExists = errors.New("the account has a second factor already")
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// HasSecondFactor says whether an account has a second factor in use.
func (v *Vault) HasSecondFactor(ctx context.Context, accountID string) (bool, error) {
	var has bool
	err := v.db.GetContext(ctx, &has, `select exists (select from vault.second_factors where account_id = $1 and confirmed_at is not null)`, accountID)
	if err != nil {
		return false, fmt.Errorf("read second factor: %w", err)
	}
	return has, nil
}

// ProposeSecondFactor returns the secret that the holder of an account enters
// into an authenticator app, in base32. It stays the same until it is confirmed;
// afterwards nobody gets to see it again, and the answer is ErrFactorExists.
func (v *Vault) ProposeSecondFactor(ctx context.Context, accountID string) (string, error) {
	fresh, err := v.random(factorKeyBytes)
	if err != nil {
		return "", fmt.Errorf("propose second factor: %w", err)
	}
	var known struct {
		Secret    []byte
		Confirmed bool
	}
	err = v.transaction(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `insert into vault.second_factors (account_id, secret, created_at) values ($1, $2, $3) on conflict do nothing`,
			accountID, fresh, v.now()); err != nil {
			return err
		}
		return tx.GetContext(ctx, &known, `select secret, confirmed_at is not null as confirmed from vault.second_factors where account_id = $1`, accountID)
	})
	if err == nil && known.Confirmed {
		err = ErrFactorExists
	}
	if err != nil {
		return "", fmt.Errorf("propose second factor: %w", err)
	}
	return base32Text.EncodeToString(known.Secret), nil
}

// ConfirmSecondFactor puts a proposed secret into use once its holder shows a
// code of it, and returns the recovery codes, which are never shown again. Of two
// calls at the same time one gets codes. Every other answer is ErrCode.
func (v *Vault) ConfirmSecondFactor(ctx context.Context, accountID, typed string) ([]string, error) {
	secret, err := v.factorSecret(ctx, accountID, false)
	if err != nil {
		return nil, err
	}
	step, err := v.tryCode(ctx, accountID, secret, typed)
	if err != nil {
		return nil, err
	}
	random, err := v.random(recoveryCodes * recoveryCodeBytes)
	if err != nil {
		return nil, fmt.Errorf("make recovery codes: %w", err)
	}
	var codes []string
	err = v.durably(ctx, func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, `update vault.second_factors set confirmed_at = $2, last_step = $3 where account_id = $1 and confirmed_at is null`,
			accountID, v.now(), step)
		if err := wantRow(result, err, ErrCode); err != nil {
			return err
		}
		for ; len(random) > 0; random = random[recoveryCodeBytes:] {
			text := base32Text.EncodeToString(random[:recoveryCodeBytes])
			if _, err := tx.ExecContext(ctx, `insert into vault.recovery_codes (code_hash, account_id) values ($1, $2)`, recoveryHash(accountID, text), accountID); err != nil {
				return err
			}
			codes = append(codes, text[:4]+"-"+text[4:8]+"-"+text[8:12]+"-"+text[12:])
		}
		return nil
	})
	if errors.Is(err, ErrCode) {
		return nil, ErrCode
	}
	if err != nil {
		return nil, fmt.Errorf("confirm second factor: %w", err)
	}
	return codes, nil
}

// CheckSecondFactor accepts a code of the account's app, or one of its recovery
// codes. Each works once; the answer to every other text is ErrCode. Wrong tries
// have to wait like those with passwords. Only who has shown the password gets
// here, so no outsider can make the holder wait.
func (v *Vault) CheckSecondFactor(ctx context.Context, accountID, typed string) error {
	secret, err := v.factorSecret(ctx, accountID, true)
	if err != nil {
		return err
	}
	step, err := v.tryCode(ctx, accountID, secret, typed)
	if errors.Is(err, errNoTOTP) {
		return v.useRecoveryCode(ctx, accountID, typed)
	}
	if err != nil {
		return err
	}
	// No code works twice, and none that is older than one that has worked. Source: RFC 6238, section 5.2.
	result, err := v.db.ExecContext(ctx, `update vault.second_factors set last_step = $2 where account_id = $1 and last_step < $2`, accountID, step)
	if err := wantRow(result, err, ErrCode); err != nil {
		return wrapUnless(ErrCode, err, "use code")
	}
	return v.forgetCodeTries(ctx, accountID)
}

// errNoTOTP is ErrCode for a text that is none of the app's codes now.
var errNoTOTP = fmt.Errorf("%w now", ErrCode)

// factorSecret of an account, in use or only proposed. The answer to a secret that is not there is ErrCode.
func (v *Vault) factorSecret(ctx context.Context, accountID string, confirmed bool) ([]byte, error) {
	var secret []byte
	err := v.db.GetContext(ctx, &secret, `select secret from vault.second_factors where account_id = $1 and (confirmed_at is not null) = $2`, accountID, confirmed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrCode
	}
	if err != nil {
		return nil, fmt.Errorf("read second factor: %w", err)
	}
	return secret, nil
}

// tryCode counts a try and finds the time step of a code.
func (v *Vault) tryCode(ctx context.Context, accountID string, secret []byte, typed string) (int64, error) {
	allowed, err := v.try(ctx, codeTries(accountID))
	if err != nil {
		return 0, err
	}
	if !allowed || len(typed) > codeLimitBytes {
		return 0, ErrCode
	}
	step, ok := stepOf(secret, strings.ReplaceAll(strings.TrimSpace(typed), " ", ""), v.now())
	if !ok {
		return 0, errNoTOTP
	}
	return step, nil
}

func (v *Vault) useRecoveryCode(ctx context.Context, accountID, typed string) error {
	text := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(strings.TrimSpace(typed)))
	result, err := v.db.ExecContext(ctx, `delete from vault.recovery_codes where code_hash = $1 and account_id = $2`, recoveryHash(accountID, text), accountID)
	if err := wantRow(result, err, ErrCode); err != nil {
		return wrapUnless(ErrCode, err, "use recovery code")
	}
	return v.forgetCodeTries(ctx, accountID)
}

// ForgetSecondFactor lets the holder of an account, who has lost phone and
// recovery codes, enrol anew, and ends the account's sessions. Safe to call again.
func (v *Vault) ForgetSecondFactor(ctx context.Context, accountID string) error {
	err := v.transaction(ctx, func(tx *sqlx.Tx) error {
		for _, statement := range []string{
			`delete from vault.recovery_codes where account_id = $1`,
			`delete from vault.second_factors where account_id = $1`,
			`delete from vault.sessions where account_id = $1`,
		} {
			if _, err := tx.ExecContext(ctx, statement, accountID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget second factor: %w", err)
	}
	return nil
}

// NextCode is a code that CheckSecondFactor will accept, or nothing while all
// codes of this moment have been used. It defeats its purpose: only a
// demonstration, whose passwords everybody knows, may show it.
func (v *Vault) NextCode(ctx context.Context, accountID string) (string, error) {
	var factor struct {
		Secret   []byte
		LastStep int64 `db:"last_step"`
	}
	if err := v.db.GetContext(ctx, &factor, `select secret, last_step from vault.second_factors where account_id = $1`, accountID); err != nil {
		return "", fmt.Errorf("read second factor: %w", err)
	}
	now := stepAt(v.now())
	step := max(now, factor.LastStep+1)
	if step > now+codeStepsBehind {
		return "", nil
	}
	return code(factor.Secret, step), nil
}

// codeTries is the name under which tries with codes are counted; no user name has a space.
func codeTries(accountID string) string { return "code of " + accountID }

func (v *Vault) forgetCodeTries(ctx context.Context, accountID string) error {
	if _, err := v.db.ExecContext(ctx, `delete from vault.attempts where name_hash = $1`, v.nameHash(codeTries(accountID))); err != nil {
		return fmt.Errorf("forget tries: %w", err)
	}
	return nil
}

func recoveryHash(accountID, text string) []byte {
	sum := sha256.Sum256([]byte(accountID + "\x00" + text))
	return sum[:]
}

// wrapUnless leaves the answers alone that callers compare with.
func wrapUnless(known, err error, doing string) error {
	if errors.Is(err, known) {
		return known
	}
	return fmt.Errorf("%s: %w", doing, err)
}
