package activation

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the test vectors in testdata anew")

// testKey makes the same key on every run from one repeated byte.
func testKey(seed byte) Key {
	key, err := GenerateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		panic(err)
	}
	return key
}

var (
	activeKey, retiredKey, revokedKey, scopedKey, strangerKey = testKey(1), testKey(2), testKey(3), testKey(4), testKey(5)
	testKeys                                                  = func() Keys {
		keys := Keys{activeKey.Public(), retiredKey.Public(), revokedKey.Public(), scopedKey.Public()}
		keys[1].State, keys[2].State, keys[3].Products = Retired, Revoked, []string{"magazyn"}
		return keys
	}()
	testFacts = Facts{
		Version: Version, Kind: Kind,
		FileID: "3a0cf4a8-3a0e-5f6b-9a1e-2b7a0b7f1c11", LicenceID: "c1d1f0b2-64a5-5f0e-8c8c-6f3c2f6f5a10",
		Revision: 2, Supersedes: "0d2c8c1e-5f64-5f0a-9f5c-3b1f6f1c7a01",
		Product: "kadry", ProductName: "Kadry i Płace", VersionMax: "5.2", Edition: MultiStation, Stations: 5, Serial: "K7QX-2MPA-VB4T",
		Holder:   Holder{Name: "Przykładowa Spółka z o.o.", NIP: "1234563218"},
		IssuedAt: time.Date(2026, 11, 21, 10, 30, 0, 0, time.UTC), NotBefore: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
		Order: "2026/000123", Payment: "7f0f4c52-8f8f-5e43-a3b5-0e8f5d0c9b77", Distributor: "b3b0c8d6-2f1a-5f0e-9d55-5b1f0a6c7e42",
	}
)

func mustSign(t testing.TB, key Key, facts Facts) []byte {
	t.Helper()
	file, err := Sign(key, facts)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// block makes a file out of any content of the envelope.
func block(t *testing.T, kind, payload string, keys ...Key) []byte {
	t.Helper()
	content, err := seal(kind, []byte(payload), keys...)
	if err != nil {
		t.Fatal(err)
	}
	return armour(content)
}

// vectors are the files that every reader of the format should be tried with, and what must come of them; nil means testFacts.
func vectors(t *testing.T) []struct {
	name string
	file []byte
	want error
} {
	good := mustSign(t, activeKey, testFacts)
	start := bytes.Index(good, []byte(beginMarker))
	lines := strings.SplitAfter(string(good[start:]), "\n")
	replace := func(from, to string) []byte {
		changed := bytes.Replace(good, []byte(from), []byte(to), 1)
		if bytes.Equal(changed, good) {
			t.Fatalf("%q is not in the file", from)
		}
		return changed
	}
	payload, err := json.Marshal(testFacts)
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.Replace(string(payload), `"stations":5`, `"stations":9`, 1)
	content, err := dearmour(good)
	if err != nil {
		t.Fatal(err)
	}
	var opened envelope
	if err := json.Unmarshal(content, &opened); err != nil {
		t.Fatal(err)
	}
	opened.Payload = []byte(forged)
	altered, err := json.Marshal(opened)
	if err != nil {
		t.Fatal(err)
	}
	refolded := strings.ReplaceAll(strings.Join(lines[1:len(lines)-2], ""), "\n", "")
	for i := 40; i < len(refolded); i += 41 {
		refolded = refolded[:i] + "\n" + refolded[i:]
	}
	oldKind := strings.Replace(string(payload), `"kind":"activation"`, `"kind":"trial"`, 1)
	newer := strings.Replace(string(payload), `"v":1`, `"v":2`, 1)
	return []struct {
		name string
		file []byte
		want error
	}{
		{"good", good, nil},
		{"block-alone", good[start:], nil},
		{"crlf", bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")), nil},
		{"cr", bytes.ReplaceAll(good, []byte("\n"), []byte("\r")), nil},
		{"byte-order-mark", append([]byte("\ufeff"), good[start:]...), nil},
		{"quoted", append([]byte("Kowalski napisał:\n> "), bytes.ReplaceAll(good, []byte("\n"), []byte("\n> "))...), nil},
		{"quoted-twice", append([]byte(">> "), bytes.ReplaceAll(good, []byte("\n"), []byte(" \n>> "))...), nil},
		{"text-around", append(append([]byte("Dzień dobry,\n\n"), good...), "\n-- \nPozdrawiam\n"...), nil},
		{"refolded", []byte(beginMarker + "\n" + refolded + "\n" + endMarker), nil},
		{"lost-padding", bytes.ReplaceAll(good, []byte("=\n"), []byte("\n")), nil},
		{"retired-key", mustSign(t, retiredKey, testFacts), nil},
		{"two-keys", block(t, payloadType, string(payload), strangerKey, activeKey), nil},
		{"human-lines-changed", replace("(5)", "(99)"), nil},
		{"later-field", block(t, payloadType, strings.Replace(string(payload), `{`, `{"log":{"size":1},`, 1), activeKey), nil},

		{"empty", nil, NoBlock},
		{"human-lines-only", good[:start], NoBlock},
		{"marker-damaged", replace("BEGIN NETROM", "BEGIN NETR0M"), NoBlock},
		{"end-lost", []byte(strings.Join(lines[:len(lines)-2], "")), Truncated},
		{"middle-of-line-lost", replace(lines[len(lines)-3], lines[len(lines)-3][:len(lines[len(lines)-3])/4*4-3]+"\n"), Truncated},
		{"line-lost", replace(lines[3], ""), WrongSignature},
		{"stray-exclamation-mark", replace(lines[2], lines[2][:30]+"!"+lines[2][30:]), BadBase64},
		{"padding-inside", replace(lines[2], lines[2][:30]+"="+lines[2][31:]), BadBase64},
		{"flipped-bit", armour(altered), WrongSignature},
		{"trailing-data", armour(append(bytes.Clone(content), "{}"...)), TrailingData},
		{"two-files", append(bytes.Clone(good), good...), TrailingData},
		{"begin-twice", replace(beginMarker, beginMarker+"\n"+beginMarker), TrailingData},
		{"respelled", armour(bytes.Replace(content, []byte(`{"payloadType"`), []byte(`{ "payloadType"`), 1)), Malformed},
		{"other-letter-case", armour(bytes.Replace(content, []byte(`"payloadType"`), []byte(`"PayloadType"`), 1)), Malformed},
		{"unsigned", block(t, payloadType, string(payload)), Malformed},
		{"five-signatures", block(t, payloadType, string(payload), activeKey, activeKey, activeKey, activeKey, activeKey), Malformed},
		{"signed-but-incomplete", block(t, payloadType, `{"v":1,"kind":"activation"}`, activeKey), Malformed},
		{"signed-but-not-json", block(t, payloadType, string(payload)+"x", activeKey), Malformed},
		{"wrong-kind", block(t, "application/vnd.netrom.checkpoint+json;v=1", string(payload), activeKey), WrongKind},
		{"wrong-kind-inside", block(t, payloadType, oldKind, activeKey), WrongKind},
		{"newer-version", block(t, payloadType, newer, activeKey), WrongKind},
		{"unknown-key", mustSign(t, strangerKey, testFacts), UnknownKey},
		{"revoked-key", mustSign(t, revokedKey, testFacts), RevokedKey},
		{"outside-scope", mustSign(t, scopedKey, testFacts), OutsideScope},
		{"too-large", bytes.Repeat([]byte("x"), FileSizeMax+1), TooLarge},
	}
}

func TestVectors(t *testing.T) {
	const folder = "testdata"
	keyList, err := testKeys.Text()
	if err != nil {
		t.Fatal(err)
	}
	keep(t, filepath.Join(folder, "keys.json"), keyList)
	keys, err := LoadKeys(filepath.Join(folder, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, vector := range vectors(t) {
		t.Run(vector.name, func(t *testing.T) {
			file := vector.file
			if len(file) < FileSizeMax {
				file = keep(t, filepath.Join(folder, vector.name+".lic.txt"), vector.file)
			}
			facts, err := Verify(file, keys)
			if !errors.Is(err, vector.want) || (err == nil) != (vector.want == nil) {
				t.Fatalf("verify: %v; want %v", err, vector.want)
			}
			if err == nil && facts != testFacts {
				t.Errorf("facts: %+v; want %+v", facts, testFacts)
			}
			if err != nil && facts != (Facts{}) {
				t.Errorf("refused, but tells %+v", facts)
			}
		})
	}
}

// keep compares content with a file of the test vectors, byte for byte, and answers what the file holds.
func keep(t *testing.T, path string, content []byte) []byte {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, content) {
		t.Fatalf("%s differs from what is made today: files that customers hold would differ too", path)
	}
	return kept
}

func TestSignsTheSameBytes(t *testing.T) {
	elsewhere := testFacts
	elsewhere.IssuedAt = testFacts.IssuedAt.In(time.FixedZone("", 3600)).Add(999 * time.Millisecond)
	elsewhere.Version, elsewhere.Kind = 0, ""
	first := mustSign(t, activeKey, testFacts)
	if second := mustSign(t, activeKey, elsewhere); !bytes.Equal(first, second) {
		t.Errorf("the same facts give\n%s\nand\n%s", first, second)
	}
	if got := Digest(first); got != Digest(bytes.Clone(first)) || len(got) != 64 {
		t.Errorf("digest %q", got)
	}
	if len(first) > 2048 {
		t.Errorf("the file has %d bytes; it should stay small", len(first))
	}
	for line := range strings.Lines(string(first[bytes.Index(first, []byte(beginMarker)):])) {
		if len(line) > columns+1 {
			t.Errorf("line of %d columns: %s", len(line)-1, line)
		}
	}
}

func TestRefusesToSign(t *testing.T) {
	for want, spoil := range map[string]func(*Facts){
		"file_id":     func(f *Facts) { f.FileID = "" },
		"holder name": func(f *Facts) { f.Holder.Name = "A\n" + beginMarker },
		"product":     func(f *Facts) { f.Product = strings.Repeat("x", FactSizeMax+1) },
		"serial":      func(f *Facts) { f.Serial = "\xff" },
		"order":       func(f *Facts) { f.Order = "1\u2028" },
		"edition":     func(f *Facts) { f.Edition = "triple" },
		"1 stations":  func(f *Facts) { f.Stations = 1 },
		"5 stations":  func(f *Facts) { f.Edition = SingleStation },
		"revision 0":  func(f *Facts) { f.Revision = 0 },
		"issued_at":   func(f *Facts) { f.IssuedAt = time.Time{} },
		"not_before":  func(f *Facts) { f.NotBefore = time.Time{} },
	} {
		facts := testFacts
		spoil(&facts)
		if file, err := Sign(activeKey, facts); err == nil || !strings.Contains(err.Error(), want) || file != nil {
			t.Errorf("signed, or without naming %s: %v", want, err)
		}
	}
	if _, err := Sign(Key{}, testFacts); err == nil {
		t.Error("signed without a key")
	}
}

// Nothing that happens to the bytes of a file changes what a program reads from it: it is refused, or reads the same.
func TestTenThousandMutations(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	good := mustSign(t, activeKey, testFacts)
	start := bytes.Index(good, []byte(beginMarker))
	refused, unharmed := 0, 0
	for range 10_000 {
		mutant := mutate(random, good)
		facts, err := Verify(mutant, testKeys)
		switch {
		case err != nil:
			refused++
		case facts != testFacts:
			t.Fatalf("a mutation reads as %+v:\n%s", facts, mutant)
		case bytes.Contains(mutant, good[start:]):
			unharmed++
		case blockText(t, mutant) != blockText(t, good):
			t.Fatalf("the block is altered and still accepted:\n%s", mutant)
		}
	}
	if refused < 3000 || unharmed < 1000 {
		t.Errorf("%d refused, %d with an unharmed block: the mutations do not try enough", refused, unharmed)
	}
}

// blockText is what stands between the markers, without blanks and line ends and '=' at the end.
func blockText(t *testing.T, file []byte) string {
	t.Helper()
	content, err := dearmour(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// mutate changes, takes out, puts in, doubles or cuts off bytes at a random place.
func mutate(random *rand.Rand, good []byte) []byte {
	mutant := bytes.Clone(good)
	at := random.IntN(len(mutant))
	end := min(len(mutant), at+1+random.IntN(8))
	switch random.IntN(6) {
	case 0:
		mutant[at] ^= 1 << random.IntN(8)
	case 1:
		mutant[at] = byte(random.Uint32())
	case 2:
		mutant = append(mutant[:at], mutant[end:]...)
	case 3:
		mutant = append(mutant[:at], append([]byte{byte(random.Uint32())}, good[at:]...)...)
	case 4:
		mutant = append(mutant[:end], good[at:]...)
	case 5:
		mutant[at], mutant[end-1] = mutant[end-1], mutant[at]
	}
	return mutant
}

func TestFileName(t *testing.T) {
	for want, facts := range map[string]Facts{
		"KADRY-I-PLACE-K7QX-2MPA-VB4T-r2.lic.txt": testFacts,
		"KADRY-A-1-r3.lic.txt":                    {Product: "kadry", Serial: "a/1", Revision: 3},
		"ETC-PASSWD-X-r1.lic.txt":                 {ProductName: "../../etc/passwd", Serial: "..", Revision: 1},
		"ZAZOLC-GESLA-JAZN-S-r1.lic.txt":          {ProductName: "Zażółć gęślą jaźń", Serial: "s", Revision: 1},
		strings.Repeat("A", 40) + "-S-r1.lic.txt": {ProductName: strings.Repeat("a", 100), Serial: "s", Revision: 1},
		"X-X-r0.lic.txt":                          {},
	} {
		if got := FileName(facts); got != want {
			t.Errorf("file name %q; want %q", got, want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(mustSign(f, activeKey, testFacts))
	f.Add([]byte(beginMarker + "\ne30=\n" + endMarker))
	f.Fuzz(func(t *testing.T, file []byte) {
		facts, err := Verify(file, testKeys)
		if err == nil && facts != testFacts {
			t.Fatalf("accepted without a signature: %+v", facts)
		}
		var reason Refusal
		if err != nil && !errors.As(err, &reason) {
			t.Fatalf("refused without a reason: %v", err)
		}
	})
}

func ExampleVerify() {
	file, err := Sign(activeKey, testFacts)
	if err != nil {
		fmt.Println(err)
		return
	}
	facts, err := Verify(file, Keys{activeKey.Public()})
	fmt.Println(facts.ProductName, facts.VersionMax, facts.Stations, err)
	_, err = Verify(file, Keys{})
	fmt.Println(err)
	// Output:
	// Kadry i Płace 5.2 5 <nil>
	// the file was signed with a key that is not on the key list: fetch the current key list from the vendor (key "34750f98bd59fcfc")
}
