package bank

import (
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// What a statement says it says in camt.053 as well, with the keys of its MT940 file.
func TestCAMTReadsTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 14))
	for range 200 {
		want := randomStatement(random)
		for i := range want.Entries {
			entry := &want.Entries[i]
			entry.Title = oneBlank(entry.Title)
			entry.CustomerReference = oneBlank(entry.CustomerReference)
		}
		file := camtOf(want)
		got := parse(t, file)
		if len(got) != 1 || !reflect.DeepEqual(withoutPlaces(got[0]), want) {
			t.Fatalf("written:\n%s\nread:\n%+v\nwant:\n%+v", file, got, want)
		}
		if mt940 := keysOf(parse(t, write(t, want))); !reflect.DeepEqual(keysOf(got), mt940) {
			t.Fatalf("keys %q, in MT940 %q:\n%s", keysOf(got), mt940, file)
		}
	}
}

func camtOf(s Statement) string {
	var w strings.Builder
	balance := func(code string, grosz int64, on Date) {
		fmt.Fprintf(&w, "<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp>%s<Dt><Dt>%s</Dt></Dt></Bal>\n", code, camtAmount(s.Currency, grosz, grosz < 0), on)
	}
	fmt.Fprintf(&w, `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>%s</Id><Acct><Id><IBAN>PL%s</IBAN></Id></Acct>`, s.Number, s.Account)
	balance("OPBD", s.OpeningGrosz, s.OpenedOn)
	balance("CLBD", s.ClosingGrosz, s.ClosedOn)
	for _, e := range s.Entries {
		out := e.Mark == Debit || e.Mark == ReversedCredit
		fmt.Fprintf(&w, "<Ntry>%s<RvslInd>%t</RvslInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>%s</Dt></BookgDt><ValDt><Dt>%s</Dt></ValDt><AcctSvcrRef>%s</AcctSvcrRef>",
			camtAmount(s.Currency, e.AmountGrosz, out), e.Mark == ReversedCredit || e.Mark == ReversedDebit, e.BookedOn, e.ValueDate, e.BankReference)
		role := "Dbtr"
		if e.Mark == Debit || e.Mark == ReversedDebit {
			role = "Cdtr"
		}
		account := e.PayerAccount
		if validNRB(account) {
			account = "PL" + account
		}
		fmt.Fprintf(&w, "<NtryDtls><TxDtls><Refs><EndToEndId>%s</EndToEndId></Refs><RltdPties><%[2]s><Pty><Nm>%[3]s</Nm></Pty></%[2]s><%[2]sAcct><Id><IBAN>%[4]s</IBAN></Id></%[2]sAcct></RltdPties><RmtInf><Ustrd>%[5]s</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n",
			e.CustomerReference, role, escaped(e.PayerName), account, escaped(e.Title))
	}
	return w.String() + "</Stmt></BkToCstmrStmt></Document>"
}

func camtAmount(currency string, grosz int64, out bool) string {
	indicator := "CRDT"
	if out {
		indicator = "DBIT"
	}
	return fmt.Sprintf(`<Amt Ccy="%s">%s</Amt><CdtDbtInd>%s</CdtDbtInd>`, currency, strings.Replace(unsignedText(grosz), ",", ".", 1), indicator)
}

func escaped(text string) string {
	var w strings.Builder
	if err := xml.EscapeText(&w, []byte(text)); err != nil {
		panic(err)
	}
	return w.String()
}

// A file that is cut anywhere before its end is refused with a line of it.
func TestCutCAMTAnywhere(t *testing.T) {
	text := strings.TrimSpace(read(t, "day-camt-08.xml"))
	for size := range len(text) {
		statements, err := ParseCAMT053(strings.NewReader(text[:size]))
		refused, ok := err.(*ParseError)
		if !ok || statements != nil || refused.Line > 1+strings.Count(text[:size], "\n") {
			t.Fatalf("cut to %q: %d statements, %v", text[max(0, size-30):size], len(statements), err)
		}
	}
}

// Several payments in one booking are parted only when their amounts are known; else nobody is named, so that no order gets the
// money of another.
func TestBatches(t *testing.T) {
	parted := parse(t, read(t, "camt-04-batch.xml"))[0].Entries
	if len(parted) != 5 || parted[0].Title != "ZAM 2026/000123-38" || parted[0].AmountGrosz != 100_00 || parted[3].Key == parted[4].Key {
		t.Errorf("parted into %+v", parted)
	}
	for _, entry := range parse(t, read(t, "camt-04-batch-without-amounts.xml"))[0].Entries {
		if entry.Title != "" || entry.PayerName != "" || entry.PayerAccount != "" || !strings.Contains(entry.Raw, "FIRMA A") {
			t.Errorf("a batch without amounts: %+v", entry)
		}
	}
}
