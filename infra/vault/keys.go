package vault

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
)

const (
	keyBytes = 32
	// cachedKeysLimit bounds the memory of the cache: 100,000 keys take some 20 MiB.
	cachedKeysLimit = 100_000
)

// ErrForgotten means that the key was destroyed on purpose and is never made again.
var ErrForgotten = errors.New("the key was destroyed")

// Key returns the 32-byte key of a subject's personal fields for a purpose. The
// first call makes it; it is durable before it is returned, so before anything
// can be sealed with it. All callers get the same key. The error wraps
// ErrForgotten when the key was destroyed.
func (v *Vault) Key(ctx context.Context, subject, purpose string) ([]byte, error) {
	key, ok, err := v.find(ctx, subject, purpose)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	if ok {
		return key, nil
	}
	fresh, err := v.random(keyBytes)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	err = v.durably(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `insert into vault.keys (subject, purpose, key, created_at) values ($1, $2, $3, $4) on conflict do nothing`,
			subject, purpose, fresh, v.now()); err != nil {
			return err
		}
		return tx.GetContext(ctx, &key, `select key from vault.keys where subject = $1 and purpose = $2`, subject, purpose)
	})
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	if key == nil {
		return nil, fmt.Errorf("read key: %w", ErrForgotten)
	}
	return key, nil
}

// Find returns the key if there is one; ok is false when there is none or it
// was destroyed. It never makes one.
func (v *Vault) Find(ctx context.Context, subject, purpose string) (key []byte, ok bool, err error) {
	if key, ok, err = v.find(ctx, subject, purpose); err != nil {
		return nil, false, fmt.Errorf("find key: %w", err)
	}
	return key, ok, nil
}

func (v *Vault) find(ctx context.Context, subject, purpose string) (key []byte, ok bool, err error) {
	name := KeyID{subject, purpose}
	if err := name.check(); err != nil {
		return nil, false, err
	}
	if err := v.keepFresh(ctx); err != nil {
		return nil, false, err
	}
	v.cached.RLock()
	key, ok = v.keys[name]
	generation := v.generation
	v.cached.RUnlock()
	if ok {
		return bytes.Clone(key), true, nil
	}
	err = v.db.GetContext(ctx, &key, `select key from vault.keys where subject = $1 and purpose = $2 and key is not null`, subject, purpose)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	v.remember(name, key, generation)
	return key, true, nil
}

// remember caches a key that was read since the cache was last emptied; it could
// have been destroyed otherwise. A full cache starts over, which costs one look at
// the database for each key that is still in use.
func (v *Vault) remember(name KeyID, key []byte, generation uint64) {
	v.cached.Lock()
	defer v.cached.Unlock()
	if generation != v.generation {
		return
	}
	if len(v.keys) >= cachedKeysLimit {
		clear(v.keys)
	}
	v.keys[name] = bytes.Clone(key)
}
