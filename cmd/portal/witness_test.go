package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/witness"
)

// TestTroubleOfTheWitnessIsSeen follows a log that is not what was signed to where staff and machines see it: on the pages, in the
// metrics, and by there being no newer checkpoint.
func TestTroubleOfTheWitnessIsSeen(t *testing.T) {
	t.Setenv("EVENTSTORE_URL", "")
	t.Setenv("DATABASE_URL", "")
	t.Setenv("SMTP_URL", "")
	data, copies := dataFolder(t), filepath.Join(t.TempDir(), "copies")
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.MkdirAll(data, 0o711))
	check(os.WriteFile(filepath.Join(data, vendorFile), []byte(vendorExample), 0o600))
	start := func(t *testing.T) *portal { return startPortalAs(t, settings{data: data, checkpoints: copies}) }
	other := filepath.Join(t.TempDir(), "other")
	var auditor, operator *http.Client // their sessions outlive a restart

	t.Run("a portal signs", func(t *testing.T) {
		p := start(t)
		hire(t, p, auditorUser, handlers.AuditorRole)
		hire(t, p, operatorUser, handlers.OperatorRole)
		catalogue, err := openImportFile(filepath.Join("..", "..", "demo", "catalogue.json"))
		check(err)
		check(newImporter(p.base).load(t.Context(), catalogue))
		awaitText(t, http.DefaultClient, p.vendor.URL+"/metrics", "portal_checkpoint_trouble 0\n")
		awaitFile(t, filepath.Join(copies, witness.CheckpointFile))
		auditor, operator = comeIn(t, p, auditorUser), comeIn(t, p, operatorUser)
		for path, client := range map[string]*http.Client{"/log": auditor, "/tasks": operator} {
			if text := textOf(t, client, p.vendor.URL+path); strings.Contains(text, "NIE SĄ JUŻ PODPISYWANE") {
				t.Errorf("there is trouble on %s", path)
			}
		}
	})
	for _, folder := range []string{"log", foundation.WitnessFolder} {
		check(os.CopyFS(filepath.Join(other, folder), os.DirFS(filepath.Join(data, folder))))
	}

	t.Run("the log is cut off while the portal is stopped", func(t *testing.T) {
		tamper(check, filepath.Join(data, "log"), "cut")
		seeTrouble(t, start(t), auditor, operator, data, copies, func() {})
	})

	t.Run("another history is signed while the portal runs", func(t *testing.T) {
		check(os.RemoveAll(filepath.Join(data, "log")))
		check(os.CopyFS(filepath.Join(data, "log"), os.DirFS(filepath.Join(other, "log"))))
		tamper(check, filepath.Join(other, "log"), "edit")
		foreign := signedElsewhere(t, other)
		p := start(t)
		awaitText(t, http.DefaultClient, p.vendor.URL+"/metrics", "portal_checkpoint_trouble 0\n")
		seeTrouble(t, p, auditor, operator, data, copies, func() {
			put := filepath.Join(copies, "put")
			check(os.WriteFile(put, foreign, 0o644))
			check(os.Rename(put, filepath.Join(copies, witness.CheckpointFile)))
		})
	})
}

// signedElsewhere is a checkpoint of the log of a folder, signed anew with the folder's key.
func signedElsewhere(t *testing.T, dir string) []byte {
	t.Helper()
	folder := filepath.Join(dir, foundation.WitnessFolder)
	for _, name := range []string{witness.TilesFolder, witness.CheckpointFile} {
		if err := os.RemoveAll(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(folder, witness.KeyFile), 0o600); err != nil { // copies are readable by all
		t.Fatal(err)
	}
	logger := foundation.Logger(io.Discard, slog.LevelInfo)
	base, err := foundation.Open(t.Context(), foundation.Options{Dir: dir, LogOnly: true, Existing: true, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	w, err := witness.Open(witness.Options{Dir: folder, Log: base.Stored(), Now: time.Now, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	note, err := os.ReadFile(filepath.Join(folder, witness.CheckpointFile))
	if err != nil {
		t.Fatal(err)
	}
	return note
}

// seeTrouble wants the portal to refuse to sign after something happened, to say so, and to go on with everything else.
func seeTrouble(t *testing.T, p *portal, auditor, operator *http.Client, data, copies string, happens func()) {
	t.Helper()
	files := []string{filepath.Join(data, foundation.WitnessFolder, witness.CheckpointFile), filepath.Join(copies, witness.CheckpointFile)}
	happens()
	var before [][]byte
	for _, file := range files {
		before = append(before, awaitFile(t, file))
	}
	awaitText(t, http.DefaultClient, p.vendor.URL+"/metrics", "portal_checkpoint_ended 1\n", "portal_checkpoint_trouble 1\n")
	awaitText(t, auditor, p.vendor.URL+"/log", "PUNKTY KONTROLNE DZIENNIKA NIE SĄ JUŻ PODPISYWANE", "the log contradicts a checkpoint that was signed")
	awaitText(t, auditor, p.vendor.URL+"/tasks", "PUNKTY KONTROLNE DZIENNIKA NIE SĄ JUŻ PODPISYWANE")
	awaitText(t, operator, p.vendor.URL+"/tasks", "PUNKTY KONTROLNE DZIENNIKA NIE SĄ JUŻ PODPISYWANE", "the log contradicts a checkpoint that was signed")
	awaitText(t, http.DefaultClient, p.vendor.URL+"/health/ready", "ready")
	awaitText(t, operator, p.vendor.URL+"/catalogue", "Magazyn")
	for i, file := range files {
		if now := awaitFile(t, file); !bytes.Equal(now, before[i]) {
			t.Errorf("%s was signed again:\n%s", file, now)
		}
	}
}

// awaitText asks for a page until it says all of the texts.
func awaitText(t *testing.T, client *http.Client, address string, wanted ...string) {
	t.Helper()
	var text string
	for deadline := time.Now().Add(scriptPatience); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		text = textOf(t, client, address)
		missing := false
		for _, one := range wanted {
			missing = missing || !strings.Contains(text, one)
		}
		if !missing {
			return
		}
	}
	t.Fatalf("%s does not say %q:\n%s", address, wanted, text)
}

func textOf(t *testing.T, client *http.Client, address string) string {
	t.Helper()
	answer, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// awaitFile reads a file as soon as it is there.
func awaitFile(t *testing.T, path string) []byte {
	t.Helper()
	for deadline := time.Now().Add(scriptPatience); ; time.Sleep(200 * time.Millisecond) {
		content, err := os.ReadFile(path)
		if err == nil && len(content) > 0 {
			return content
		}
		if time.Now().After(deadline) {
			t.Fatalf("wait for %s: %v", path, err)
		}
	}
}
