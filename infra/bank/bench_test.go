package bank

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
)

// benchmarkLines is how long the file of the benchmarks is.
const benchmarkLines = 50_000

// BenchmarkRead is the yardstick: the file goes through memory once, as it does before it is parsed.
func BenchmarkRead(b *testing.B) {
	benchmark(b, longMT940(), func(r io.Reader) error { _, err := readAll(r); return err })
}

// BenchmarkMT940 parses a file of 10,000 entries in 50,000 lines.
func BenchmarkMT940(b *testing.B) {
	benchmark(b, longMT940(), func(r io.Reader) error { _, err := Parse(r); return err })
}

// BenchmarkMT940Windows1250 parses the same file with Polish letters in a code page.
func BenchmarkMT940Windows1250(b *testing.B) {
	text, err := codePages[0].NewEncoder().String(strings.ReplaceAll(longMT940(), "ZAPLATA", "ZAPŁATA"))
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, text, func(r io.Reader) error { _, err := Parse(r); return err })
}

// BenchmarkCAMT053 parses a file of 1,250 entries in 50,000 lines.
func BenchmarkCAMT053(b *testing.B) {
	benchmark(b, longCAMT053(b), func(r io.Reader) error { _, err := Parse(r); return err })
}

func benchmark(b *testing.B, text string, parse func(io.Reader) error) {
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := parse(strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}

func longMT940() string {
	var text bytes.Buffer
	fmt.Fprintf(&text, ":20:X\n:25:84102055580000123400005678\n:28C:1\n:60F:C261120PLN0,00\n")
	entries := benchmarkLines / 5
	for i := range entries {
		fmt.Fprintf(&text, ":61:2611211121CN100,00S051NONREF//KB%012d\n:86:051~00PRZELEW PRZYCHODZACY~20ZAPLATA ZA ZAM 2026/%06d-\n~2138 DZIEKUJEMY~3011402004~310000300201355387~32FIRMA PRZYKLA\nDOWA SP Z O O~33UL DLUGA 1 WARSZAWA~38PL271140200400003002013\n55387\n", i, i)
	}
	fmt.Fprintf(&text, ":62F:C261121PLN%d,00\n-\n", entries*100)
	return text.String()
}

func longCAMT053(b *testing.B) string {
	day := read(b, "day-camt-02.xml")
	first, last := strings.Index(day, "<Ntry>"), strings.LastIndex(day, "</Ntry>")+len("</Ntry>")
	entry := day[first : strings.Index(day, "</Ntry>")+len("</Ntry>")]
	entries := benchmarkLines / (1 + strings.Count(entry, "\n"))
	day = day[:first] + strings.Repeat(entry+"\r\n", entries) + day[last:]
	return strings.ReplaceAll(day, "1852.00", fmt.Sprintf("%d.00", 1000+615*entries))
}
