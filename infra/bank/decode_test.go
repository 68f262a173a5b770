package bank

import (
	"encoding/json"
	"testing"

	"golang.org/x/text/encoding/charmap"
)

// The same file reads the same whichever code page the bank uses. The letters are what Polish texts have, not an alphabet.
func TestCodePages(t *testing.T) {
	for _, title := range []string{
		"Zażółć gęślą jaźń",
		"wpłata za zamówienie",
		"PŁATNOŚĆ ZA FAKTURĘ",
		"Świątek, Łódź, ul. Żeromskiego",
		"Józef",
	} {
		s := example()
		s.Entries[0].Title = title
		text := write(t, s)
		want, err := json.Marshal(parse(t, text))
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range codePages {
			encoded, err := page.NewEncoder().String(text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(parse(t, encoded))
			if err != nil || string(got) != string(want) {
				t.Errorf("%s: reads as\n%s, %v; want\n%s", page, got, err, want)
			}
		}
	}
}

// One letter more or less does not stop the money: text that was decoded wrongly before, or symbols of another language, are read.
func TestForeignLetters(t *testing.T) {
	for _, title := range []string{"Za\ufffd\ufffd\u0142\u0107", "Müller & Söhne", "Оплата", "100 €"} {
		s := example()
		s.Entries[0].Title = title
		if got := parse(t, write(t, s))[0].Entries[0].Title; got != title {
			t.Errorf("title %q reads as %q", title, got)
		}
	}
	s := example()
	s.Entries[0].Title = "Müller"
	encoded, err := charmap.Windows1250.NewEncoder().String(write(t, s))
	if err != nil {
		t.Fatal(err)
	}
	if got := parse(t, encoded)[0].Entries[0].Title; got != "Müller" {
		t.Errorf("title reads as %q", got)
	}
}
