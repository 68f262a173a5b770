package bank

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	mutantsGolden  = "testdata/mutants.golden"
	mutantsOfAFile = 150
)

// What every MT940 file of testdata reads as, and what is said of it once it is damaged, never changes by accident: the keys of transfers hang on it.
// After a wanted change remove the golden file and run the test with -update.
func TestDamagedFilesAreReadAsEver(t *testing.T) {
	var got strings.Builder
	for _, file := range append(statementFiles(t, "testdata"), statementFiles(t, "testdata/malformed")...) {
		if filepath.Ext(file) != ".sta" {
			continue
		}
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(11, uint64(len(whole))))
		digest, refused := sha256.New(), 0
		for i := range mutantsOfAFile {
			raw := whole
			if i > 0 {
				raw = mutant(random, whole)
			}
			statements, err := Parse(bytes.NewReader(raw))
			if err != nil {
				refused++
			}
			if err := json.NewEncoder(digest).Encode([]any{statements, fmt.Sprint(err)}); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Fprintf(&got, "%s: %d files, %d refused, sha256 %x\n", filepath.ToSlash(file), mutantsOfAFile, refused, digest.Sum(nil))
	}
	want, err := os.ReadFile(mutantsGolden)
	if errors.Is(err, fs.ErrNotExist) && *update {
		want, err = []byte(got.String()), os.WriteFile(mutantsGolden, []byte(got.String()), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(got.String()) {
		if !strings.Contains(string(want), line) {
			t.Errorf("%s has another line than %s", mutantsGolden, line)
		}
	}
	if got.Len() != len(want) {
		t.Errorf("%s has %d bytes, want %d", mutantsGolden, len(want), got.Len())
	}
}

// mutant damages a file in one to three places: bytes, lines and line ends.
func mutant(random *rand.Rand, whole []byte) []byte {
	raw := bytes.Clone(whole)
	for range 1 + random.IntN(3) {
		if len(raw) == 0 {
			break
		}
		at := random.IntN(len(raw))
		lines := bytes.SplitAfter(raw, []byte("\n"))
		line := random.IntN(len(lines))
		switch random.IntN(9) {
		case 0:
			raw[at] = byte(random.IntN(256))
		case 1: // of what such files are made
			const letters = "0123456789,:;~<^?+/-CDRN \t\r\n\x00\x01\x1a\x80\xb9\xff"
			raw[at] = letters[random.IntN(len(letters))]
		case 2:
			raw = append(raw[:at:at], raw[at+1:]...)
		case 3:
			raw = append(raw[:at:at], append([]byte(strings.Repeat(" ", 1+random.IntN(30))), raw[at:]...)...)
		case 4:
			raw = raw[:at]
		case 5:
			lines[line] = nil
			raw = bytes.Join(lines, nil)
		case 6:
			lines[line] = append(bytes.Clone(lines[line]), lines[random.IntN(len(lines))]...)
			raw = bytes.Join(lines, nil)
		case 7:
			raw = bytes.ReplaceAll(raw, []byte("\n"), []byte([]string{"\r\n", "\r", "\n\n", "\n \n", "\r\r\n"}[random.IntN(5)]))
		case 8:
			raw = bytes.Replace(raw, []byte("O"), []byte("Ó"), 1+random.IntN(3))
		}
	}
	return raw
}
