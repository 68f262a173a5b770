package vault

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/infra/postgres"
)

func TestSession(t *testing.T) {
	w := newWorld(t)
	w.quick()
	account := w.customer("anna")
	token, started, err := w.StartSession(w.ctx, account)
	if err != nil {
		t.Fatal(err)
	}
	want := Session{Account: account, StartedAt: noon, SeenAt: noon}
	if started != want || len(token) != 43 {
		t.Errorf("started %+v with token %s", started, token)
	}
	for _, v := range []*Vault{w.Vault, w.open()} {
		if got, err := v.Session(w.ctx, token); err != nil || got != want {
			t.Errorf("got %+v (error: %v), want %+v", got, err, want)
		}
	}
	if second := w.startSession(account); second == token {
		t.Error("two sessions have the same token")
	}
	for range 2 {
		if err := w.EndSession(w.ctx, token); err != nil {
			t.Fatal(err)
		}
		_, err = w.Session(w.ctx, token)
		w.wantErr("ended session", err, ErrNoSession)
	}
	for _, token := range []string{"", "x", strings.Repeat("x", 1<<20), "\xff\x00"} {
		_, err := w.Session(w.ctx, token)
		w.wantErr("token that was never given", err, ErrNoSession)
	}
}

func TestSessionsEnd(t *testing.T) {
	tests := []struct {
		name  string
		story func(w *world, account Account, use func())
		alive bool
	}{
		{"nothing happens", func(w *world, a Account, use func()) {}, true},
		{"shortly before idle", func(w *world, a Account, use func()) { w.clock.forward(30*time.Minute - 1) }, true},
		{"idle", func(w *world, a Account, use func()) { w.clock.forward(30 * time.Minute) }, false},
		{"used all day, shortly before the end", func(w *world, a Account, use func()) {
			for range 47 {
				w.clock.forward(15 * time.Minute)
				use()
			}
		}, true},
		{"used all day, the end", func(w *world, a Account, use func()) {
			for range 47 {
				w.clock.forward(15 * time.Minute)
				use()
			}
			w.clock.forward(15 * time.Minute)
		}, false},
		{"account is locked", func(w *world, a Account, use func()) {
			if err := w.SetLocked(w.ctx, a.ID, true); err != nil {
				w.t.Fatal(err)
			}
		}, false},
		{"account is locked and unlocked", func(w *world, a Account, use func()) {
			for _, locked := range []bool{true, false} {
				if err := w.SetLocked(w.ctx, a.ID, locked); err != nil {
					w.t.Fatal(err)
				}
			}
		}, false},
		{"account is locked by hand", func(w *world, a Account, use func()) {
			w.db.MustExec(`update vault.accounts set locked = true`)
		}, false},
		{"password is changed", func(w *world, a Account, use func()) {
			if err := w.SetPassword(w.ctx, a.ID, otherPassword); err != nil {
				w.t.Fatal(err)
			}
		}, false},
		{"password was changed while it was started", func(w *world, a Account, use func()) {
			w.db.MustExec(`update vault.sessions set password_serial = password_serial - 1`)
		}, false},
		{"all are ended", func(w *world, a Account, use func()) {
			if err := w.EndSessions(w.ctx, a.ID); err != nil {
				w.t.Fatal(err)
			}
		}, false},
		{"those of another are ended", func(w *world, a Account, use func()) {
			if err := w.EndSessions(w.ctx, w.customer("jan").ID); err != nil {
				w.t.Fatal(err)
			}
		}, true},
		{"found idle, then the clock is set back", func(w *world, a Account, use func()) {
			w.clock.forward(time.Hour)
			use()
			w.clock.forward(-time.Hour)
		}, false},
		{"clock is set back by ten years", func(w *world, a Account, use func()) { w.clock.forward(-10 * 365 * 24 * time.Hour) }, false},
		{"clock is corrected by a second", func(w *world, a Account, use func()) { w.clock.forward(-time.Second) }, true},
		{"clock is set ahead by ten years", func(w *world, a Account, use func()) { w.clock.forward(10 * 365 * 24 * time.Hour) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.quick()
			account := w.customer("anna")
			token := w.startSession(account)
			tt.story(w, account, func() { w.Session(w.ctx, token) })
			if lives, err := w.SessionLives(w.ctx, token); err != nil || lives != tt.alive {
				t.Errorf("the session lives: %v, %v", lives, err)
			}
			_, err := w.Session(w.ctx, token)
			if tt.alive {
				w.wantErr("session", err, nil)
			} else {
				w.wantErr("session", err, ErrNoSession)
			}
		})
	}
}

// TestALookIsNoUse lets a session end in time though somebody keeps asking whether it lives.
func TestALookIsNoUse(t *testing.T) {
	w := newWorld(t)
	w.quick()
	token := w.startSession(w.customer("anna"))
	for range 4 {
		w.clock.forward(defaultSessionIdle / 5)
		if lives, err := w.SessionLives(w.ctx, token); err != nil || !lives {
			t.Fatalf("before its time the session lives: %v, %v", lives, err)
		}
	}
	w.clock.forward(defaultSessionIdle / 5)
	if lives, err := w.SessionLives(w.ctx, token); err != nil || lives {
		t.Errorf("unused for too long the session lives: %v, %v", lives, err)
	}
}

func TestChangesOfTheAccountAreSeenAtOnce(t *testing.T) {
	w := newWorld(t)
	w.quick()
	token := w.startSession(w.customer("anna"))
	w.db.MustExec(`update vault.accounts set role = 'auditor', customer_id = null, language = 'en'`)
	session, err := w.Session(w.ctx, token)
	if err != nil {
		t.Fatal(err)
	}
	if a := session.Account; a.Role != AuditorRole || a.CustomerID != "" || a.Language != "en" {
		t.Errorf("the session still shows the account as %+v", a)
	}
}

// Whoever has just proved to know a password must not get in with it after it
// was changed.
func TestPasswordChangedBetweenLoginAndSession(t *testing.T) {
	w := newWorld(t)
	w.quick()
	w.customer("anna")
	account, err := w.Authenticate(w.ctx, "anna", password, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SetPassword(w.ctx, account.ID, otherPassword); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.StartSession(w.ctx, account)
	w.wantErr("start session", err, ErrLogin)
	if account, err = w.Authenticate(w.ctx, "anna", otherPassword, ""); err != nil {
		t.Fatal(err)
	}
	if err := w.SetLocked(w.ctx, account.ID, true); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.StartSession(w.ctx, account)
	w.wantErr("start session of locked account", err, ErrLogin)
}

func TestSeenIsWrittenOnceAMinute(t *testing.T) {
	w := newWorld(t)
	w.quick()
	token := w.startSession(w.customer("anna"))
	w.db.MustExec(`create table writes (n int);
		create function note() returns trigger language plpgsql as $$ begin insert into public.writes values (1); return new; end $$;
		create trigger note after update on vault.sessions for each row execute function note()`)
	for range 180 {
		w.clock.forward(time.Second)
		if _, err := w.Session(w.ctx, token); err != nil {
			t.Fatal(err)
		}
	}
	var writes int
	if err := w.db.Get(&writes, `select count(*) from writes`); err != nil {
		t.Fatal(err)
	}
	if writes != 3 {
		t.Errorf("180 requests in 3 minutes made %d writes, want 3", writes)
	}
}

// The cost that every request pays to know who asks.
func BenchmarkSession(b *testing.B) {
	db := postgres.Fresh(b)
	v, err := Open(context.Background(), db, Options{Now: time.Now, Rand: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	account, err := v.CreateAccount(context.Background(), Account{UserName: "anna", Role: AuditorRole, Language: "pl"})
	if err != nil {
		b.Fatal(err)
	}
	token, _, err := v.StartSession(context.Background(), account)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := v.Session(context.Background(), token); err != nil {
			b.Fatal(err)
		}
	}
}
