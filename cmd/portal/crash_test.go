package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

var crashes = flag.Int("crashes", 3, "how often TestKilledAtAnyMoment kills the portal")

// dataFolder is a folder that the database server's user can enter.
func dataFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "portal-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "data")
}

// TestKilledAtAnyMoment kills the portal without warning while it plays the main job, again and again, and then lets it
// play to the end: every submission has become one order, no activation file is older than its money, and the read
// models equal a rebuild. go test ./cmd/portal -run TestKilledAtAnyMoment -crashes 500 is the long form.
func TestKilledAtAnyMoment(t *testing.T) {
	if testing.Short() {
		t.Skip("kills whole programs: left out by -short")
	}
	bin, data := programs(t), dataFolder(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	runProgram(t, bin, "portal", "demo", "-once", "-data", data)
	for range *crashes {
		killSomewhere(t, bin, data, random.IntN(20), time.Duration(random.Int64N(int64(300*time.Millisecond))))
	}
	runProgram(t, bin, "portal", "demo", "-once", "-data", data)
	checkLog(t, runProgram(t, bin, "audit", "log", "-json", "-data", data))
	runProgram(t, bin, "accounts", "replay", "-compare", "-data", data)
	runProgram(t, bin, "portal", "rebuild", "-data", data)
}

func runProgram(t *testing.T, bin, program string, args ...string) []byte {
	t.Helper()
	command := exec.Command(filepath.Join(bin, program), args...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s\n%s", program, args, err, stdout.String(), stderr.String())
	}
	return stdout.Bytes()
}

// killSomewhere plays until so many lines were printed and a moment more, and kills; by lines, so that a slow machine is
// killed in the middle of things too.
func killSomewhere(t *testing.T, bin, data string, lines int, more time.Duration) {
	t.Helper()
	command := exec.Command(filepath.Join(bin, "portal"), "demo", "-once", "-data", data)
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	printed := bufio.NewScanner(stdout)
	for range lines {
		printed.Scan()
	}
	time.Sleep(more)
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // "signal: killed"
	t.Logf("killed %s after line %d", more, lines)
}

// checkLog reads the log as an auditor would and holds it against what was promised.
func checkLog(t *testing.T, log []byte) {
	t.Helper()
	submitted, placed := map[domain.OrderID]bool{}, map[domain.OrderID]domain.OrderSubmitted{}
	numbers, paid := map[domain.OrderNumber]domain.OrderID{}, map[domain.OrderID]domain.Money{}
	issued := map[domain.LicenceID]map[domain.OrderID]int{}
	lines := bufio.NewScanner(bytes.NewReader(log))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var line struct {
			Type  string
			Event json.RawMessage
		}
		decode(t, lines.Bytes(), &line)
		switch line.Type {
		case "CartSubmitted":
			e := decode(t, line.Event, &domain.CartSubmitted{})
			if submitted[e.Order] {
				t.Errorf("order %s was submitted twice", e.Order)
			}
			submitted[e.Order] = true
		case "CartReturned":
			delete(submitted, decode(t, line.Event, &domain.CartReturned{}).Order)
		case "OrderSubmitted":
			e := decode(t, line.Event, &domain.OrderSubmitted{})
			if other, taken := numbers[e.Number]; taken {
				t.Errorf("number %s belongs to %s and %s", e.Number, other, e.Order)
			}
			placed[e.Order], numbers[e.Number] = *e, e.Order
		case "PaymentReceived":
			e := decode(t, line.Event, &domain.PaymentReceived{})
			paid[e.Order] += e.Amount
		case "ActivationFileIssued":
			e := decode(t, line.Event, &domain.ActivationFileIssued{})
			if order, known := placed[e.Order]; !known || paid[e.Order] < order.Total.Gross {
				t.Errorf("licence %s got a file before the money of order %s", e.Licence, e.Order)
			}
			if issued[e.Licence] == nil {
				issued[e.Licence] = map[domain.OrderID]int{}
			}
			if issued[e.Licence][e.Order]++; issued[e.Licence][e.Order] > 1 {
				t.Errorf("licence %s got two files from order %s", e.Licence, e.Order)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	for order := range submitted {
		if _, ok := placed[order]; !ok {
			t.Errorf("submission %s never became an order", order)
		}
	}
	if len(placed) != len(submitted) || len(placed) < 4 {
		t.Errorf("%d submissions, %d orders", len(submitted), len(placed))
	}
}

func decode[T any](t *testing.T, raw []byte, into *T) *T {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("decode %.200s: %v", raw, err)
	}
	return into
}
