package bank

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestLimits(t *testing.T) {
	text := read(t, "tilde.sta")
	entry := ":61:2611211121C0,00S051NONREF\n"
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"file":    {strings.Repeat("x", FileSizeMax+1), 0},
		"lines":   {strings.Repeat("\n", LinesMax+1), LinesMax + 1},
		"line":    {":20:" + strings.Repeat("x", LineSizeMax), 1},
		"entries": {strings.Replace(text, ":61:", strings.Repeat(entry, EntriesMax)+":61:", 1), 5 + EntriesMax},
		"entry":   {strings.Replace(text, ":86:", strings.Repeat(strings.Repeat("x", 1000)+"\n", 9)+":86:", 1), 5},
		"number":  {strings.Replace(text, "00231", strings.Repeat("1", numberMax+1), 1), 3},
		"details": {strings.Replace(text, ":62F:", strings.Repeat(strings.Repeat("x", 1000)+"\n", 9)+":62F:", 1), 6},
		"fields": {strings.Replace(text, text[strings.Index(text, "1121CN"):strings.Index(text, ":62F:")],
			"1121C1,00S051\n"+strings.Repeat(":86:\n", EntrySizeMax)+":62F:", 1), 6 + (EntrySizeMax-len(":61:2611211121C1,00S051"))/5},
	} {
		statements, err := ParseMT940(strings.NewReader(c.text))
		refusedAt(t, name, statements, err, c.line)
	}
}

// Files made to cost much cost no more than their size: they are read or refused within a time and with memory in proportion.
func TestBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("reads files of 4 MiB: left out by -short")
	}
	head, tail := ":20:X\n:25:84102055580000123400005678\n:28C:1\n:60F:C261120PLN0,\n", ":62F:C261121PLN0,\n"
	camt := read(t, "day-camt-02.xml")
	begin, end := camt[:strings.Index(camt, "<Ntry>")], camt[strings.LastIndex(camt, "</Ntry>")+len("</Ntry>"):]
	full := func(piece string) string { return strings.Repeat(piece, bombSize/len(piece)) }
	entry := ":61:261121C0,S051X\n"
	for name, text := range map[string]string{
		"lines without an end":      ":20:" + full("x"),
		"empty lines":               full("\n"),
		"carriage returns":          full("\r"),
		"a field of many lines":     ":20:" + full("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"),
		"many descriptions":         head + full(entry+strings.Repeat(":86:\n", 1600)) + tail,
		"many separators":           head + full(entry+":86:"+strings.Repeat("~20", 1200)+"\n") + tail,
		"many labels":               head + full(entry+":86:"+strings.Repeat(";OD:", 900)+"\n") + tail,
		"label of many blanks":      head + full(entry+":86:;"+strings.Repeat(" ", 4000)+"\n") + tail,
		"many entries":              head + full(entry) + tail,
		"many statements":           full(head + tail),
		"many elements in another":  full("<a>"),
		"many attributes":           "<a " + full(`a="" `) + "/>",
		"many name spaces":          full(`<a xmlns:b="c">`),
		"a long text":               begin + "<Ntry>" + full("x"),
		"a long comment":            begin + "<!--" + full("x"),
		"a long name":               begin + "<" + full("x"),
		"many balances":             begin + full("<Bal></Bal>") + end,
		"many empty entries":        begin + full("<Ntry></Ntry>") + end,
		"many pending entries":      begin + full(`<Ntry><Sts>PDNG</Sts></Ntry>`) + end,
		"an entry of many payments": begin + "<Ntry><Amt Ccy=\"PLN\">1</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><ValDt><Dt>2026-11-23</Dt></ValDt><NtryDtls>" + full("<TxDtls></TxDtls>") + "</NtryDtls></Ntry>" + end,
		"a title of many parts":     begin + "<Ntry><Sts>BOOK</Sts><NtryDtls><TxDtls><RmtInf>" + full("<Ustrd>x</Ustrd>") + "</RmtInf></TxDtls></NtryDtls></Ntry>" + end,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		_, err := Parse(strings.NewReader(text))
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		ratio := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(text))
		t.Logf("%-26s %5.1f times its size, %v: %.80v", name, ratio, took, err)
		if took > bombTime || ratio > bombMemory {
			t.Errorf("%s: %.1f times its size, %v", name, ratio, took)
		}
	}
}

// What reading a large file may cost. On a quiet machine each takes a tenth of a second; work that grows with the square of the
// size would take minutes.
const (
	bombSize   = 4 << 20 // bytes
	bombTime   = 10 * time.Second
	bombMemory = 40 // bytes allocated in all, for each byte of the file
)
