package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/projections"
)

var (
	registeredPeople = flag.Int("people", 300, "how many customers TestManyAreForgotten registers")
	forgottenPeople  = flag.Int("forgotten", 30, "how many of them it erases")
)

// The people who go have something in their data that nobody else has.
const (
	goingName, stayingName = "Zapominalska", "Pamietliwa"
	goingHost, stayingHost = "do-zapomnienia.example", "zostaje.example"
)

// afterRetention is a moment when tax law wants nothing any more of what the test does.
var afterRetention = time.Date(2045, 6, 1, 12, 0, 0, 0, time.UTC)

// TestManyAreForgotten erases many people at once, every second one with everything, and a customer with orders, about whose payments
// people have typed reasons: no file has their data, the proofs, the views and the replay agree, and a file that was sent before still verifies.
// The long form: go test ./cmd/portal -run TestManyAreForgotten -people 10000 -forgotten 1000 -timeout 60m
func TestManyAreForgotten(t *testing.T) {
	if testing.Short() {
		t.Skip("runs whole programs: left out by -short")
	}
	bin, data := programs(t), dataFolder(t)
	runProgram(t, bin, "portal", "demo", "-once", "-data", data)
	file := keepActivationFile(t, data)
	typeReasons(t, data, "K-0001")
	people := writePeople(t)
	runProgram(t, bin, "portal", "import", "-data", data, people)
	before := time.Now()
	certificates := forgetPeople(t, data)
	t.Logf("%d of %d people were erased in %s", len(certificates), *registeredPeople, time.Since(before).Round(time.Millisecond))
	if len(certificates) != *forgottenPeople+1 {
		t.Errorf("%d certificates", len(certificates))
	}
	gone := append(typed, goingHost, "zapomniany-", goingName+" z wszystkim", "7770005511", "Piekarnia Złoty", "biuro@zloty-klos.example")
	for i := 1; i < min(*forgottenPeople, 20); i += 2 {
		gone = append(gone, string(personNIP(i)))
	}
	if read := reasonsRead(t, data); strings.Trim(read, "|") != strings.Join(slices.Repeat([]string{domain.Erased}, len(typed)), "|") {
		t.Errorf("of what people typed about the payer is left: %s", read)
	}
	if found, err := traces(data, gone); err != nil || len(found) > 0 {
		t.Errorf("%v; the erased data still stand in %v", err, found)
	}
	if found, err := traces(data, []string{stayingHost}); err != nil || len(found) == 0 {
		t.Errorf("%v; the others' data are nowhere: this looks at the wrong place", err)
	}
	runProgram(t, bin, "audit", "verify", "-data", data)
	runProgram(t, bin, "audit", "schema", "-data", data)
	runProgram(t, bin, "portal", "rebuild", "-data", data)
	runProgram(t, bin, "accounts", "replay", "-compare", "-data", data)
	runProgram(t, bin, "audit", "verify-file", "-data", data, file)
}

// keepActivationFile gives an activation file as the customer has it.
func keepActivationFile(t *testing.T, data string) string {
	t.Helper()
	ctx := context.Background()
	base, err := foundation.Open(ctx, foundation.Options{Dir: data, Existing: true})
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	for record, err := range base.Log.History(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if issued, ok := record.Event.(domain.ActivationFileIssued); ok && issued.Client == domain.CustomerIDOf("K-0001") {
			path := filepath.Join(t.TempDir(), issued.Name)
			if err := os.WriteFile(path, issued.File, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
	}
	t.Fatal("the customer has no activation file")
	return ""
}

// personNIP is a sound tax number, one for each person.
func personNIP(i int) domain.NIP {
	for {
		for digit := range 10 {
			if nip, err := domain.ParseNIP(fmt.Sprintf("99%07d%d", i, digit)); err == nil {
				return nip
			}
		}
		i += 1_000_000 // no digit fits this one
	}
}

// goes tells whether the person with a number is erased, and withEverything whether that is for good.
func goes(i int) bool           { return i < *forgottenPeople }
func withEverything(i int) bool { return i%2 == 1 }

func writePeople(t *testing.T) string {
	t.Helper()
	var file importFile
	for i := range *registeredPeople {
		c := importCustomer{Code: fmt.Sprintf("O-%06d", i), Name: fmt.Sprintf("%s %d", stayingName, i), NIP: string(personNIP(i)), Language: "pl",
			Email: fmt.Sprintf("osoba-%d@%s", i, stayingHost), User: fmt.Sprintf("osoba-%d", i)}
		if goes(i) {
			c.Name, c.Email, c.User = fmt.Sprintf("%s %d", goingName, i), fmt.Sprintf("osoba-%d@%s", i, goingHost), fmt.Sprintf("zapomniany-%d", i)
			if withEverything(i) {
				c.Name = fmt.Sprintf("%s z wszystkim %d", goingName, i)
			}
		}
		file.Customers = append(file.Customers, c)
	}
	raw, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "people.json")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// forgetPeople agrees on everybody who goes, and erases them in one go.
func forgetPeople(t *testing.T, data string) []domain.PersonalDataErased {
	t.Helper()
	ctx := context.Background()
	base, err := foundation.Open(ctx, foundation.Options{Dir: data, Existing: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := base.Close(); err != nil {
			t.Error(err)
		}
	}()
	views, err := base.OpenSchema(ctx, foundation.ViewsSchema)
	if err != nil {
		t.Fatal(err)
	}
	defer views.Close()
	settle := func(ctx context.Context, at domain.Position) error { return settleAlone(ctx, base, at) }
	tables, err := projections.OpenTables(ctx, views)
	if err != nil {
		t.Fatal(err)
	}
	defer tables.Close()
	worker := &eraser{base: base, log: base.Log, tables: tables, list: forgottenIn(data), settle: settle, now: func() time.Time { return afterRetention },
		logger: slog.New(slog.DiscardHandler)}
	if err := worker.settleAll(ctx); err != nil {
		t.Fatal(err)
	}
	agree(t, base, tables, "K-0001", domain.LegalPurpose)
	for i := range *forgottenPeople {
		purpose := domain.ContactPurpose
		if withEverything(i) {
			purpose = domain.LegalPurpose
		}
		agree(t, base, tables, fmt.Sprintf("O-%06d", i), purpose)
	}
	certificates, err := worker.run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return certificates
}

// agree lets two operators want an erasure.
func agree(t *testing.T, base *foundation.Foundation, tables *projections.Tables, code string, purpose domain.Purpose) {
	t.Helper()
	ctx, customer := context.Background(), domain.CustomerIDOf(code)
	facts, err := handlers.ErasureFacts(ctx, base.Log, tables, customer, afterRetention)
	if err != nil {
		t.Fatal(err)
	}
	cause := func() domain.Cause {
		return domain.Cause{Command: uuid.NewString(), Actor: "user-test", At: afterRetention}
	}
	if _, err := domain.Execute(ctx, base.Log, cause(), domain.ProposeErasure{Customer: customer, Purpose: purpose, By: "user-anna", Facts: facts}); err != nil {
		t.Fatalf("%s: %v", code, err)
	}
	if _, err := domain.Execute(ctx, base.Log, cause(), domain.ConfirmErasure{Customer: customer, Purpose: purpose, By: "user-olga", Facts: facts}); err != nil {
		t.Fatalf("%s: %v", code, err)
	}
}
