package vault

import (
	"encoding/base32"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The SHA-1 vectors of RFC 6238, appendix B, whose eight digits end in our six.
func TestCodesOfTheRFC(t *testing.T) {
	key := []byte("12345678901234567890")
	for seconds, want := range map[int64]string{59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130"} {
		if got := code(key, stepAt(time.Unix(seconds, 0))); got != want[2:] {
			t.Errorf("at %d: %s, want %s", seconds, got, want[2:])
		}
	}
}

// staff is an operator with a password.
func (w *world) staff(userName string) Account {
	w.t.Helper()
	account, err := w.CreateAccount(w.ctx, Account{UserName: userName, Role: OperatorRole, Language: "pl"})
	if err != nil {
		w.t.Fatal(err)
	}
	return account
}

// codeNow is what the app of an account shows, steps away from now.
func (w *world) codeNow(secret string, steps int64) string {
	w.t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		w.t.Fatal(err)
	}
	return code(key, stepAt(w.clock.Now())+steps)
}

func (w *world) enrol(account Account) (secret string, recovery []string) {
	w.t.Helper()
	secret, err := w.ProposeSecondFactor(w.ctx, account.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	if recovery, err = w.ConfirmSecondFactor(w.ctx, account.ID, w.codeNow(secret, 0)); err != nil {
		w.t.Fatal(err)
	}
	return secret, recovery
}

func TestSecondFactor(t *testing.T) {
	w := newWorld(t)
	account := w.staff("olga")
	w.wantErr("a code before there is a secret", w.CheckSecondFactor(w.ctx, account.ID, "123456"), ErrCode)
	secret, err := w.ProposeSecondFactor(w.ctx, account.ID)
	if err != nil || len(secret) != 32 {
		t.Fatalf("proposed %q (error: %v)", secret, err)
	}
	if again, err := w.ProposeSecondFactor(w.ctx, account.ID); err != nil || again != secret {
		t.Errorf("proposed %q, then %q (error: %v)", secret, again, err)
	}
	w.wantErr("a secret that is not confirmed", w.CheckSecondFactor(w.ctx, account.ID, w.codeNow(secret, 0)), ErrCode)
	_, err = w.ConfirmSecondFactor(w.ctx, account.ID, "000000")
	w.wantErr("a wrong first code", err, ErrCode)
	if has, err := w.HasSecondFactor(w.ctx, account.ID); err != nil || has {
		t.Errorf("has a factor: %t (error: %v)", has, err)
	}
	recovery, err := w.ConfirmSecondFactor(w.ctx, account.ID, w.codeNow(secret, 0))
	if err != nil || len(recovery) != recoveryCodes {
		t.Fatalf("recovery codes %v (error: %v)", recovery, err)
	}
	_, err = w.ProposeSecondFactor(w.ctx, account.ID)
	w.wantErr("the secret once more", err, ErrFactorExists)
	_, err = w.ConfirmSecondFactor(w.ctx, account.ID, w.codeNow(secret, 1))
	w.wantErr("confirmed twice", err, ErrCode)

	w.wantErr("the code that has confirmed", w.CheckSecondFactor(w.ctx, account.ID, w.codeNow(secret, 0)), ErrCode)
	w.clock.forward(codeStep)
	now := w.codeNow(secret, 0)
	if err := w.CheckSecondFactor(w.ctx, account.ID, " "+now[:3]+" "+now[3:]); err != nil {
		t.Errorf("a code: %v", err)
	}
	w.wantErr("the same code again", w.CheckSecondFactor(w.ctx, account.ID, now), ErrCode)
	w.wantErr("an older code", w.CheckSecondFactor(w.ctx, account.ID, w.codeNow(secret, -1)), ErrCode)
	w.clock.forward(24 * time.Hour)
	w.wantErr("two steps early", w.CheckSecondFactor(w.ctx, account.ID, w.codeNow(secret, 2)), ErrCode)
	w.wantErr("two steps late", w.CheckSecondFactor(w.ctx, account.ID, w.codeNow(secret, -2)), ErrCode)
	if err := w.CheckSecondFactor(w.ctx, account.ID, w.codeNow(secret, -1)); err != nil {
		t.Errorf("a step late: %v", err)
	}
	for _, strange := range []string{"", "x", "\x00\xff", strings.Repeat("1", 1<<16)} {
		w.wantErr("strange text", w.CheckSecondFactor(w.ctx, account.ID, strange), ErrCode)
	}
}

func TestRecoveryCodes(t *testing.T) {
	w := newWorld(t)
	account, other := w.staff("olga"), w.staff("piotr")
	_, recovery := w.enrol(account)
	w.enrol(other)
	var stored int
	if err := w.db.Get(&stored, `select count(*) from vault.recovery_codes where position(convert_to($1, 'UTF8') in code_hash) > 0`, recovery[0]); err != nil || stored != 0 {
		t.Errorf("%d recovery codes are readable at rest (error: %v)", stored, err)
	}
	w.wantErr("somebody else's", w.CheckSecondFactor(w.ctx, other.ID, recovery[0]), ErrCode)
	if err := w.CheckSecondFactor(w.ctx, account.ID, strings.ToLower(recovery[0])); err != nil {
		t.Errorf("a recovery code: %v", err)
	}
	w.wantErr("once more", w.CheckSecondFactor(w.ctx, account.ID, recovery[0]), ErrCode)
	if err := w.ForgetSecondFactor(w.ctx, account.ID); err != nil {
		t.Fatal(err)
	}
	w.wantErr("after it was forgotten", w.CheckSecondFactor(w.ctx, account.ID, recovery[1]), ErrCode)
	w.enrol(account)
}

// A hundred thousand guesses are at most a hundred looks a day; the right code during a wait is answered like a wrong one.
func TestGuessingCodesIsThrottled(t *testing.T) {
	w := newWorld(t)
	account := w.staff("olga")
	secret, _ := w.enrol(account)
	w.clock.forward(codeStep)
	for range 6 {
		w.wantErr("a guess", w.CheckSecondFactor(w.ctx, account.ID, "000000"), ErrCode)
	}
	w.wantErr("the right code during the wait", w.CheckSecondFactor(w.ctx, account.ID, w.codeNow(secret, 0)), ErrCode)
	w.clock.forward(longestWait)
	if err := w.CheckSecondFactor(w.ctx, account.ID, w.codeNow(secret, 0)); err != nil {
		t.Errorf("the right code after the wait: %v", err)
	}
}

func TestACodeWorksOnceAtTheSameTime(t *testing.T) {
	w := newWorld(t)
	account := w.staff("olga")
	secret, _ := w.enrol(account)
	w.clock.forward(codeStep)
	now := w.codeNow(secret, 0)
	var accepted atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if w.CheckSecondFactor(w.ctx, account.ID, now) == nil {
				accepted.Add(1)
			}
		})
	}
	all.Wait()
	if accepted.Load() != 1 {
		t.Errorf("the code was accepted %d times", accepted.Load())
	}
}

func TestNextCode(t *testing.T) {
	w := newWorld(t)
	account := w.staff("olga")
	w.enrol(account)
	for i := range 3 {
		next, err := w.NextCode(w.ctx, account.ID)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if err := w.CheckSecondFactor(w.ctx, account.ID, next); err != nil {
				t.Errorf("the next code: %v", err)
			}
			continue
		}
		if next != "" {
			t.Errorf("a code %q although all have been used", next)
		}
	}
	w.clock.forward(codeStep)
	if next, err := w.NextCode(w.ctx, account.ID); err != nil || next == "" {
		t.Errorf("no code half a minute later (error: %v)", err)
	}
}

func TestHalfSession(t *testing.T) {
	w := newWorld(t)
	token, _, err := w.StartHalfSession(w.ctx, w.staff("olga"))
	if err != nil {
		t.Fatal(err)
	}
	if session, err := w.Session(w.ctx, token); err != nil || !session.Half {
		t.Errorf("session %+v (error: %v)", session, err)
	}
	w.clock.forward(halfSessionLife)
	_, err = w.Session(w.ctx, token)
	w.wantErr("a half session that took too long", err, ErrNoSession)
}
