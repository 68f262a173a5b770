package handlers

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// readPlainStatements reads the form of statements that these tests write: a line "statement NUMBER", then the entries,
// each with an amount in grosz and a title. What does not begin like that is damaged.
func readPlainStatements(content []byte) ([]BankStatement, error) {
	var statements []BankStatement
	for i, line := range strings.Split(strings.TrimSpace(string(content)), "\n") {
		first, rest, _ := strings.Cut(line, " ")
		if first == "statement" {
			id := domain.StatementID(domain.NameID("statement", rest))
			statements = append(statements, BankStatement{Currency: "PLN", StatementImported: domain.StatementImported{Statement: id, Number: rest,
				Account: terms.Bank.Account, OpenedOn: "2026-11-22", ClosedOn: "2026-11-23"}})
			continue
		}
		amount, err := strconv.Atoi(first)
		if err != nil || len(statements) == 0 {
			return nil, &FileProblem{Line: i + 1, Remedy: "download-again", Detail: "no amount"}
		}
		s := &statements[len(statements)-1]
		entry := BankEntry{Line: i + 1, Received: domain.TransferReceived{Transfer: domain.TransferID(domain.NameID("transfer", s.Number, line)),
			Statement: s.Statement, Account: s.Account, Amount: domain.Money(amount), ValueOn: "2026-11-23", BookedOn: "2026-11-23", Title: rest, PayerName: hostile}}
		if amount < 0 {
			entry.Left = LeftOutgoing
		} else {
			s.Transfers = append(s.Transfers, entry.Received.Transfer)
		}
		s.Entries, s.Closing, s.Digest = append(s.Entries, entry), s.Closing+domain.Money(amount), s.Digest+line
	}
	return statements, nil
}

// sendFiles uploads files, which come as pairs of name and content.
func (v *visitor) sendFiles(path string, files ...string) answer {
	v.w.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i+1 < len(files); i += 2 {
		part, err := form.CreateFormFile("files", files[i])
		if err != nil {
			v.w.t.Fatal(err)
		}
		part.Write([]byte(files[i+1]))
	}
	form.Close()
	return v.send("POST", path, form.FormDataContentType(), body.String())
}

const uploadField = `name="upload" value="([^"]+)"`

// TestImportStatementsOnPages shows what would be booked, books it once however often it is confirmed and sent, and lists it.
func TestImportStatementsOnPages(t *testing.T) {
	w := newWorld(t)
	buyer := w.browser("kowal")
	path, page := buyer.orderOf(updateKowal)
	title := page.field(t, `data-copy="(ZAM[^"]+)"`)
	v := w.browser("accounting-1")
	v.open("/statements").wants(t, "Nie wczytano jeszcze żadnego wyciągu", `href="/statements" aria-current="page"`)
	november := "statement 7\n30000 " + title + "\n5000 za chleb\n-700 prowizja\n"
	rest := "statement 8\n25227 " + title + "\n"
	before := w.events()
	preview := v.sendFiles("/statements", "listopad.sta", november, `<b>"drugi".sta`, rest+november)
	preview.wants(t, "Podgląd", "listopad.sta", "&lt;b&gt;", "2026/000001", "numer z cyframi kontrolnymi", "w tytule nie ma numeru zamówienia", "wydatek",
		"300,00\u00a0zł", "-7,00\u00a0zł", "552,27\u00a0zł", "Zaksięguj (2 wpłaty na zamówienia)", "już wczytany", "Jagna&#34; onload")
	if preview.StatusCode != http.StatusOK || w.events() != before {
		t.Fatalf("the preview: %s, %d events", preview.Status, w.events()-before)
	}
	other := w.browser("accounting-2")
	if a := other.post("/statements/confirm", "upload", preview.field(t, uploadField)); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("somebody else confirms: %s", a.Status)
	}
	done := v.post("/statements/confirm", "upload", preview.field(t, uploadField))
	done.wants(t, "Zaksięgowano", "2 wyciągi", "Co się stało", "zgadza się")
	done.lacks(t, uploadField, "Zaksięguj (")
	booked := w.events()
	w.settleAll()
	buyer.open(path).wants(t, "opłacone")
	again := v.post("/statements/confirm", "upload", preview.field(t, uploadField))
	again.wants(t, "Wszystko w tych plikach było już wczytane")
	v.sendFiles("/statements", "listopad.sta", november).wants(t, "Wszystko w tych plikach było już wczytane", "już zaksięgowane", "Zaksięguj (0 wpłat na zamówienia)")
	if w.events() != booked {
		t.Errorf("what was known caused %d events", w.events()-booked)
	}
	v.open("/statements?q=8").wants(t, "1 wyciąg<", "22.11.2026", "23.11.2026")
	v.open("/statements?only=gaps").wants(t, "1 wyciąg<", "poprzedni kończy się saldem")
}

// TestImportsThatAreRefused books nothing of several files when one of them cannot be imported, and says why.
func TestImportsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	v := w.browser("accounting-1")
	good := "statement 1\n100 a\n"
	preview := v.sendFiles("/statements", "dobry", good)
	v.post("/statements/confirm", "upload", preview.field(t, uploadField)).wants(t, "Zaksięgowano")
	before := w.events()
	var many []string
	for i := range statementFilesMax + 1 {
		many = append(many, fmt.Sprint("plik ", i), good)
	}
	for name, story := range map[string]struct {
		files  []string
		status int
		want   string
	}{
		"damaged":       {[]string{"dobry", "statement 2\n100 b\n", "zły", "statement 3\nx\n"}, http.StatusUnprocessableEntity, "wiersz 2: Plik jest uszkodzony"},
		"contradicts":   {[]string{"dobry", "statement 2\n100 b\n", "inny", "statement 1\n200 a\n"}, http.StatusUnprocessableEntity, "Nic nie zostało zaksięgowane"},
		"too many":      {many, http.StatusUnprocessableEntity, "najwyżej 20 plików"},
		"none":          {nil, http.StatusUnprocessableEntity, "wybrać przynajmniej jeden plik"},
		"no name":       {[]string{"", good}, http.StatusUnprocessableEntity, "wybrać przynajmniej jeden plik"},
		"too large":     {[]string{"a", strings.Repeat("x", statementBytesMax/2), "b", strings.Repeat("x", statementBytesMax/2+1)}, http.StatusRequestEntityTooLarge, "4096 KiB"},
		"far too large": {[]string{"a", strings.Repeat("x", multipartBytesMax)}, http.StatusRequestEntityTooLarge, "4096 KiB"},
		"too long":      {[]string{"a", "statement 2\n" + strings.Repeat("1 x\n", statementEntriesMax+1)}, http.StatusUnprocessableEntity, "więcej niż 5000 pozycji"},
	} {
		t.Run(name, func(t *testing.T) {
			a := v.sendFiles("/statements", story.files...)
			if a.StatusCode != story.status {
				t.Errorf("%s", a.Status)
			}
			a.wants(t, story.want)
			a.lacks(t, `action="/statements/confirm"`)
		})
	}
	if a := v.send("POST", "/statements", "application/x-www-form-urlencoded", "files=x"); a.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("another form: %s", a.Status)
	}
	if a := v.send("POST", "/statements", "multipart/form-data; boundary=x", "--x\r\nbroken"); a.StatusCode != http.StatusBadRequest {
		t.Errorf("half a form: %s", a.Status)
	}
	v.post("/statements/confirm", "upload", "none").wants(t, "Podgląd wygasł")
	if w.events() != before {
		t.Errorf("refused imports caused %d events", w.events()-before)
	}
}

func TestUploadsAreKeptForAWhile(t *testing.T) {
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	sized := func(bytes int) []StatementFile { return []StatementFile{{Name: "x", Content: make([]byte, bytes)}} }
	var u uploads
	kept := func(id, account string, now time.Time) bool { _, ok := u.find(account, id, now); return ok }
	want := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %t", what, got)
		}
	}
	u.keep("1", "anna", sized(10), at)
	want("its own", kept("1", "anna", at.Add(uploadLife)), true)
	want("another's", kept("1", "olga", at), false)
	want("unknown", kept("2", "anna", at), false)
	want("too old", kept("1", "anna", at.Add(uploadLife+1)), false)
	u.keep("2", "anna", sized(10), at)
	want("replaced", kept("1", "anna", at), false)
	want("newer", kept("2", "anna", at), true)
	for i := range uploadsMax {
		u.keep(fmt.Sprint("n-", i), fmt.Sprint("account-", i), sized(10), at)
	}
	want("pushed out by number", kept("2", "anna", at), false)
	want("the last", kept(fmt.Sprint("n-", uploadsMax-1), fmt.Sprint("account-", uploadsMax-1), at), true)
	u.keep("large", "anna", sized(uploadBytesMax-15), at)
	want("pushed out by size", kept("n-6", "account-6", at), false)
	want("as much as fits", kept("n-7", "account-7", at), true)
	u.keep("later", "olga", sized(1), at.Add(uploadLife+1))
	if len(u.kept) != 1 {
		t.Errorf("%d old ones are still there", len(u.kept)-1)
	}
}
