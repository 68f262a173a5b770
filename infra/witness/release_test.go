package witness

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// TestRelease proves that a payment stands before the file that names it, and refuses everything that only looks like it.
func TestRelease(t *testing.T) {
	log := history(11, 300)
	file := []byte("an activation file\n")
	payment := func(at int, order string) {
		log[at].Type, log[at].Stream, log[at].Data = paymentType, "order-"+order, fmt.Appendf(nil, `{"order":%q,"transfer":"t","amount":100}`, order)
	}
	issue := func(at int, order string, paidBy int) {
		log[at].Type, log[at].Stream = issueType, "order-"+order
		log[at].Data = fmt.Appendf(nil, `{"order":%q,"line":1,"digest":"%x","payment":%q}`, order, sha256.Sum256(file), uuid.UUID(log[paidBy].ID))
	}
	log[0].Type = "OrderSubmitted"
	payment(20, "1")
	payment(21, "1")
	payment(22, "2")
	issue(40, "1", 20)
	issue(41, "1", 22) // names the payment of another order
	issue(10, "1", 20) // before its payment
	dir := t.TempDir()
	old := witnessed(t, dir, "", log[:150])
	folder, keys := OpenFolder(dir), keysIn(t, dir)
	proofAt := func(c Checkpoint, index int) string {
		proof, err := Prove(folder, c, int64(index), log[index])
		if err != nil {
			t.Fatal(err)
		}
		return string(proof)
	}
	early := proofAt(old, 20)
	newest := witnessed(t, dir, "", log)
	p := func(index int) string { return proofAt(newest, index) }
	others := keysIn(t, func() string { dir := t.TempDir(); witnessed(t, dir, "", log); return dir }())

	release, err := CheckRelease([]byte(p(20)+p(40)), file, keys)
	if err != nil {
		t.Fatal(err)
	}
	if release.PaymentID() != uuid.UUID(log[20].ID).String() || release.Payment.Entry.Position != log[20].Position || release.Issue.Entry.Position != log[40].Position || release.Issue.Checkpoint.Size != 300 {
		t.Errorf("it says %+v", release)
	}
	for _, row := range []struct {
		name, proof string
		file        []byte
		keys        Keys
		want        string
	}{
		{"nothing", "", file, keys, "does not hold two proofs"},
		{"one proof", p(40), file, keys, "does not hold two proofs"},
		{"wrong way round", p(40) + p(20), file, keys, "not about a payment and the file"},
		{"no payment", p(0) + p(40), file, keys, "not about a payment and the file"},
		{"another payment of the order", p(21) + p(40), file, keys, "names another payment"},
		{"payment of another order", p(22) + p(41), file, keys, "names another payment"},
		{"payment behind the file", p(20) + p(10), file, keys, "behind the file"},
		{"two checkpoints", early + p(40), file, keys, "different checkpoints"},
		{"another file", p(20) + p(40), slices.Concat(file, []byte("x")), keys, "digest of another file"},
		{"another log's keys", p(20) + p(40), file, others, "signed with no key on the list"},
		{"altered payment", strings.Replace(p(20), "extra A", "extra B", 1) + p(40), file, keys, "the payment: "},
		{"altered file event", p(20) + strings.Replace(p(40), "extra A", "extra B", 1), file, keys, "the file's event: "},
		{"three proofs", p(20) + p(40) + p(40), file, keys, "the file's event: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := CheckRelease([]byte(row.proof), row.file, row.keys); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}
