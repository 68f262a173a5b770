package vault

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// linkLifeLimit is the longest life of a one-time link.
const linkLifeLimit = 30 * 24 * time.Hour

// ErrLink is the only answer to a link that can't be used, whatever the reason:
// unknown, used, expired, replaced by a newer one, or its account is locked.
var ErrLink = errors.New("the one-time link cannot be used")

// LinkToken is the token of an account's link number serial. It is derived, not
// drawn, so that a letter sent twice is the same letter. Knowing it is of no use
// before IssueLink.
func (v *Vault) LinkToken(accountID string, serial int) string {
	mac := hmac.New(sha256.New, v.linkKey)
	mac.Write([]byte(accountID + "\x00" + strconv.Itoa(serial)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// IssueLink makes link number serial of an account usable from at for the time
// life, and returns its token. Links of lower numbers stop to work. Safe to call
// again: the token is the same, and the link expires as the first call said.
func (v *Vault) IssueLink(ctx context.Context, accountID string, serial int, at time.Time, life time.Duration) (string, error) {
	if serial < 1 || life <= 0 || life > linkLifeLimit {
		return "", fmt.Errorf("issue link: number %d for %s: numbers count from 1, a link lives at most %s", serial, life, linkLifeLimit)
	}
	token := v.LinkToken(accountID, serial)
	_, err := v.db.ExecContext(ctx, `insert into vault.links (account_id, serial, token_hash, issued_at, expires_at)
		values ($1, $2, $3, $4, $5) on conflict (account_id, serial) do nothing`,
		accountID, serial, tokenHash(token), at.UTC(), at.UTC().Add(life))
	var refused *pq.Error
	if errors.As(err, &refused) && refused.Constraint == "links_account_id_fkey" {
		err = ErrNoAccount
	}
	if err != nil {
		return "", fmt.Errorf("issue link: %w", err)
	}
	return token, nil
}

// linkUsable is true for a link that can be redeemed at $2.
const linkUsable = `l.token_hash = $1 and l.used_at is null and l.expires_at > $2
	and not exists (select from vault.links newer where newer.account_id = l.account_id and newer.serial > l.serial)
	and not (select a.locked from vault.accounts a where a.id = l.account_id)`

// RedeemLink sets the password of the account that the link belongs to, ends all
// its sessions and lifts any wait. It works once: of several calls at the same
// time one succeeds, the others get ErrLink. A password that is refused, with
// ErrPassword, leaves the link usable.
func (v *Vault) RedeemLink(ctx context.Context, token, newPassword string) (Account, error) {
	if len(token) > tokenLimitBytes {
		return Account{}, ErrLink
	}
	if _, err := preparePassword(newPassword); err != nil {
		return Account{}, err
	}
	hashed, now := tokenHash(token), v.now()
	// Before the costly work: a guess at a link must be cheap for us.
	var usable bool
	if err := v.db.GetContext(ctx, &usable, `select exists (select from vault.links l where `+linkUsable+`)`, hashed, now); err != nil {
		return Account{}, fmt.Errorf("redeem link: %w", err)
	}
	if !usable {
		return Account{}, v.refuseLink(ctx, hashed, now)
	}
	password, err := v.hash(ctx, newPassword)
	if err != nil {
		return Account{}, fmt.Errorf("redeem link: %w", err)
	}
	var account Account
	err = v.transaction(ctx, func(tx *sqlx.Tx) error {
		var id string
		err := tx.GetContext(ctx, &id, `update vault.links l set used_at = $2 where `+linkUsable+` returning l.account_id`, hashed, now)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrLink
		}
		if err != nil {
			return err
		}
		account, err = v.replacePassword(ctx, tx, id, password)
		return err
	})
	if err != nil {
		return Account{}, fmt.Errorf("redeem link: %w", err)
	}
	return account, nil
}

// refuseLink answers ErrLink, and makes sure that a link that was once found
// expired stays so when the clock is set back.
func (v *Vault) refuseLink(ctx context.Context, hashed []byte, now time.Time) error {
	if _, err := v.db.ExecContext(ctx, `update vault.links set used_at = $2 where token_hash = $1 and used_at is null and expires_at <= $2`,
		hashed, now); err != nil {
		return fmt.Errorf("redeem link: %w", err)
	}
	return ErrLink
}

// tokenHash is what is stored of a token. A plain hash is enough: tokens are
// too random to be guessed.
func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
