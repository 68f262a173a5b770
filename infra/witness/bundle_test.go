package witness

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
)

var update = flag.Bool("update", false, "write the golden bundle anew, when there is none")

// bundled makes a bundle of every third event of a log; the second of them speaks of a file.
func bundled(t testing.TB, opened bool) (*Bundle, Keys) {
	t.Helper()
	log := history(7, 400)
	file := []byte("an activation file")
	log[3].Data = fmt.Appendf(nil, `{"name":"file.txt","digest":"%x","note":"<script>alert(1)</script>"}`, sha256.Sum256(file))
	log[6].Type, log[6].Data = "LetterSent", []byte(`{"order":"1","kind":"confirmation","letter":{"message_id":"a@netrom.pl","digest":"d1","files":["d2"]}}`)
	log[9].Type, log[9].Stream = paymentType, "order-1"
	log[12].Type, log[12].Stream = issueType, "order-1"
	log[12].Data = fmt.Appendf(nil, `{"order":"1","line":2,"name":"released.txt","digest":"d3","payment":%q}`, uuid.UUID(log[9].ID))
	log[15].Type, log[15].Data = "BalanceLetterSent", []byte(`{"order":"1","payments":1}`)
	log[18].Type, log[18].Stream, log[18].Data = issueType, "order-1", log[12].Data[:len(log[12].Data)-1] // no JSON: nothing can be said
	dir := t.TempDir()
	c := witnessed(t, dir, "", log)
	keys := keysIn(t, dir)
	b := &Bundle{Question: Question{Order: "2026/000001"}, Checkpoint: c, Files: []File{{"file.txt", file}}}
	for i := 0; i < len(log); i += 3 {
		if err := b.Add(OpenFolder(dir), keys, int64(i), log[i]); err != nil {
			t.Fatal(err)
		}
		if opened {
			b.Opened = append(b.Opened, fmt.Appendf(nil, `{"event":%d}`, i))
		}
	}
	return b, keys
}

func written(t testing.TB, b *Bundle) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readBundle(content []byte, keys Keys) (*Bundle, error) {
	return ReadBundle(bytes.NewReader(content), int64(len(content)), keys)
}

func TestBundleIsTheSameAgain(t *testing.T) {
	for _, opened := range []bool{false, true} {
		b, keys := bundled(t, opened)
		first := written(t, b)
		if !bytes.Equal(first, written(t, b)) {
			t.Error("written twice, it differs")
		}
		read, err := readBundle(first, keys)
		if err != nil {
			t.Fatal(err)
		}
		if again := written(t, read); !bytes.Equal(first, again) {
			t.Error("read and written again, it differs")
		}
		if len(read.Proofs) != 134 || len(read.Files) != 1 || read.Question != b.Question || (read.Opened != nil) != opened {
			t.Errorf("read %d events, %d files, about %v, opened %t", len(read.Proofs), len(read.Files), read.Question, read.Opened != nil)
		}
	}
}

// rezipped writes the files of a bundle again after a change to their list.
func rezipped(t *testing.T, content []byte, method uint16, change func([]part) []part) []byte {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	var parts []part
	for _, file := range archive.File {
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part{file.Name, content})
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, p := range change(parts) {
		file, err := w.CreateHeader(&zip.FileHeader{Name: p.name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write(p.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestChangedBundlesAreRefused(t *testing.T) {
	b, keys := bundled(t, true)
	good := written(t, b)
	_, others := bundled(t, true)
	edit := func(name, old, new string) func([]part) []part {
		return func(parts []part) []part {
			for i, p := range parts {
				if strings.HasPrefix(p.name, name) && bytes.Contains(p.content, []byte(old)) {
					parts[i].content = bytes.Replace(p.content, []byte(old), []byte(new), 1)
					return parts
				}
			}
			t.Fatalf("no %s has %q", name, old)
			return nil
		}
	}
	at := func(name string) func([]part) int {
		return func(parts []part) int {
			for i, p := range parts {
				if strings.HasPrefix(p.name, name) {
					return i
				}
			}
			t.Fatalf("there is no %s", name)
			return 0
		}
	}
	remove := func(name string) func([]part) []part {
		return func(parts []part) []part { i := at(name)(parts); return append(parts[:i:i], parts[i+1:]...) }
	}
	add := func(p part) func([]part) []part { return func(parts []part) []part { return append(parts, p) } }
	for _, row := range []struct {
		name   string
		change func([]part) []part
		want   string
	}{
		{"page", edit(bundlePage, "PaymentReceived", "PaymentInvented"), `"index.html" is not what follows`},
		{"read me", edit(bundleReadme, "audit", "auditt"), `"README.txt" is not what follows`},
		{"question", edit(bundleHead, "2026/000001", "2026/000002"), `is not what follows`},
		{"format", edit(bundleHead, "bundle@v2", "bundle@v3"), "does not begin with the format"},
		{"root", edit(bundleCheckpoint, b.Checkpoint.Root.String()[:8], "AAAAAAAA"), `"checkpoint": `},
		{"leaf", edit(bundleEvents, "extra A", "extra B"), `"events/`},
		{"opened", edit(bundleOpened, `{"event":0}`, `{"event":9}`), `"index.html" is not what follows`},
		{"opened, one missing", edit(bundleOpened, "{\"event\":0}\n", ""), "133 lines for 134 events"},
		{"file", edit(bundleFiles, "activation", "activatiOn"), "files/file.txt: none of the events holds the digest"},
		{"event removed", remove(bundleEvents), "134 lines for 133 events"},
		{"file removed", remove(bundleFiles), `is not what follows`},
		{"page removed", remove(bundlePage), `does not belong here`},
		{"last removed", func(parts []part) []part { return parts[:len(parts)-1] }, `is not what follows`},
		{"swapped", func(parts []part) []part {
			i := at(bundleEvents)(parts)
			parts[i], parts[i+1] = parts[i+1], parts[i]
			return parts
		}, "not in the order of the log"},
		{"twice", func(parts []part) []part { return append(parts, parts[at(bundleEvents)(parts)]) }, "not in the order of the log"},
		{"checkpoint last", func(parts []part) []part {
			i := at(bundleCheckpoint)(parts)
			c := parts[i]
			return append(append(parts[:i:i], parts[i+1:]...), c)
		}, "another checkpoint"},
		{"unlisted", add(part{"malware.exe", []byte("x")}), `"malware.exe" does not belong here`},
		{"path", add(part{bundleFiles + "../../etc/passwd", []byte("x")}), "is no name of a file"},
		{"same name twice", func(parts []part) []part { return append(parts, parts[at(bundleFiles)(parts)]) }, "or there are two of it"},
		{"nothing in it", func([]part) []part { return nil }, "it holds no event"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := readBundle(rezipped(t, good, zip.Store, row.change), keys)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
	if _, err := readBundle(good, others); err == nil || !strings.Contains(err.Error(), "signed with no key on the list") {
		t.Errorf("with the keys of another log: %v", err)
	}
	if _, err := readBundle(rezipped(t, good, zip.Deflate, func(p []part) []part { return p }), keys); err == nil || !strings.Contains(err.Error(), "it is compressed") {
		t.Errorf("compressed: %v", err)
	}
	if _, err := readBundle(good[:len(good)/2], keys); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("cut: %v", err)
	}
}

// TestEveryByteOfABundleMatters flips single bytes of what is stored: contents are refused, or nothing has changed. What a ZIP says beside
// the contents (times, attributes) is not looked at.
func TestEveryByteOfABundleMatters(t *testing.T) {
	b, keys := bundled(t, false)
	good := written(t, b)
	for at := 0; at < len(good); at += 997 {
		changed := bytes.Clone(good)
		changed[at] ^= 0x20
		read, err := readBundle(changed, keys)
		if err == nil && !bytes.Equal(written(t, read), good) {
			t.Errorf("byte %d: another bundle was taken for genuine", at)
		}
	}
}

func TestBundlePageHidesNothingAndRunsNothing(t *testing.T) {
	b, _ := bundled(t, false)
	page, err := b.page()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(page, []byte("<script")) || !bytes.Contains(page, []byte("&lt;script&gt;alert(1)")) {
		t.Error("what an event says is not escaped")
	}
	for _, p := range b.Proofs {
		if id := fmt.Sprintf(`id="p%d"`, p.Entry.Position); bytes.Count(page, []byte(id)) != 1 {
			t.Errorf("the page has not one %s", id)
		}
	}
}

// TestBundleTellsReleasesAndLetters holds what follows from the proven events.
func TestBundleTellsReleasesAndLetters(t *testing.T) {
	b, _ := bundled(t, false)
	if releases := b.Releases(); len(releases) != 1 || releases[0].File.Line != 2 || releases[0].File.Name != "released.txt" || releases[0].Payment.Index != 9 || releases[0].Issue.Index != 12 {
		t.Errorf("released: %+v", releases)
	}
	letters := b.Letters()
	if len(letters) != 2 || letters[0].Kind != "confirmation" || letters[0].Sent.MessageID != "a@netrom.pl" || letters[0].Sent.Digest != "d1" || letters[0].Sent.Files[0] != "d2" ||
		letters[1].Kind != "balance" || letters[1].Sent != nil {
		t.Errorf("letters: %+v", letters)
	}
	page, err := b.page()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"released.txt", "&lt;a@netrom.pl&gt;", "d1", "d2", "d3"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

// TestOldBundlesStayGood reads bundles that earlier builds have written. What a format says never changes: another page is another format.
func TestOldBundlesStayGood(t *testing.T) {
	for _, format := range []string{"v1", "v2"} {
		t.Run(format, func(t *testing.T) {
			name := filepath.Join("testdata", "bundle-"+format+".zip")
			list := filepath.Join("testdata", "bundle-"+format+".keys")
			if _, err := os.Stat(name); *update && os.IsNotExist(err) {
				writeGolden(t, name, list)
			}
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			keys, err := LoadKeys(list)
			if err != nil {
				t.Fatal(err)
			}
			b, err := readBundle(content, keys)
			if err != nil {
				t.Fatal(err)
			}
			if b.format != "netrom.pl/portal/bundle@"+format {
				t.Errorf("it is read as %s", b.format)
			}
			if !bytes.Equal(written(t, b), content) {
				t.Error("written again, it differs")
			}
		})
	}
}

// writeGolden writes the golden bundle of the newest format.
func writeGolden(t *testing.T, name, list string) {
	t.Helper()
	b, keys := bundled(t, true)
	b.Proofs, b.proofs, b.Opened = b.Proofs[:7], b.proofs[:7], b.Opened[:7]
	if err := os.WriteFile(name, written(t, b), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, keys.Text(), 0o644); err != nil {
		t.Fatal(err)
	}
}
