package vault

import (
	"bytes"
	"strings"
	"sync"
	"testing"
)

func TestKeyIsTheSameForEverybody(t *testing.T) {
	w := newWorld(t)
	vaults := []*Vault{w.Vault, w.open()}
	keys := make([][]byte, 64)
	var together sync.WaitGroup
	for i := range keys {
		together.Go(func() {
			var err error
			if keys[i], err = vaults[i%2].Key(w.ctx, "customer-1", "orders"); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	for _, key := range keys {
		if len(key) != keyBytes || !bytes.Equal(key, keys[0]) {
			t.Fatalf("got keys %x and %x, want the same 32 bytes", key, keys[0])
		}
	}
	for _, other := range [][2]string{{"customer-2", "orders"}, {"customer-1", "letters"}} {
		key, err := w.Key(w.ctx, other[0], other[1])
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(key, keys[0]) {
			t.Errorf("the key of %v is that of another", other)
		}
	}
	// A later process finds it in the database.
	key, ok, err := w.open().Find(w.ctx, "customer-1", "orders")
	if err != nil || !ok || !bytes.Equal(key, keys[0]) {
		t.Errorf("a new process found %x, %t, %v", key, ok, err)
	}
}

func TestFindNeverMakesAKey(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		if key, ok, err := w.Find(w.ctx, "customer-1", "orders"); key != nil || ok || err != nil {
			t.Errorf("found %x, %t, %v where there is no key", key, ok, err)
		}
	}
}

func TestCallersCannotSpoilTheCachedKey(t *testing.T) {
	w := newWorld(t)
	first, err := w.Key(w.ctx, "customer-1", "orders")
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(first)
	clear(first)
	second, err := w.Key(w.ctx, "customer-1", "orders")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(second, want) {
		t.Error("overwriting a returned key changed the cached one")
	}
}

// Even on a server that is configured to confirm before writing to disk.
func TestKeyIsOnDiskBeforeItIsUsed(t *testing.T) {
	w := newWorld(t)
	w.db.MustExec(`create table seen (setting text);
		create function note() returns trigger language plpgsql as $$ begin
			insert into public.seen values (current_setting('synchronous_commit')); return new;
		end $$;
		create trigger note after insert on vault.keys for each row execute function note()`)
	w.db.SetMaxOpenConns(1)
	w.db.MustExec(`set synchronous_commit = off`)
	if _, err := w.Key(w.ctx, "customer-1", "orders"); err != nil {
		t.Fatal(err)
	}
	var setting string
	if err := w.db.Get(&setting, `select setting from seen`); err != nil {
		t.Fatal(err)
	}
	if setting != "on" {
		t.Errorf("the key was written with synchronous_commit %s", setting)
	}
}

func TestForgottenKeyIsNeverMadeAgain(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Key(w.ctx, "customer-1", "orders"); err != nil {
		t.Fatal(err)
	}
	w.db.MustExec(`update vault.keys set key = null, forgotten_at = now()`)
	later := w.open()
	for range 2 {
		if key, ok, err := later.Find(w.ctx, "customer-1", "orders"); key != nil || ok || err != nil {
			t.Errorf("found %x, %t, %v where the key was destroyed", key, ok, err)
		}
		_, err := later.Key(w.ctx, "customer-1", "orders")
		w.wantErr("asking for a destroyed key", err, ErrForgotten)
	}
}

func TestKeyNamesAreLimited(t *testing.T) {
	w := newWorld(t)
	tests := []struct{ subject, purpose string }{
		{"", "orders"}, {"customer-1", ""},
		{strings.Repeat("x", subjectLimitBytes+1), "orders"}, {"customer-1", strings.Repeat("x", purposeLimitBytes+1)},
		{"a\x00b", "orders"}, {"customer-1", "\xff"},
	}
	for _, tt := range tests {
		if _, err := w.Key(w.ctx, tt.subject, tt.purpose); err == nil {
			t.Errorf("a key was made for %q, %q", tt.subject, tt.purpose)
		}
		if _, _, err := w.Find(w.ctx, tt.subject, tt.purpose); err == nil {
			t.Errorf("a key was looked for under %q, %q", tt.subject, tt.purpose)
		}
	}
	if _, err := w.Key(w.ctx, strings.Repeat("x", subjectLimitBytes), strings.Repeat("y", purposeLimitBytes)); err != nil {
		t.Error(err)
	}
}
