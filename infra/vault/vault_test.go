package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/infra/postgres"
)

// clock is a time that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	password      = "correct horse battery"
	otherPassword = "staple staple staple"
)

// world is a vault with its database and clock.
type world struct {
	*Vault
	t     *testing.T
	ctx   context.Context
	db    *sqlx.DB
	clock *clock
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background(), db: postgres.Fresh(t), clock: &clock{now: noon}}
	w.Vault = w.open()
	return w
}

// open is another process on the same database.
func (w *world) open() *Vault {
	w.t.Helper()
	v, err := Open(w.ctx, w.db, Options{Now: w.clock.Now, Rand: rand.Reader})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := v.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return v
}

// quick replaces Argon2id by something cheap, and counts.
func (w *world) quick() *atomic.Int64 {
	var derivations atomic.Int64
	w.derive = func(password, salt []byte, _ cost, _ int) []byte {
		derivations.Add(1)
		sum := sha256.Sum256(append(bytes.Clone(salt), password...))
		return sum[:]
	}
	return &derivations
}

// customer is an account with the password.
func (w *world) customer(userName string) Account {
	w.t.Helper()
	account, err := w.CreateAccount(w.ctx, Account{UserName: userName, Role: CustomerRole, CustomerID: "customer-1", Language: "pl"})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.SetPassword(w.ctx, account.ID, password); err != nil {
		w.t.Fatal(err)
	}
	if account, err = w.Account(w.ctx, account.ID); err != nil {
		w.t.Fatal(err)
	}
	return account
}

func (w *world) logIn(userName, password string) error {
	_, err := w.Authenticate(w.ctx, userName, password, "")
	return err
}

func (w *world) startSession(account Account) string {
	w.t.Helper()
	token, _, err := w.StartSession(w.ctx, account)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

func (w *world) wantErr(what string, got, want error) {
	w.t.Helper()
	if !errors.Is(got, want) {
		w.t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

func TestOpenNeedsTimeAndRandomness(t *testing.T) {
	for _, options := range []Options{{}, {Now: time.Now}, {Rand: rand.Reader}} {
		if _, err := Open(context.Background(), nil, options); err == nil {
			t.Errorf("a vault was opened with options %+v", options)
		}
	}
}

func TestSecretIsMadeOnce(t *testing.T) {
	w := newWorld(t)
	other := w.open()
	secrets := make([][]byte, 16)
	var together sync.WaitGroup
	for i := range secrets {
		together.Go(func() {
			v := w.Vault
			if i%2 == 1 {
				v = other
			}
			var err error
			if secrets[i], err = v.Secret(w.ctx, "activation"); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	for _, secret := range secrets {
		if len(secret) != 32 || !bytes.Equal(secret, secrets[0]) {
			t.Fatalf("got secrets %x and %x, want the same 32 bytes", secret, secrets[0])
		}
	}
	another, err := w.Secret(w.ctx, "another")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(another, secrets[0]) {
		t.Error("two secrets are the same")
	}
	for _, name := range []string{"", strings.Repeat("x", secretNameLimitBytes+1), "a\x00b", "\xff"} {
		if _, err := w.Secret(w.ctx, name); err == nil {
			t.Errorf("a secret was made for the name %q", name)
		}
	}
}

func TestSweepDeletesOnlyWhatHasEnded(t *testing.T) {
	w := newWorld(t)
	w.quick()
	account := w.customer("anna")
	w.startSession(account)
	w.wantErr("wrong password", w.logIn("anna", otherPassword), ErrLogin)
	w.clock.forward(defaultSessionIdle)
	token := w.startSession(account)
	if swept, err := w.Sweep(w.ctx); err != nil || swept != 1 {
		t.Errorf("swept %d rows (error: %v), want 1 session", swept, err)
	}
	if _, err := w.Session(w.ctx, token); err != nil {
		t.Errorf("a living session was swept: %v", err)
	}
	w.clock.forward(attemptsForgottenAfter)
	if swept, err := w.Sweep(w.ctx); err != nil || swept != 2 {
		t.Errorf("swept %d rows (error: %v), want 1 session and 1 try", swept, err)
	}
}

// Everything that people know by heart or carry about is passed through the
// vault, and then looked for in every row of every table.
func TestNothingSecretCanBeReadFromTheTables(t *testing.T) {
	w := newWorld(t)
	account := w.customer("anna")
	token := w.startSession(account)
	used, err := w.IssueLink(w.ctx, account.ID, 1, noon, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.RedeemLink(w.ctx, used, otherPassword); err != nil {
		t.Fatal(err)
	}
	open, err := w.IssueLink(w.ctx, account.ID, 2, noon, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if account, err = w.Authenticate(w.ctx, "anna", otherPassword, ""); err != nil {
		t.Fatal(err)
	}
	current := w.startSession(account)
	w.wantErr("password typed as user name", w.logIn("hunter2hunter2", "wrong wrong wrong"), ErrLogin)

	dump := w.dump()
	if !strings.Contains(dump, account.ID) || !strings.Contains(dump, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal("the dump does not contain what it should: this test looks at the wrong place")
	}
	for name, secret := range map[string]string{
		"old password": password, "password": otherPassword, "wrong password": "wrong wrong wrong",
		"mistyped password": "hunter2hunter2", "old session": token, "session": current, "used link": used, "link": open,
	} {
		forms := []string{secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret))}
		if raw, err := base64.RawURLEncoding.DecodeString(secret); err == nil {
			forms = append(forms, hex.EncodeToString(raw))
		}
		for _, form := range forms {
			if strings.Contains(dump, form) {
				t.Errorf("the %s can be read from the tables as %q", name, form)
			}
		}
	}
}

// dump is every row of every table as text.
func (w *world) dump() string {
	w.t.Helper()
	var tables []string
	if err := w.db.Select(&tables, `select format('%I.%I', schemaname, tablename) from pg_tables
		where schemaname not in ('pg_catalog', 'information_schema')`); err != nil {
		w.t.Fatal(err)
	}
	var dump strings.Builder
	for _, table := range tables {
		var rows []string
		if err := w.db.Select(&rows, `select t::text from `+table+` t`); err != nil {
			w.t.Fatal(err)
		}
		dump.WriteString(strings.Join(rows, "\n"))
	}
	return dump.String()
}
