// Package activation makes and checks the activation file: a small signed text that tells a program, without any
// network, who may run it, up to which version and on how many stations.
//
// The file is a block of base64 between two marker lines. Inside is an envelope of the DSSE shape: the kind of the
// payload, the payload and one or more Ed25519 signatures over both. The lines above the block repeat the main facts
// for people; nobody vouches for them and no program may read them. Signing has no randomness, so the same facts and
// key always give the same bytes.
package activation

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Version and Kind are what this package writes into every file; a program refuses a file with others.
const (
	Version = 1
	Kind    = "activation"
)

// Editions that a file can grant.
const (
	SingleStation = "single"
	MultiStation  = "multi"
)

// Limits of what a file may say.
const (
	FileSizeMax   = 64 << 10 // bytes of a whole file, text around the block included
	FactSizeMax   = 400      // bytes of one text in the facts
	StationsMax   = 9999
	RevisionMax   = 1_000_000
	SignaturesMax = 4 // two are enough while an old key hands over to a new one
)

// Facts is what a file says. All texts are required unless marked; none may hold line breaks or other control characters.
// Times are in UTC, whole seconds.
type Facts struct {
	Version     int       `json:"v"`
	Kind        string    `json:"kind"`
	FileID      string    `json:"file_id"`
	LicenceID   string    `json:"licence_id"`
	Revision    int       `json:"rev"`                  // of the licence's files, from 1; a program keeps the highest and refuses a lower one
	Supersedes  string    `json:"supersedes,omitempty"` // file_id of the revision before; empty for the first
	Product     string    `json:"product"`              // code of the program
	ProductName string    `json:"product_name,omitempty"`
	VersionMax  string    `json:"version_max"` // the highest version that may run, for ever; there is no date after which it stops
	Edition     string    `json:"edition"`     // SingleStation or MultiStation
	Stations    int       `json:"stations"`    // 1 for a single station
	Serial      string    `json:"serial"`      // the copy's number as people read it out
	Holder      Holder    `json:"holder"`
	IssuedAt    time.Time `json:"issued_at"`
	NotBefore   time.Time `json:"not_before"`
	Order       string    `json:"order"`                 // number of the paid order that released the file
	Payment     string    `json:"payment_event"`         // id of the event that completed its payment
	Distributor string    `json:"distributor,omitempty"` // who ordered for the holder
}

// Holder is whose program it is. No e-mail address: a file is passed on more easily than it should be.
type Holder struct {
	Name string `json:"name"`
	NIP  string `json:"nip,omitempty"`
}

// Sign writes the file for these facts. It fills in Version and Kind and drops fractions of a second; equal facts and
// key give equal bytes. The error names the fact that cannot be signed.
func Sign(key Key, facts Facts) ([]byte, error) {
	facts.Version, facts.Kind = Version, Kind
	facts.IssuedAt = facts.IssuedAt.UTC().Truncate(time.Second)
	facts.NotBefore = facts.NotBefore.UTC().Truncate(time.Second)
	if err := facts.check(); err != nil {
		return nil, fmt.Errorf("sign activation file: %w", err)
	}
	payload, err := json.Marshal(facts)
	if err != nil {
		return nil, fmt.Errorf("sign activation file: %w", err)
	}
	envelope, err := seal(payloadType, payload, key)
	if err != nil {
		return nil, fmt.Errorf("sign activation file: %w", err)
	}
	return append(facts.humanLines(), armour(envelope)...), nil
}

// Verify reads the facts out of a file and answers them only if a key of the list vouches for them. It looks at the block
// alone, and puts up with what mail does to text: line ends, line lengths, a byte order mark, quotation marks at the start of
// lines, text around the block, lost '=' at its end. The error is one of the constants of type Refusal, wrapped.
func Verify(file []byte, keys Keys) (Facts, error) {
	raw, err := dearmour(file)
	if err != nil {
		return Facts{}, err
	}
	sealed, err := openEnvelope(raw)
	if err != nil {
		return Facts{}, err
	}
	signer, err := sealed.verify(keys)
	if err != nil {
		return Facts{}, err
	}
	var facts Facts
	if err := json.Unmarshal(sealed.Payload, &facts); err != nil {
		return Facts{}, fmt.Errorf("%w (%v)", Malformed, err)
	}
	if facts.Version != Version || facts.Kind != Kind {
		return Facts{}, fmt.Errorf("%w (%q, version %d)", WrongKind, facts.Kind, facts.Version)
	}
	if err := facts.check(); err != nil {
		return Facts{}, fmt.Errorf("%w (%v)", Malformed, err)
	}
	if !signer.covers(facts.Product) {
		return Facts{}, fmt.Errorf("%w (key %s, product %q)", OutsideScope, signer.ID, facts.Product)
	}
	return facts, nil
}

// Digest identifies a file byte for byte: its SHA-256, hexadecimal.
func Digest(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}

// check says which fact is missing or out of its limits.
func (f Facts) check() error {
	for _, text := range []struct {
		name, value string
		required    bool
	}{
		{"file_id", f.FileID, true}, {"licence_id", f.LicenceID, true}, {"supersedes", f.Supersedes, false},
		{"product", f.Product, true}, {"product_name", f.ProductName, false}, {"version_max", f.VersionMax, true},
		{"serial", f.Serial, true}, {"holder name", f.Holder.Name, true}, {"holder nip", f.Holder.NIP, false},
		{"order", f.Order, true}, {"payment_event", f.Payment, true}, {"distributor", f.Distributor, false},
	} {
		switch {
		case text.required && text.value == "":
			return fmt.Errorf("%s is missing", text.name)
		case len(text.value) > FactSizeMax:
			return fmt.Errorf("%s is longer than %d bytes", text.name, FactSizeMax)
		case !utf8.ValidString(text.value) || strings.ContainsFunc(text.value, breaksLines):
			return fmt.Errorf("%s holds a line break, another control character or broken UTF-8", text.name)
		}
	}
	switch {
	case f.Edition != SingleStation && f.Edition != MultiStation:
		return fmt.Errorf("edition is neither %s nor %s", SingleStation, MultiStation)
	case f.Stations < 1 || f.Stations > StationsMax || (f.Edition == SingleStation) != (f.Stations == 1):
		return fmt.Errorf("%d stations do not fit the edition %s", f.Stations, f.Edition)
	case f.Revision < 1 || f.Revision > RevisionMax:
		return fmt.Errorf("revision %d is not between 1 and %d", f.Revision, RevisionMax)
	case f.IssuedAt.IsZero() || f.NotBefore.IsZero():
		return errors.New("issued_at or not_before is missing")
	}
	return nil
}

// breaksLines says whether a character could start a new line or hide what follows.
func breaksLines(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// humanLines repeats the main facts above the block, in both languages of the portal.
func (f Facts) humanLines() []byte {
	edition := "jednostanowiskowa / single-station"
	if f.Edition == MultiStation {
		edition = fmt.Sprintf("wielostanowiskowa / multi-station (%d)", f.Stations)
	}
	name := f.Product
	if f.ProductName != "" {
		name = f.ProductName
	}
	holder := f.Holder.Name
	if f.Holder.NIP != "" {
		holder += ", NIP " + f.Holder.NIP
	}
	var b bytes.Buffer
	b.WriteString("PLIK AKTYWACYJNY / ACTIVATION FILE\n\n")
	for _, line := range [][2]string{
		{"Program", name + " " + f.VersionMax},
		{"Wersja / Edition", edition},
		{"Numer / Serial", fmt.Sprintf("%s, r%d", f.Serial, f.Revision)},
		{"Właściciel / Holder", holder},
		{"Zamówienie / Order", f.Order},
	} {
		fmt.Fprintf(&b, "%s: %s\n", line[0], line[1])
	}
	b.WriteString("\nPowyższe wiersze są tylko dla ludzi; program czyta podpisany blok poniżej.\n" +
		"The lines above are for people only; the program reads the signed block below.\n\n")
	return b.Bytes()
}

// nameSizeMax bounds each of the two words of a file name, in bytes.
const nameSizeMax = 40

// FileName is what the file is called: PROGRAM-SERIAL-r1.lic.txt, in ASCII letters, digits and dashes whatever the facts hold.
func FileName(facts Facts) string {
	name := facts.ProductName
	if name == "" {
		name = facts.Product
	}
	return fmt.Sprintf("%s-%s-r%d.lic.txt", fileWord(name), fileWord(facts.Serial), facts.Revision)
}

// asciiLetters writes the Polish letters without their marks.
var asciiLetters = strings.NewReplacer("Ą", "A", "Ć", "C", "Ę", "E", "Ł", "L", "Ń", "N", "Ó", "O", "Ś", "S", "Ź", "Z", "Ż", "Z")

func fileWord(text string) string {
	words := strings.FieldsFunc(asciiLetters.Replace(strings.ToUpper(text)), func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
	word := strings.Join(words, "-")
	if len(word) > nameSizeMax {
		word = strings.TrimRight(word[:nameSizeMax], "-")
	}
	if word == "" {
		return "X"
	}
	return word
}

// payloadType is signed together with the payload, so that a signature for anything else never fits an activation file.
const payloadType = "application/vnd.netrom.activation+json;v=1"

// toSign is what a signature covers: kind and payload, each with its length, so that no byte can move from one to the other.
// Source: DSSE protocol, pre-authentication encoding (PAE).
func toSign(kind string, payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(kind), kind, len(payload), payload)
}

// envelope is the content of the block. Its one permitted spelling is what seal writes.
type envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     []byte      `json:"payload"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID KeyID  `json:"keyid"` // a hint which key to try; the key's entry in the list decides everything else
	Sig   []byte `json:"sig"`
}

// seal signs a payload with every given key.
func seal(kind string, payload []byte, keys ...Key) ([]byte, error) {
	sealed := envelope{PayloadType: kind, Payload: payload}
	for _, key := range keys {
		if key.private == nil {
			return nil, errors.New("no key: create one with GenerateKey or LoadOrCreateKey")
		}
		sealed.Signatures = append(sealed.Signatures, signature{key.ID(), ed25519.Sign(key.private, toSign(kind, payload))})
	}
	return json.Marshal(sealed)
}

// openEnvelope reads the content of the block and refuses any spelling but the one that seal writes.
func openEnvelope(raw []byte) (envelope, error) {
	var sealed envelope
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if err := decoder.Decode(&sealed); err != nil {
		return envelope{}, fmt.Errorf("%w (%v)", Malformed, err)
	}
	if decoder.InputOffset() != int64(len(raw)) {
		return envelope{}, fmt.Errorf("%w (%d bytes behind the envelope)", TrailingData, int64(len(raw))-decoder.InputOffset())
	}
	if count := len(sealed.Signatures); count == 0 || count > SignaturesMax {
		return envelope{}, fmt.Errorf("%w (%d signatures)", Malformed, count)
	}
	if sealed.PayloadType != payloadType {
		return envelope{}, fmt.Errorf("%w (%.100q)", WrongKind, sealed.PayloadType)
	}
	again, err := json.Marshal(sealed)
	if err != nil || !bytes.Equal(again, raw) {
		return envelope{}, fmt.Errorf("%w (not spelled as the portal writes it)", Malformed)
	}
	return sealed, nil
}

// verify answers the first key that vouches for the payload, or why the first signature does not.
func (e envelope) verify(keys Keys) (PublicKey, error) {
	var first error
	signed := toSign(e.PayloadType, e.Payload)
	for _, s := range e.Signatures {
		key, err := keys.vouching(s.KeyID)
		if err == nil && ed25519.Verify(key.Public, signed, s.Sig) {
			return key, nil
		}
		if err == nil {
			err = fmt.Errorf("%w (key %s)", WrongSignature, s.KeyID)
		}
		if first == nil {
			first = err
		}
	}
	return PublicKey{}, first
}
