package vault

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func (w *world) link(account Account, serial int) string {
	w.t.Helper()
	token, err := w.IssueLink(w.ctx, account.ID, serial, w.clock.Now(), time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

func (w *world) redeem(token, password string) error {
	_, err := w.RedeemLink(w.ctx, token, password)
	return err
}

func TestLinkSetsThePasswordOnce(t *testing.T) {
	w := newWorld(t)
	w.quick()
	account := w.customer("anna")
	session := w.startSession(account)
	for range 6 { // somebody keeps the holder out
		w.wantErr("guess", w.logIn("anna", "wrong wrong wrong"), ErrLogin)
	}
	token := w.link(account, 1)

	w.wantErr("short password", w.redeem(token, "short"), ErrPassword)
	redeemed, err := w.RedeemLink(w.ctx, token, otherPassword)
	if err != nil {
		t.Fatal(err)
	}
	if redeemed.ID != account.ID || redeemed.PasswordSerial != account.PasswordSerial+1 {
		t.Errorf("redeeming gives %+v", redeemed)
	}
	_, err = w.Session(w.ctx, session)
	w.wantErr("session of the old password", err, ErrNoSession)
	w.wantErr("new password", w.logIn("anna", otherPassword), nil)
	w.wantErr("old password", w.logIn("anna", password), ErrLogin)
	w.wantErr("same link again", w.redeem(token, password), ErrLink)
	w.startSession(redeemed)
}

func TestLinkIsRedeemedByOneOfMany(t *testing.T) {
	w := newWorld(t)
	w.quick()
	token := w.link(w.customer("anna"), 1)
	other := w.open()
	other.derive = w.derive
	var won atomic.Int64
	var winner atomic.Value
	var together sync.WaitGroup
	for i := range 32 {
		together.Go(func() {
			v := []*Vault{w.Vault, other}[i%2]
			chosen := strings.Repeat(string(rune('a'+i%26)), 10+i)
			switch _, err := v.RedeemLink(w.ctx, token, chosen); {
			case err == nil:
				won.Add(1)
				winner.Store(chosen)
			case !errors.Is(err, ErrLink):
				t.Error(err)
			}
		})
	}
	together.Wait()
	if won.Load() != 1 {
		t.Fatalf("the link was redeemed %d times", won.Load())
	}
	w.wantErr("the winner's password", w.logIn("anna", winner.Load().(string)), nil)
}

func TestLinksThatDoNotWork(t *testing.T) {
	tests := []struct {
		name  string
		token func(w *world, account Account) string
	}{
		{"unknown", func(w *world, a Account) string { return w.LinkToken("user-x", 1) }},
		{"empty", func(w *world, a Account) string { return "" }},
		{"endless", func(w *world, a Account) string { return strings.Repeat("x", 1<<20) }},
		{"not yet issued", func(w *world, a Account) string { return w.LinkToken(a.ID, 1) }},
		{"expired", func(w *world, a Account) string {
			token := w.link(a, 1)
			w.clock.forward(time.Hour)
			return token
		}},
		{"found expired, then the clock is set back", func(w *world, a Account) string {
			token := w.link(a, 1)
			w.clock.forward(time.Hour)
			w.wantErr("expired", w.redeem(token, otherPassword), ErrLink)
			w.clock.forward(-time.Hour)
			return token
		}},
		{"issued again after it expired", func(w *world, a Account) string {
			w.link(a, 1)
			w.clock.forward(time.Hour)
			return w.link(a, 1)
		}},
		{"replaced by a newer one", func(w *world, a Account) string {
			token := w.link(a, 1)
			w.link(a, 2)
			return token
		}},
		{"older than the newest when issued", func(w *world, a Account) string {
			w.link(a, 2)
			return w.link(a, 1)
		}},
		{"of a locked account", func(w *world, a Account) string {
			token := w.link(a, 1)
			if err := w.SetLocked(w.ctx, a.ID, true); err != nil {
				w.t.Fatal(err)
			}
			return token
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			derivations := w.quick()
			account := w.customer("anna")
			token := tt.token(w, account)
			before := derivations.Load()
			w.wantErr("redeem", w.redeem(token, otherPassword), ErrLink)
			if derivations.Load() != before {
				t.Error("a password was hashed for a link that does not work")
			}
			if err := w.SetLocked(w.ctx, account.ID, false); err != nil {
				t.Fatal(err)
			}
			w.wantErr("the old password", w.logIn("anna", password), nil)
		})
	}
}

func TestSameLinkInEveryLetter(t *testing.T) {
	w := newWorld(t)
	w.quick()
	anna, jan := w.customer("anna"), w.customer("jan")
	first := w.link(anna, 1)
	w.clock.forward(59 * time.Minute)
	if again := w.link(anna, 1); again != first {
		t.Errorf("issued again the link is %s, not %s", again, first)
	}
	if other := w.open().LinkToken(anna.ID, 1); other != first {
		t.Errorf("in another process the link is %s, not %s", other, first)
	}
	seen := map[string]bool{first: true}
	for _, token := range []string{w.LinkToken(anna.ID, 2), w.LinkToken(jan.ID, 1), w.LinkToken(anna.ID+"1", 1), w.LinkToken(anna.ID, 11)} {
		if seen[token] || len(token) != 43 {
			t.Errorf("link %s is another's or not 256 bits", token)
		}
		seen[token] = true
	}
	w.wantErr("shortly before it expires", w.redeem(first, otherPassword), nil)
}

func TestLinksThatCannotBeIssued(t *testing.T) {
	w := newWorld(t)
	w.quick()
	account := w.customer("anna")
	for _, tt := range []struct {
		serial int
		life   time.Duration
	}{{0, time.Hour}, {-1, time.Hour}, {1, 0}, {1, -time.Hour}, {1, linkLifeLimit + 1}} {
		if _, err := w.IssueLink(w.ctx, account.ID, tt.serial, noon, tt.life); err == nil {
			t.Errorf("link number %d was issued for %s", tt.serial, tt.life)
		}
	}
}
