package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"netrom.pl/portal/handlers"
)

// clicksMax is how many clicks an auditor may need from an order's number to the proof.
const clicksMax = 4

// TestEvidenceIsFewClicksAway follows an auditor from an order's number to the proof that its activation file was released by a payment, and
// holds the bundle that the page offers against the one that the command makes.
func TestEvidenceIsFewClicksAway(t *testing.T) {
	s := openStage(t)
	c := s.company(t, "Dowód Po Wpłacie", nil)
	buyer := s.window(t)
	buyer.logIn(c.User)
	order := buyer.buyNew("Magazyn")
	s.pay(t, order, 0)
	buyer.waits("zrealizowane")
	number := s.load(t, order).Number.String()

	hire(t, s.portal, "audytorka", handlers.AuditorRole)
	v := s.window(t)
	v.logIn("audytorka")
	v.showCode(s.portal, "audytorka")
	v.open("/log")
	clicks := 0
	v.fill("of", number)
	v.press("Pokaż przebieg")
	clicks++
	v.sees("Pobierz pakiet dowodowy")
	await(t, "a checkpoint that covers the file", func() bool { return v.fetched(`//a[contains(@href, "/proof")]`, 1) != nil })
	proofs := [][]byte{v.fetched(`//a[contains(@href, "/proof")]`, 0), v.fetched(`//a[contains(@href, "/proof")]`, 1)} // of payment and file
	clicks += len(proofs)
	for _, proof := range proofs {
		if !bytes.HasPrefix(proof, []byte("c2sp.org/tlog-proof@v1\n")) {
			t.Errorf("a proof is %.60q", proof)
		}
	}
	if clicks > clicksMax {
		t.Errorf("it takes %d clicks, want %d at most", clicks, clicksMax)
	}
	bundle := v.fetched(`//a[contains(., "Pobierz pakiet dowodowy")]`, 0)
	if same := s.bundleByCommand(t, number, bundle); !bytes.Equal(bundle, same) {
		t.Errorf("the page's bundle has %d bytes, the command's %d, and they differ", len(bundle), len(same))
	}
}

// fetched is what a link of the open page leads to, by its place among those that an XPath finds; nil when the portal refuses.
func (v *visitor) fetched(links string, at int) []byte {
	v.t.Helper()
	text, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](fmt.Sprintf(`(async () => {
		const link = document.evaluate(%q, document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE).snapshotItem(%d);
		const answer = await fetch(link.href);
		return answer.ok ? btoa(Array.from(new Uint8Array(await answer.arrayBuffer()), (b) => String.fromCharCode(b)).join("")) : ""; })()`, links, at), chromedp.EvalAwaitPromise))
	if err != nil {
		v.t.Fatalf("fetch %s: %v", links, err)
	}
	content, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		v.t.Fatal(err)
	}
	if len(content) == 0 {
		return nil
	}
	return content
}

// bundleByCommand is what the command makes of an order's number at the checkpoint of another bundle.
func (s *stage) bundleByCommand(t *testing.T, number string, other []byte) []byte {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(other), int64(len(other)))
	if err != nil {
		t.Fatal(err)
	}
	file, err := archive.Open("checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	note, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	checkpoint, out := filepath.Join(dir, "checkpoint"), filepath.Join(dir, "order.zip")
	if err := os.WriteFile(checkpoint, note, 0o600); err != nil {
		t.Fatal(err)
	}
	said := runProgram(t, programs(t), "audit", "bundle", "-data", s.portal.base.Dir, "-order", number, "-checkpoint", checkpoint, "-out", out)
	if !strings.Contains(string(said), "proven against the checkpoint") {
		t.Errorf("the command says %s", said)
	}
	made, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return made
}
