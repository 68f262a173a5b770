package sheets

import (
	"bytes"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"netrom.pl/portal/domain"
)

func written(t *testing.T, rowsMax int) []byte {
	t.Helper()
	b, err := New()
	if err != nil {
		t.Fatal(err)
	}
	b.rowsMax = rowsMax
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(b.Sheet("Dziennik", []string{"konto", "kwota", "dzień", "chwila", "pozycja"}))
	for _, amount := range []domain.Money{1_093_47, -1, domain.MoneyMax} {
		must(b.Row([]any{"=SUM(A1:A9)", amount, domain.Day("2026-11-22"), time.Date(2026, 11, 22, 14, 9, 28, 0, time.UTC), domain.Position(94)}))
	}
	must(b.Sheet("Zestawienie", []string{"SHA-256"}))
	must(b.Row([]any{"Łódź\nż"}))
	var out bytes.Buffer
	must(b.Write(&out))
	return out.Bytes()
}

// TestWorkbook reads the cells again as a spreadsheet does.
func TestWorkbook(t *testing.T) {
	file, err := excelize.OpenReader(bytes.NewReader(written(t, RowsMax)))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, want := range []struct{ sheet, cell, raw string }{
		{"Dziennik", "A1", "konto"}, {"Dziennik", "A2", "=SUM(A1:A9)"}, {"Dziennik", "B2", "1093.47"}, {"Dziennik", "B3", "-0.01"}, {"Dziennik", "B4", "100000000000"},
		{"Dziennik", "C2", "46348"}, {"Dziennik", "D2", "2026-11-22T14:09:28Z"}, {"Dziennik", "E2", "94"}, {"Zestawienie", "A2", "Łódź\nż"},
	} {
		got, err := file.GetCellValue(want.sheet, want.cell, excelize.Options{RawCellValue: true})
		if got != want.raw || err != nil {
			t.Errorf("%s %s: %q, %v; want %q", want.sheet, want.cell, got, err, want.raw)
		}
		if formula, err := file.GetCellFormula(want.sheet, want.cell); formula != "" || err != nil {
			t.Errorf("%s %s is the formula %q, %v", want.sheet, want.cell, formula, err)
		}
	}
}

// TestSameBytes writes the same rows twice, in different zones and at different seconds.
func TestSameBytes(t *testing.T) {
	defer func(local *time.Location) { time.Local = local }(time.Local)
	first := written(t, RowsMax)
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	time.Local = zone
	for range 5 {
		if !bytes.Equal(first, written(t, RowsMax)) {
			t.Fatal("the same rows gave other bytes")
		}
	}
}

// TestFullSheet goes on in another sheet.
func TestFullSheet(t *testing.T) {
	file, err := excelize.OpenReader(bytes.NewReader(written(t, 3)))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got, err := file.GetCellValue("Dziennik 2", "B2", excelize.Options{RawCellValue: true}); got != "100000000000" || err != nil {
		t.Errorf("the third row is %q, %v", got, err)
	}
	if got, err := file.GetCellValue("Dziennik 2", "A1"); got != "konto" || err != nil {
		t.Errorf("the second sheet begins with %q, %v", got, err)
	}
}
