package vault

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestAuthenticate(t *testing.T) {
	w := newWorld(t)
	want := w.customer("anna")
	got, err := w.Authenticate(w.ctx, "ANNA", password, "")
	if err != nil || got != want {
		t.Errorf("logged in as %+v (error: %v), want %+v", got, err, want)
	}
}

// A stranger learns nothing about which accounts exist: neither from the answer
// nor from the work that was done for it.
func TestFailedLoginsAreAllAlike(t *testing.T) {
	w := newWorld(t)
	w.customer("anna")
	locked := w.customer("locked")
	if err := w.SetLocked(w.ctx, locked.ID, true); err != nil {
		t.Fatal(err)
	}
	if _, err := w.CreateAccount(w.ctx, Account{UserName: "fresh", Role: AuditorRole, Language: "pl"}); err != nil {
		t.Fatal(err)
	}
	var work []cost
	w.derive = func(password, salt []byte, c cost, keyBytes int) []byte {
		work = append(work, c)
		return argon2id(password, salt, c, keyBytes)
	}
	tests := []struct{ name, userName, password string }{
		{"wrong password", "anna", otherPassword},
		{"wrong and short", "anna", "x"},
		{"wrong and not text", "anna", "\xff\x00"},
		{"empty password", "anna", ""},
		{"unknown user", "nobody", password},
		{"impossible user", "no body", password},
		{"no password yet", "fresh", password},
		{"locked", "locked", password},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			work = nil
			account, err := w.Authenticate(w.ctx, tt.userName, tt.password, "")
			if err != ErrLogin || account != (Account{}) {
				t.Errorf("answer is %+v, %v; want exactly ErrLogin", account, err)
			}
			if len(work) != 1 || work[0] != currentCost {
				t.Errorf("work done is %+v, want one derivation at the current cost", work)
			}
		})
	}
	// Too long to belong to any account: no work, known or not.
	for _, userName := range []string{"anna", "nobody"} {
		work = nil
		if err := w.logIn(userName, strings.Repeat("x", passwordLimitBytes+1)); err != ErrLogin || len(work) > 0 {
			t.Errorf("endless password for %s: %v, %d derivations", userName, err, len(work))
		}
	}
}

func TestWaitingNamesAreAllAlike(t *testing.T) {
	w := newWorld(t)
	derivations := w.quick()
	w.customer("anna")
	var looked []int64
	for _, name := range []string{"anna", "nobody"} {
		before := derivations.Load()
		for range 20 {
			if err := w.logIn(name, otherPassword); err != ErrLogin {
				t.Fatal(err)
			}
		}
		looked = append(looked, derivations.Load()-before)
	}
	if looked[0] != 5 || looked[1] != 5 {
		t.Errorf("looked at %d and %d of 20 tries, want 5 of each", looked[0], looked[1])
	}
}

func TestWaitGrowsAndEnds(t *testing.T) {
	w := newWorld(t)
	w.quick()
	w.customer("anna")
	for range 5 {
		w.wantErr("wrong password", w.logIn("anna", otherPassword), ErrLogin)
	}
	w.wantErr("right password at once", w.logIn("anna", password), ErrLogin)
	w.clock.forward(5*time.Second - time.Microsecond)
	w.wantErr("right password too early", w.logIn("Anna", password), ErrLogin)
	w.wantErr("in another process", func() error {
		other := w.open()
		other.derive = w.derive
		_, err := other.Authenticate(w.ctx, "anna", password, "")
		return err
	}(), ErrLogin)
	w.clock.forward(time.Microsecond)
	w.wantErr("sixth wrong password", w.logIn("anna", otherPassword), ErrLogin)
	w.clock.forward(9 * time.Second)
	w.wantErr("the wait has grown", w.logIn("anna", password), ErrLogin)
	w.clock.forward(time.Second)
	if err := w.logIn("anna", password); err != nil {
		t.Fatalf("right password after the wait: %v", err)
	}
	for range 5 { // forgotten by the success
		w.wantErr("wrong password", w.logIn("anna", otherPassword), ErrLogin)
	}
	w.clock.forward(attemptsForgottenAfter)
	for range 4 { // forgotten by the day
		w.wantErr("wrong password", w.logIn("anna", otherPassword), ErrLogin)
	}
	if err := w.logIn("anna", password); err != nil {
		t.Errorf("right password a day later: %v", err)
	}
}

func TestADayOfGuessing(t *testing.T) {
	w := newWorld(t)
	derivations := w.quick()
	w.customer("anna")
	before := derivations.Load()
	end := w.clock.Now().Add(24 * time.Hour)
	for w.clock.Now().Before(end) {
		w.wantErr("guess", w.logIn("anna", otherPassword), ErrLogin)
		w.clock.forward(20 * time.Second)
	}
	looked := derivations.Load() - before
	if looked < 50 || looked > 100 {
		t.Errorf("%d guesses were looked at in a day, want 50 to 100", looked)
	}
	// Still not for good: after the longest wait the holder is let in.
	w.clock.forward(longestWait)
	if err := w.logIn("anna", password); err != nil {
		t.Errorf("the holder is kept out: %v", err)
	}
}

func TestGuessingInParallelGainsNothing(t *testing.T) {
	w := newWorld(t)
	derivations := w.quick()
	w.customer("anna")
	before := derivations.Load()
	var together sync.WaitGroup
	for range 64 {
		together.Go(func() { w.wantErr("guess", w.logIn("anna", otherPassword), ErrLogin) })
	}
	together.Wait()
	if looked := derivations.Load() - before; looked != 5 {
		t.Errorf("%d of 64 guesses at once were looked at, want 5", looked)
	}
}

func TestClockSetBackLocksNobodyOut(t *testing.T) {
	w := newWorld(t)
	w.quick()
	w.customer("anna")
	w.clock.forward(10 * 365 * 24 * time.Hour)
	for range 5 {
		w.wantErr("wrong password", w.logIn("anna", otherPassword), ErrLogin)
	}
	w.clock.forward(-10 * 365 * 24 * time.Hour)
	if err := w.logIn("anna", password); err != nil {
		t.Errorf("kept out by a clock that was wrong: %v", err)
	}
}

func TestPasswordRules(t *testing.T) {
	w := newWorld(t)
	w.quick()
	account := w.customer("anna")
	tests := []struct {
		name, password string
		ok             bool
	}{
		{"nine letters", "ninechars", false},
		{"ten letters", "tencharact", true},
		{"ten letters of two bytes", "ąćęłńóśźżĄ", true},
		{"nine letters of two bytes", "ąćęłńóśźż", false},
		{"longest", strings.Repeat("ż", passwordMaxCharacters), true},
		{"longer", strings.Repeat("x", passwordMaxCharacters+1), false},
		{"spaces and signs", "  a b & <c>  ", true},
		{"control character", "tencharact\x00", false},
		{"not text", "tencharact\xff", false},
		{"much too long", strings.Repeat("x", 1<<20), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := w.SetPassword(w.ctx, account.ID, tt.password)
			if tt.ok != (err == nil) || !tt.ok && !errors.Is(err, ErrPassword) {
				t.Fatalf("set password: %v", err)
			}
			if tt.ok {
				w.wantErr("log in with it", w.logIn("anna", tt.password), nil)
			}
		})
	}
}

func TestSameLettersTypedDifferently(t *testing.T) {
	w := newWorld(t)
	w.quick()
	account := w.customer("anna")
	const composed, decomposed = "zażółć gęślą", "zaz\u0307o\u0301łc\u0301 ge\u0328s\u0301la\u0328"
	if err := w.SetPassword(w.ctx, account.ID, composed); err != nil {
		t.Fatal(err)
	}
	w.wantErr("log in", w.logIn("anna", decomposed), nil)
}

func TestHashingIsBounded(t *testing.T) {
	w := newWorld(t)
	w.quick()
	w.customer("anna")
	var now, most atomic.Int64
	full, release := make(chan struct{}, 64), make(chan struct{})
	derive := w.derive
	w.derive = func(password, salt []byte, c cost, keyBytes int) []byte {
		n := now.Add(1)
		defer now.Add(-1)
		for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
		}
		full <- struct{}{}
		<-release
		return derive(password, salt, c, keyBytes)
	}
	var together sync.WaitGroup
	for range 16 {
		together.Go(func() {
			if ok, err := w.verify(w.ctx, password, w.dummy); ok || err != nil {
				t.Errorf("verify says %t, %v", ok, err)
			}
		})
	}
	for range hashingLimit {
		<-full
	}
	// Whoever gives up waiting gets an answer at once.
	gaveUp, cancel := context.WithCancel(w.ctx)
	cancel()
	_, err := w.Vault.verify(gaveUp, password, w.dummy)
	w.wantErr("given up", err, context.Canceled)
	close(release)
	together.Wait()
	if most.Load() != hashingLimit {
		t.Errorf("%d passwords were hashed at the same time, want %d", most.Load(), hashingLimit)
	}
}

func TestOldHashIsRenewedAtLogin(t *testing.T) {
	w := newWorld(t)
	account := w.customer("anna")
	token := w.startSession(account)
	old := cost{memoryKiB: 8 << 10, passes: 1, lanes: 1}
	salt := []byte("sixteen bytes of")
	w.db.MustExec(`update vault.accounts set password_hash = $1`, formatHash(old, salt, argon2id([]byte(password), salt, old, 32)))
	hash := func() (hash string) {
		if err := w.db.Get(&hash, `select password_hash from vault.accounts`); err != nil {
			t.Fatal(err)
		}
		return hash
	}
	before := hash()
	w.wantErr("wrong password", w.logIn("anna", otherPassword), ErrLogin)
	if hash() != before {
		t.Error("a wrong password changed the hash")
	}
	w.wantErr("right password", w.logIn("anna", password), nil)
	renewed := hash()
	if c, _, _, err := parseHash(renewed); err != nil || c != currentCost {
		t.Errorf("after the login the hash is %s", renewed)
	}
	w.wantErr("again", w.logIn("anna", password), nil)
	if hash() != renewed {
		t.Error("a hash of the current cost was renewed")
	}
	if _, err := w.Session(w.ctx, token); err != nil {
		t.Errorf("renewing the hash ended a session: %v", err)
	}
}

func TestHashesThatCannotBeRead(t *testing.T) {
	good := formatHash(currentCost, make([]byte, saltBytes), make([]byte, passwordHashBytes))
	if c, salt, key, err := parseHash(good); err != nil || c != currentCost || len(salt) != saltBytes || len(key) != passwordHashBytes {
		t.Fatalf("read %s as %+v, %x, %x, %v", good, c, salt, key, err)
	}
	for _, hash := range []string{
		"", "$2y$10$abc", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "t=2", "t=0", 1), strings.Replace(good, "p=1", "p=x", 1), good + "$", good + "!", good[:len(good)-30],
	} {
		if _, _, _, err := parseHash(hash); err == nil {
			t.Errorf("the hash %q was read", hash)
		}
	}
}
