package bank

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// A statement reads the same whichever separator the bank uses, and its entries have the same keys.
func TestDialectsReadTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	for range 100 {
		want := randomStatement(random)
		for i := range want.Entries {
			entry := &want.Entries[i]
			entry.Title = strings.Map(plain, entry.Title)
			entry.PayerName = strings.Map(plain, entry.PayerName)
		}
		file := write(t, want)
		keys := keysOf(parse(t, file))
		for _, d := range dialects {
			text := strings.ReplaceAll(file, "~", string(d.separator))
			if d.names[0][0] == 27 {
				text = unbroken(text)
				text = strings.NewReplacer("<32", "<27", "<33", "<28").Replace(text)
			}
			got := parse(t, text)
			if len(got) != 1 || !reflect.DeepEqual(withoutPlaces(got[0]), want) || !reflect.DeepEqual(keysOf(got), keys) {
				t.Fatalf("with %c:\n%s\nread:\n%+v\nwant:\n%+v", d.separator, text, got, want)
			}
		}
	}
}

// plain leaves out what separates slots.
func plain(r rune) rune {
	if strings.ContainsRune("~<^?+", r) {
		return 'x'
	}
	return r
}

// unbroken puts the lines of a description together.
func unbroken(file string) string {
	var lines []string
	for line := range strings.SplitSeq(file, "\r\n") {
		if last := len(lines) - 1; last >= 0 && strings.HasPrefix(lines[last], ":86:") && !strings.HasPrefix(line, ":") {
			lines[last] += line
			continue
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\r\n")
}

// Banks mark an empty slot with byte 255, which is another letter where a file was saved anew as Latin-1 or UTF-8.
func TestEmptySlots(t *testing.T) {
	for _, mark := range []string{"˙", "ÿ", "\u00a0", " "} {
		var got Entry
		if !dialects[0].read("051~20ZAM 2026/000123-38~21"+mark+"~22"+mark+"~32FIRMA~33"+mark, &got) || got.Title != "ZAM 2026/000123-38" || got.PayerName != "FIRMA" {
			t.Errorf("slots empty but for %q read as %+v", mark, got)
		}
	}
}

// What decides about the dialect stands at the beginning of a description, and what the payer wrote does not.
func TestDialectIn(t *testing.T) {
	for text, want := range map[string]details{
		"051~20ZAM":                         &dialects[0],
		"PRZELEW ~20ZAM":                    &dialects[0],
		"020<20ZAM":                         &dialects[1],
		"<20ZAM ~20":                        &dialects[1],
		"641^00PRZELEW":                     &dialects[2],
		"166?00GUTSCHRIFT":                  &dialects[3],
		"051 +20ZAM":                        &dialects[4],
		"770 PRZELEW; TYT.: ILE ~20":        labelled{},
		"OD: FIRMA":                         labelled{},
		"770 przelew; z rach.: 1;tyt.: ZAM": labelled{},
		"":                                  nil,
		"051":                               nil,
		"OPLATA +20 ZL":                     nil,
		"TEL +48600100200":                  nil,
		"CZY?20":                            nil,
		"/ORDP/NAME/FIRMA/REMI/ZAM":         nil,
		"MOD: B; METOD: C":                  nil,
	} {
		if got := dialectIn(text); got != want {
			t.Errorf("%q: dialect %+v, want %+v", text, got, want)
		}
	}
}

// The payer may write what looks like a part of the description.
func TestPayersWriteMarks(t *testing.T) {
	for _, c := range []struct{ text, title, name, account string }{
		{"051~20ZAM~20 I ~45 B~32FIRMA", "ZAM~20 I ~45 B", "FIRMA", ""},
		{"770; OD: A; TYT.: ZAM; TNR: 7; OD: B; TNR: 8", "ZAM; TNR: 7; OD: B", "A", ""},
		{"770; TYT.: ZAM; Z RACH.: 27114020040000300201355387", "ZAM; Z RACH.: 27114020040000300201355387", "", ""},
		{"770; OD: A;B; Z RACH.: 27 1140 2004 0000 3002 0135 5387 ; TYT.: ZAM", "ZAM", "A;B", "27114020040000300201355387"},
		{"770; Z RACH.: 27114020040000300201355388; TYT.: ZAM", "ZAM", "", ""},
	} {
		var got Entry
		if !dialectIn(c.text).read(c.text, &got) || got.Title != c.title || got.PayerName != c.name || got.PayerAccount != c.account {
			t.Errorf("%q reads as %+v", c.text, got)
		}
	}
}
