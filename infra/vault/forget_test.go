package vault

import (
	"slices"
	"strings"
	"testing"
)

func TestDestroyedKeyIsGoneInEveryProcess(t *testing.T) {
	w := newWorld(t)
	other := w.open()
	kept, gone := KeyID{"customer-1", "legal"}, KeyID{"customer-1", "contact"}
	for _, id := range []KeyID{kept, gone} {
		if _, err := w.Key(w.ctx, id.Subject, id.Purpose); err != nil {
			t.Fatal(err)
		}
		for _, process := range []*Vault{w.Vault, other} { // so that all have it in their caches
			if _, ok, err := process.Find(w.ctx, id.Subject, id.Purpose); !ok || err != nil {
				t.Fatalf("%v was not found: %v", id, err)
			}
		}
	}
	for again, want := range []int{1, 0} {
		if destroyed, err := w.Destroy(w.ctx, gone); destroyed != want || err != nil {
			t.Fatalf("time %d: %d keys destroyed, %v", again+1, destroyed, err)
		}
	}
	if _, ok, err := w.Find(w.ctx, gone.Subject, gone.Purpose); ok || err != nil {
		t.Errorf("the process that destroyed the key still has it: %v", err)
	}
	w.clock.forward(cachedKeysLife)
	for _, process := range []*Vault{w.Vault, other, w.open()} {
		if _, ok, err := process.Find(w.ctx, gone.Subject, gone.Purpose); ok || err != nil {
			t.Errorf("a process still has the destroyed key: %v", err)
		}
		_, err := process.Key(w.ctx, gone.Subject, gone.Purpose)
		w.wantErr("asking for a destroyed key", err, ErrForgotten)
		if _, ok, err := process.Find(w.ctx, kept.Subject, kept.Purpose); !ok || err != nil {
			t.Errorf("a process has lost another key: %v", err)
		}
	}
}

func TestFilesAreToBeScrubbedAfterKeysWereDestroyed(t *testing.T) {
	w := newWorld(t)
	id := KeyID{"customer-1", "contact"}
	if _, err := w.Key(w.ctx, id.Subject, id.Purpose); err != nil {
		t.Fatal(err)
	}
	if _, owed, err := w.ToScrub(w.ctx); owed || err != nil {
		t.Fatalf("nothing was destroyed: %t, %v", owed, err)
	}
	if alive, err := w.Alive(w.ctx, id, id, KeyID{"customer-2", "contact"}); len(alive) != 1 || alive[0] != id || err != nil {
		t.Errorf("alive: %v, %v", alive, err)
	}
	if _, err := w.Destroy(w.ctx, id); err != nil {
		t.Fatal(err)
	}
	if alive, err := w.Alive(w.ctx, id); len(alive) != 0 || err != nil {
		t.Errorf("alive: %v, %v", alive, err)
	}
	epoch, owed, err := w.open().ToScrub(w.ctx)
	if !owed || err != nil {
		t.Fatalf("a key was destroyed: %t, %v", owed, err)
	}
	if err := w.Scrubbed(w.ctx, epoch); err != nil {
		t.Fatal(err)
	}
	if _, owed, err := w.ToScrub(w.ctx); owed || err != nil {
		t.Errorf("still owed: %t, %v", owed, err)
	}
	if tables, err := w.Tables(w.ctx); !slices.Contains(tables, "vault.keys") || err != nil {
		t.Errorf("tables: %v, %v", tables, err)
	}
}

// A key that was read just before it was destroyed must not come into the cache afterwards.
func TestSlowReaderDoesNotBringAKeyBack(t *testing.T) {
	w := newWorld(t)
	id := KeyID{"customer-1", "contact"}
	key, err := w.Key(w.ctx, id.Subject, id.Purpose)
	if err != nil {
		t.Fatal(err)
	}
	w.cached.RLock()
	before := w.generation
	w.cached.RUnlock()
	if _, err := w.Destroy(w.ctx, id); err != nil {
		t.Fatal(err)
	}
	w.remember(id, key, before)
	if _, ok, err := w.Find(w.ctx, id.Subject, id.Purpose); ok || err != nil {
		t.Errorf("the destroyed key is in the cache: %v", err)
	}
}

// A backup without the key, or a log that never used it: what is on the list is forgotten beforehand.
func TestKeyCanBeDestroyedBeforeItIsMade(t *testing.T) {
	w := newWorld(t)
	if destroyed, err := w.Destroy(w.ctx, KeyID{"customer-9", "legal"}, KeyID{"customer-9", "legal"}); destroyed != 0 || err != nil {
		t.Fatalf("%d keys destroyed, %v", destroyed, err)
	}
	_, err := w.Key(w.ctx, "customer-9", "legal")
	w.wantErr("making a key that was destroyed beforehand", err, ErrForgotten)
	if _, err := w.Destroy(w.ctx, KeyID{"customer-9", ""}); err == nil {
		t.Error("a key without a purpose was destroyed")
	}
}

func TestDeletedAccountsLeaveNothing(t *testing.T) {
	w := newWorld(t)
	w.quick()
	account := w.customer("anna")
	w.startSession(account)
	w.wantErr("a wrong password", w.logIn("anna", "wrong wrong wrong"), ErrLogin)
	if _, err := w.IssueLink(w.ctx, account.ID, 1, noon, 1); err != nil {
		t.Fatal(err)
	}
	other, err := w.CreateAccount(w.ctx, Account{UserName: "berta", Role: CustomerRole, CustomerID: "customer-2", Language: "pl"})
	if err != nil {
		t.Fatal(err)
	}
	for again, want := range []int{1, 0} {
		if ids, err := w.DeleteAccountsOf(w.ctx, "customer-1"); len(ids) != want || err != nil {
			t.Fatalf("time %d: %v deleted, %v", again+1, ids, err)
		}
	}
	w.wantErr("logging in", w.logIn("anna", password), ErrLogin)
	dump := w.dump()
	if strings.Contains(dump, account.ID) || strings.Contains(dump, "anna") {
		t.Error("the tables still name the account")
	}
	if !strings.Contains(dump, other.ID) {
		t.Error("another customer's account is gone")
	}
}
