package handlers

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/eventstore"
	"netrom.pl/portal/infra/node"
	"netrom.pl/portal/infra/paper"
	"netrom.pl/portal/infra/postgres"
	"netrom.pl/portal/infra/witness"
	"netrom.pl/portal/projections"
	"netrom.pl/portal/projections/books"
)

// The people of the tests.
const (
	kowal = domain.CustomerID("kowal") // orders for itself
	obcy  = domain.CustomerID("obcy")  // a stranger to everybody
	dystr = domain.CustomerID("dystr") // a distributor
	jagna = domain.CustomerID("jagna") // its client

	kowalOld    = domain.LicenceID("kowal-1.0")
	kowalNewest = domain.LicenceID("kowal-3.0")
	obcyOld     = domain.LicenceID("obcy-2.0")
	jagnaOld    = domain.LicenceID("jagna-2.0")
)

// hostile is a name that hurts wherever it is not escaped.
const hostile = `Jagna" onload="x <script>alert('x')</script> {{.}} &amp; ' --`

// world is a portal on real stores: the embedded node in memory, and a database of its own.
type world struct {
	t        *testing.T
	log      *domain.Warm
	views    *sqlx.DB
	viewsURL string
	server   *Server
	site     *httptest.Server
	people   *people
	logged   *lines
	witness  *witness.Witness // signs when it is told to
	signs    string           // the witness's folder
	last     atomic.Uint64    // position of the last event that was arranged
	ids      atomic.Uint64
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	w := &world{t: t, logged: &lines{}}
	log, err := node.Start(ctx, node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Stop() })
	store, err := eventstore.Open(eventstore.Options{URL: log.ConnectionString(), Keys: &keys{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w.log = domain.KeepWarm(store, 100)
	evidence := w.openWitness(store)
	tables := w.openViews(ctx)
	var running sync.WaitGroup
	for _, view := range projections.All() {
		running.Go(func() {
			if err := projections.Run(ctx, w.views, store, view, projections.Options{}); err != nil && ctx.Err() == nil {
				t.Errorf("view %s: %v", view.Name, err)
			}
		})
	}
	t.Cleanup(func() { stop(); running.Wait() })
	w.people = &people{sessions: map[string]Account{}, logins: map[string]Login{}, owners: map[string]domain.CustomerID{}, enrolled: map[string]bool{}}
	o := Options{
		Log: w.log, Tables: tables, Accounts: w.people, Sessions: w.people, Logins: w.people, SecondFactors: w.people, PoisonQueue: "poison-test", Evidence: evidence, Bundle: evidence.bundle,
		Sampler: projections.NewSampler(tables, store, projections.SamplerOptions{Logger: slog.New(slog.DiscardHandler)}),
		Settle: func(ctx context.Context, at domain.Position, views ...string) error {
			return projections.Settle(ctx, w.views, at, views...)
		},
		Await: func(ctx context.Context, since projections.Moment, views ...string) (projections.Moment, error) {
			return projections.Await(ctx, w.views, since, views...)
		},
		Paper:         paper.Printer{},
		Statements:    readPlainStatements,
		BooksWorkbook: func(w io.Writer, words books.Words) (books.Printer, error) { return books.NewText(w, words), nil },
		Ready:         func(context.Context) error { return nil },
		Vendor:        Vendor{Name: "NetRom", Email: "poczta@netrom.pl", Terms: terms},
		Now:           func() time.Time { return time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC) },
		NewID:         func() string { return w.newID() },
		Logger:        slog.New(slog.NewJSONHandler(w.logged, nil)),
	}
	for _, c := range change {
		c(&o)
	}
	w.server = New(o)
	w.site = httptest.NewServer(w.server)
	t.Cleanup(w.site.Close)
	w.arrange()
	return w
}

var terms = domain.Terms{Bank: domain.BankData{Recipient: "NetRom sp. z o.o.", NIP: "1234563218", Account: "84102055580000123400005678"}, PaymentDays: 14}

func (w *world) openViews(ctx context.Context) *projections.Tables {
	address, err := url.Parse(postgres.FreshURL(w.t))
	if err != nil {
		w.t.Fatal(err)
	}
	db, err := postgres.Open(ctx, address.String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if err := postgres.Migrate(ctx, db, "views", projections.Migrations()); err != nil {
		w.t.Fatal(err)
	}
	query := address.Query()
	query.Set("search_path", "views")
	address.RawQuery = query.Encode()
	w.viewsURL = address.String()
	if w.views, err = postgres.Open(ctx, address.String()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { w.views.Close() })
	tables, err := projections.OpenTables(ctx, w.views)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { tables.Close() })
	return tables
}

func (w *world) newID() string { return domain.NameID("test", string(rune(w.ids.Add(1)))) }

// do arranges something in the log.
func do[S any, P domain.State[S]](w *world, command domain.Command[S]) {
	w.t.Helper()
	by := domain.Cause{Command: w.newID(), Actor: "system:demo", Correlation: "test", At: time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)}
	outcome, err := domain.Execute[S, P](context.Background(), w.log, by, command)
	if err != nil {
		w.t.Fatalf("%T: %v", command, err)
	}
	if outcome.Position != 0 {
		w.last.Store(uint64(outcome.Position))
	}
}

func (w *world) arrange() {
	w.t.Helper()
	do(w, domain.ListProgram{Program: "magazyn", Name: "Magazyn <&>"})
	for _, version := range []domain.Version{"1.0", "2.0", "3.0"} {
		do(w, domain.ReleaseVersion{Program: "magazyn", Edition: domain.SingleStation, Version: version})
	}
	do(w, domain.ReleaseVersion{Program: "magazyn", Edition: domain.MultiStation, Version: "3.0"})
	for _, price := range []domain.Price{
		{Edition: domain.SingleStation, To: "3.0", Net: 89900},
		{Edition: domain.SingleStation, From: "1.0", To: "3.0", Net: 44900},
		{Edition: domain.SingleStation, From: "2.0", To: "3.0", Net: 29900},
		{Edition: domain.MultiStation, From: "3.0", To: "3.0", Net: 18901},
	} {
		price.Program, price.VATRate = "magazyn", 23
		do(w, domain.SetPrice{Price: price})
	}
	w.register(kowal, "Kuźnia Kowal", false)
	w.register(obcy, "Obcy Canary", false)
	w.register(dystr, "Dystrybutor Północ", true)
	w.register(jagna, hostile, false)
	do(w, domain.AssignDistributor{Customer: jagna, Distributor: w.customer(dystr)})
	w.grant(kowalOld, kowal, "1.0")
	w.grant(kowalNewest, kowal, "3.0")
	w.grant(obcyOld, obcy, "2.0")
	w.grant(jagnaOld, jagna, "2.0")
	w.settle()
}

func (w *world) register(id domain.CustomerID, name string, distributor bool) {
	w.t.Helper()
	do(w, domain.RegisterCustomer{Customer: id, Name: name, NIP: "1234563218", Email: string(id) + "@example.com", Language: domain.Polish, Distributor: distributor})
}

func (w *world) customer(id domain.CustomerID) domain.Customer {
	return stateOf[domain.Customer](w, domain.CustomerStream(id))
}

func stateOf[S any, P domain.State[S]](w *world, stream string) S {
	w.t.Helper()
	loaded, err := domain.Load[S, P](context.Background(), w.log, stream)
	if err != nil {
		w.t.Fatal(err)
	}
	return loaded.State
}

func (w *world) grant(id domain.LicenceID, owner domain.CustomerID, version domain.Version) {
	w.t.Helper()
	program := stateOf[domain.Program](w, domain.ProgramStream("magazyn"))
	do(w, domain.GrantLicence{Licence: id, Customer: owner, Program: program, Edition: domain.SingleStation, Version: version, Stations: 1, Activated: true})
}

// settle waits until every view has seen what was arranged.
func (w *world) settle() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var names []string
	for _, view := range projections.All() {
		names = append(names, view.Name)
	}
	if err := projections.Settle(ctx, w.views, domain.Position(w.last.Load()), names...); err != nil {
		w.t.Fatal(err)
	}
}

// settleAll waits until every view has seen everything that is in the log.
func (w *world) settleAll() {
	w.t.Helper()
	w.events()
	w.settle()
}

// events counts everything in the log.
func (w *world) events() int {
	w.t.Helper()
	n := 0
	for record, err := range w.log.History(context.Background(), 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		w.last.Store(uint64(record.Position))
		n++
	}
	return n
}

// keys are the personal-data keys of the test's log.
type keys struct{ known sync.Map }

func (k *keys) Key(_ context.Context, subject, purpose string) ([]byte, error) {
	fresh := make([]byte, 32)
	rand.Read(fresh)
	key, _ := k.known.LoadOrStore(subject+"/"+purpose, fresh)
	return key.([]byte), nil
}

func (k *keys) Find(_ context.Context, subject, purpose string) ([]byte, bool, error) {
	key, ok := k.known.Load(subject + "/" + purpose)
	if !ok {
		return nil, false, nil
	}
	return key.([]byte), true, nil
}

// people may log in with "secret-" and their user name as password. The auditor reads English.
type people struct {
	mu       sync.Mutex
	sessions map[string]Account
	logins   map[string]Login // by account; of customers
	owners   map[string]domain.CustomerID
	enrolled map[string]bool
	device   string // shown at the last login
	trouble  error  // of the database
}

func (p *people) LoginsOf(_ context.Context, customer domain.CustomerID) ([]Login, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var logins []Login
	for account, owner := range p.owners {
		if owner == customer {
			logins = append(logins, p.logins[account])
		}
	}
	return logins, nil
}

func (p *people) FindLogin(_ context.Context, user string) (domain.CustomerID, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.ContainsAny(user, " ") {
		return "", false, ErrUserName
	}
	owner, ok := p.owners[accountID(user)]
	return owner, ok, nil
}

func (p *people) MakeLogin(ctx context.Context, customer domain.CustomerID, user string, _ domain.Language) (string, error) {
	owner, taken, err := p.FindLogin(ctx, user)
	if err != nil {
		return "", err
	}
	if taken && owner != customer {
		return "", ErrUserNameTaken
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	id := accountID(user)
	p.owners[id], p.logins[id] = customer, Login{Account: id, User: user}
	return id, nil
}

// accountID is opaque unless the user name is harmless.
func accountID(user string) string {
	if isName(user) {
		return "user-" + user
	}
	return "user-" + domain.NameID("account", user)
}

func (p *people) SetLocked(_ context.Context, account string, locked bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	login := p.logins[account]
	login.Locked = locked
	p.logins[account] = login
	return nil
}

func accountOf(user string) (Account, bool) {
	role, _, _ := strings.Cut(user, "-")
	switch role := Role(role); role {
	case AccountingRole, OperatorRole:
		return Account{ID: "user-" + user, Role: role, Language: domain.Polish}, true
	case AuditorRole:
		return Account{ID: "user-" + user, Role: role, Language: domain.English}, true
	}
	switch customer := domain.CustomerID(user); customer {
	case kowal, obcy, dystr, jagna:
		return Account{ID: "user-" + user, Role: CustomerRole, Customer: customer, Language: domain.Polish}, true
	}
	return Account{}, false
}

func (p *people) DeviceToken(user string) (string, error) { return "device-of-" + user, nil }

func (p *people) Authenticate(_ context.Context, user, password, device string) (Account, error) {
	p.mu.Lock()
	p.device = device
	p.mu.Unlock()
	if account, ok := accountOf(user); ok && password == "secret-"+user {
		return account, nil
	}
	return Account{}, ErrCredentials
}

func (p *people) RedeemLink(_ context.Context, link, password string) (string, error) {
	switch {
	case link != "good-link":
		return "", ErrLink
	case len(password) < 10:
		return "", ErrPassword
	}
	p.endAll(accountID(string(kowal)))
	return accountID(string(kowal)), nil
}

// endAll ends every session of an account, as the vault does when it is locked or gets another password.
func (p *people) endAll(account string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.sessions, func(_ string, of Account) bool { return of.ID == account })
}

func (p *people) StartSession(_ context.Context, account Account) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	token := rand.Text()
	p.sessions[token] = account
	return token, nil
}

func (p *people) Session(_ context.Context, token string) (Account, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trouble != nil {
		return Account{}, p.trouble
	}
	account, ok := p.sessions[token]
	if !ok {
		return Account{}, ErrNoSession
	}
	return account, nil
}

func (p *people) SessionLives(ctx context.Context, token string) (bool, error) {
	_, err := p.Session(ctx, token)
	if errors.Is(err, ErrNoSession) {
		return false, nil
	}
	return err == nil, err
}

func (p *people) EndSession(_ context.Context, token string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sessions, token)
	return nil
}

// goodCode is what everybody's app shows in the tests. Staff whose user name ends in -new have none connected yet.
const goodCode = "123456"

func (p *people) ToEnrol(_ context.Context, account string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.HasSuffix(account, "-new") && !p.enrolled[account] {
		return "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", nil
	}
	return "", nil
}

func (p *people) Enrol(ctx context.Context, account, code string) ([]string, error) {
	if err := p.Check(ctx, account, code); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enrolled[account] = true
	return []string{"AAAA-BBBB-CCCC-DDDD", "EEEE-FFFF-GGGG-HHHH"}, nil
}

func (p *people) Check(_ context.Context, _, code string) error {
	if code != goodCode {
		return ErrCode
	}
	return nil
}

// lines are what the portal has logged so far.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// visitor is somebody with a browser, or a program with a token.
type visitor struct {
	w      *world
	client *http.Client
	token  string
	seen   string
}

// answer of the portal, read to its end.
type answer struct {
	*http.Response
	text string
}

func (w *world) anybody() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &visitor{w: w, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// browser logs somebody in on the login page.
func (w *world) browser(user string) *visitor {
	w.t.Helper()
	v := w.anybody()
	a := v.post("/login", "user", user, "password", "secret-"+user)
	if a.StatusCode != http.StatusSeeOther {
		w.t.Fatalf("log in as %s: %s\n%s", user, a.Status, a.text)
	}
	if a.Header.Get("Location") == "/second-factor" {
		if a = v.post("/second-factor", "code", goodCode); a.StatusCode != http.StatusSeeOther {
			w.t.Fatalf("second factor of %s: %s\n%s", user, a.Status, a.text)
		}
	}
	return v
}

// program logs somebody in through the API.
func (w *world) program(user string) *visitor {
	w.t.Helper()
	v := w.anybody()
	var in struct{ Token string }
	v.call("POST", "/api/session", map[string]string{"user": user, "password": "secret-" + user, "code": goodCode}, http.StatusCreated, &in)
	v.token = in.Token
	return v
}

func (v *visitor) send(method, path, contentType, body string, headers ...string) answer {
	v.w.t.Helper()
	request, err := http.NewRequest(method, v.w.site.URL+path, strings.NewReader(body))
	if err != nil {
		v.w.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if v.token != "" {
		request.Header.Set("Authorization", "Bearer "+v.token)
	}
	if v.seen != "" {
		request.Header.Set("Consistency-Token", v.seen)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := v.client.Do(request)
	if err != nil {
		v.w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		v.w.t.Fatal(err)
	}
	return answer{response, string(text)}
}

func (v *visitor) get(path string) answer {
	v.w.t.Helper()
	return v.send("GET", path, "", "")
}

// open gets a page that must be there.
func (v *visitor) open(path string) answer {
	v.w.t.Helper()
	a := v.get(path)
	if a.StatusCode != http.StatusOK {
		v.w.t.Fatalf("open %s: %s\n%s", path, a.Status, a.text)
	}
	return a
}

func (v *visitor) post(path string, fields ...string) answer {
	v.w.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return v.send("POST", path, "application/x-www-form-urlencoded", form.Encode())
}

// call speaks JSON, wants a status and reads the answer into into.
func (v *visitor) call(method, path string, body any, status int, into any, headers ...string) answer {
	v.w.t.Helper()
	sent, contentType := "", ""
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			v.w.t.Fatal(err)
		}
		sent, contentType = string(raw), "application/json"
	}
	a := v.send(method, path, contentType, sent, headers...)
	if a.StatusCode != status {
		v.w.t.Fatalf("%s %s: %s, want %d\n%s", method, path, a.Status, status, a.text)
	}
	if token := a.Header.Get("Consistency-Token"); token != "" {
		v.seen = token
	}
	if into != nil {
		if err := json.Unmarshal([]byte(a.text), into); err != nil {
			v.w.t.Fatalf("%s %s: %v\n%s", method, path, err, a.text)
		}
	}
	return a
}

// problemAnswer is a refusal as a program reads it.
type problemAnswer struct {
	Type, Title, Code, Detail string
	Status                    int
	Cart                      *cartView
}

// refused wants a refusal.
func (v *visitor) refused(method, path string, body any, status int, code string, headers ...string) problemAnswer {
	v.w.t.Helper()
	var p problemAnswer
	a := v.call(method, path, body, status, &p, headers...)
	if p.Code != code || p.Status != status || a.Header.Get("Content-Type") != "application/problem+json" || p.Detail == "" || p.Title == "" {
		v.w.t.Errorf("%s %s: refused with %+v (%s), want %s", method, path, p, a.Header.Get("Content-Type"), code)
	}
	return p
}

// wants checks that a page says each of the texts.
func (a answer) wants(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.text, text) {
			t.Errorf("%s does not say %q:\n%s", a.Request.URL.Path, text, a.text)
		}
	}
}

func (a answer) lacks(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.text, text) {
			t.Errorf("%s says %q", a.Request.URL.Path, text)
		}
	}
}

func decodeInto(a answer, into any) error { return json.Unmarshal([]byte(a.text), into) }
