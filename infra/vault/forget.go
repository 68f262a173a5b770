package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// cachedKeysLife is how long a process may go on using a key that another one
// has destroyed.
const cachedKeysLife = time.Second

// KeyID says whose data a key protects and why they are kept.
type KeyID struct{ Subject, Purpose string }

// Destroy makes keys unreadable for ever, also such as were never made, and
// returns how many were there. It is durable before it returns. This process
// forgets them at once, others within a second. Safe to call again.
func (v *Vault) Destroy(ctx context.Context, keys ...KeyID) (destroyed int, err error) {
	var subjects, purposes pq.StringArray
	for _, id := range keys {
		if err := id.check(); err != nil {
			return 0, fmt.Errorf("destroy key: %w", err)
		}
		subjects, purposes = append(subjects, id.Subject), append(purposes, id.Purpose)
	}
	err = v.durably(ctx, func(tx *sqlx.Tx) error {
		if err := tx.GetContext(ctx, &destroyed, `select count(*) from vault.keys k join unnest($1::text[], $2::text[]) as wanted (subject, purpose)
			using (subject, purpose) where k.key is not null`, subjects, purposes); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			insert into vault.keys as k (subject, purpose, created_at, forgotten_at) select distinct subject, purpose, $3::timestamptz, $3::timestamptz
			from unnest($1::text[], $2::text[]) as wanted (subject, purpose)
			on conflict (subject, purpose) do update set key = null, forgotten_at = coalesce(k.forgotten_at, excluded.forgotten_at)`,
			subjects, purposes, v.now()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `update vault.forgetting set epoch = epoch + 1 where $1 > 0`, destroyed)
		return err
	})
	v.forgetCached()
	if err != nil {
		return 0, fmt.Errorf("destroy %d keys: %w", len(keys), err)
	}
	return destroyed, nil
}

// Alive returns those of the keys that are there, in no particular order.
func (v *Vault) Alive(ctx context.Context, keys ...KeyID) ([]KeyID, error) {
	var subjects, purposes pq.StringArray
	for _, id := range keys {
		subjects, purposes = append(subjects, id.Subject), append(purposes, id.Purpose)
	}
	alive := []KeyID{}
	err := v.db.SelectContext(ctx, &alive, `select subject, purpose from vault.keys k
		join (select distinct * from unnest($1::text[], $2::text[]) as t (subject, purpose)) as wanted using (subject, purpose) where k.key is not null`, subjects, purposes)
	if err != nil {
		return nil, fmt.Errorf("look for %d keys: %w", len(keys), err)
	}
	return alive, nil
}

// ToScrub tells whether keys were destroyed since the database's files were last
// cleared of them, and the epoch to tell Scrubbed afterwards.
func (v *Vault) ToScrub(ctx context.Context) (epoch int64, owed bool, err error) {
	var known struct{ Epoch, Scrubbed int64 }
	if err := v.db.GetContext(ctx, &known, `select epoch, scrubbed from vault.forgetting`); err != nil {
		return 0, false, fmt.Errorf("look for destroyed keys: %w", err)
	}
	return known.Epoch, known.Epoch > known.Scrubbed, nil
}

// Scrubbed notes that the files were cleared of what was destroyed up to an epoch.
func (v *Vault) Scrubbed(ctx context.Context, epoch int64) error {
	if _, err := v.db.ExecContext(ctx, `update vault.forgetting set scrubbed = greatest(scrubbed, $1)`, epoch); err != nil {
		return fmt.Errorf("note that destroyed keys are cleared away: %w", err)
	}
	return nil
}

// Tables lists the vault's tables with their schema, for [postgres.Scrub].
func (v *Vault) Tables(ctx context.Context) (tables []string, err error) {
	err = v.db.SelectContext(ctx, &tables, `select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'vault' order by 1`)
	if err != nil {
		return nil, fmt.Errorf("list the vault's tables: %w", err)
	}
	return tables, nil
}

func (id KeyID) check() error {
	return errors.Join(checkText("subject of key", id.Subject, subjectLimitBytes), checkText("purpose of key", id.Purpose, purposeLimitBytes))
}

// forgetCached empties the cache, and makes the next reader look at the epoch.
func (v *Vault) forgetCached() {
	v.cached.Lock()
	defer v.cached.Unlock()
	clear(v.keys)
	v.checkedAt = time.Time{}
	v.generation++
}

// keepFresh empties the cache when another process has destroyed a key since
// the last look, which is at most [cachedKeysLife] ago.
func (v *Vault) keepFresh(ctx context.Context) error {
	now := v.options.Now()
	v.cached.RLock()
	age := now.Sub(v.checkedAt)
	v.cached.RUnlock()
	if age >= 0 && age < cachedKeysLife {
		return nil
	}
	var epoch int64
	if err := v.db.GetContext(ctx, &epoch, `select epoch from vault.forgetting`); err != nil {
		return fmt.Errorf("look for destroyed keys: %w", err)
	}
	v.cached.Lock()
	defer v.cached.Unlock()
	if epoch != v.epoch {
		clear(v.keys)
		v.epoch = epoch
		v.generation++
	}
	v.checkedAt = now
	return nil
}

// DeleteAccountsOf removes the accounts of a customer with their sessions, links
// and tries to log in, and returns their IDs. Safe to call again.
func (v *Vault) DeleteAccountsOf(ctx context.Context, customerID string) ([]string, error) {
	accounts, err := v.AccountsOf(ctx, customerID)
	if err != nil {
		return nil, err
	}
	var ids, counted = pq.StringArray{}, pq.ByteaArray{}
	for _, account := range accounts {
		ids, counted = append(ids, account.ID), append(counted, v.nameHash(account.UserName))
	}
	err = v.durably(ctx, func(tx *sqlx.Tx) error {
		for _, table := range []string{"sessions", "links", "recovery_codes", "second_factors"} {
			if _, err := tx.ExecContext(ctx, `delete from vault.`+table+` where account_id = any($1)`, ids); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `delete from vault.attempts where name_hash = any($1)`, counted); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `delete from vault.accounts where id = any($1)`, ids)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("delete accounts of customer: %w", err)
	}
	return ids, nil
}
