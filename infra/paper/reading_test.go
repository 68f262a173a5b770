package paper

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// reading is a PDF as a reader sees it: the texts of each page in the order in which they were drawn, and its filled rectangles.
type reading struct {
	pages [][]string
	boxes [][]box
}

// box is in points from the lower left corner.
type box struct{ x, y, width, height float64 }

var (
	streams   = regexp.MustCompile(`(?s)<</Filter /FlateDecode /Length (\d+)>>\nstream\n`)
	shown     = regexp.MustCompile(`(?s)Td \((.*?)\) Tj ET`)
	rectangle = regexp.MustCompile(`(-?[0-9.]+) (-?[0-9.]+) (-?[0-9.]+) (-?[0-9.]+) re f`)
)

// read takes the page contents out of a PDF.
func read(t *testing.T, pdf []byte) reading {
	t.Helper()
	if !bytes.HasPrefix(pdf, []byte("%PDF-1.")) || !bytes.HasSuffix(pdf, []byte("%%EOF\n")) {
		t.Fatalf("no PDF: %.20q ... %.20q", pdf, pdf[max(0, len(pdf)-20):])
	}
	start := regexp.MustCompile(`startxref\n(\d+)\n`).FindSubmatch(pdf)
	if start == nil {
		t.Fatal("no startxref")
	}
	if at, err := strconv.Atoi(string(start[1])); err != nil || !bytes.HasPrefix(pdf[at:], []byte("xref\n")) {
		t.Fatalf("the cross references are not at %s: %v", start[1], err)
	}
	var r reading
	for _, at := range streams.FindAllSubmatchIndex(pdf, -1) {
		length, _ := strconv.Atoi(string(pdf[at[2]:at[3]]))
		content, err := zlib.NewReader(bytes.NewReader(pdf[at[1] : at[1]+length]))
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, text := range shown.FindAllSubmatch(page, -1) {
			texts = append(texts, decode(t, text[1]))
		}
		var boxes []box
		for _, m := range rectangle.FindAllSubmatch(page, -1) {
			var b [4]float64
			for i := range b {
				b[i], _ = strconv.ParseFloat(string(m[i+1]), 64)
			}
			boxes = append(boxes, box{b[0], b[1], b[2], b[3]})
		}
		r.pages, r.boxes = append(r.pages, texts), append(r.boxes, boxes)
	}
	return r
}

// decode reads a string of UTF-16 with backslashes before what would end it.
func decode(t *testing.T, raw []byte) string {
	t.Helper()
	raw = []byte(strings.NewReplacer(`\\`, `\`, `\(`, `(`, `\)`, `)`, `\r`, "\r").Replace(string(raw)))
	if len(raw)%2 != 0 {
		t.Fatalf("half a letter in %q", raw)
	}
	var units []uint16
	for i := 0; i < len(raw); i += 2 {
		units = append(units, binary.BigEndian.Uint16(raw[i:]))
	}
	return string(utf16.Decode(units))
}

// text of all pages.
func (r reading) text() string {
	var lines []string
	for _, page := range r.pages {
		lines = append(lines, page...)
	}
	return strings.Join(lines, "\n")
}

// matrix finds the QR code of a page: the rectangles as high as a module.
func (r reading) matrix(t *testing.T, page int, size int) [][]bool {
	t.Helper()
	module := codeSize / point / float64(size+2*quietZone)
	modules := make([][]bool, size)
	for i := range modules {
		modules[i] = make([]bool, size)
	}
	var originX, top float64 = math.Inf(1), math.Inf(-1)
	var runs []box
	for _, b := range r.boxes[page] {
		if math.Abs(math.Abs(b.height)-module) < 0.02 {
			runs = append(runs, b)
			originX, top = min(originX, b.x), max(top, b.y)
		}
	}
	for _, b := range runs {
		x, y, width := int(math.Round((b.x-originX)/module)), int(math.Round((top-b.y)/module)), int(math.Round(b.width/module))
		for i := range width {
			modules[y][x+i] = true
		}
	}
	return modules
}

// alignments of the versions up to 8. Source: ISO/IEC 18004, annex E.
var alignments = map[int][]int{1: {}, 2: {6, 18}, 3: {6, 22}, 4: {6, 26}, 5: {6, 30}, 6: {6, 34}, 7: {6, 22, 38}, 8: {6, 24, 42}}

// decodeQR reads a code of level L and byte mode, of a version with one block of data, without correcting anything.
// Source: ISO/IEC 18004, section 12.
func decodeQR(modules [][]bool) (string, error) {
	size := len(modules)
	version := (size - 17) / 4
	if version > 5 {
		return "", fmt.Errorf("version %d has several blocks", version)
	}
	format := 0
	for i, at := range [][2]int{{8, 0}, {8, 1}, {8, 2}, {8, 3}, {8, 4}, {8, 5}, {8, 7}, {8, 8}, {7, 8}, {5, 8}, {4, 8}, {3, 8}, {2, 8}, {1, 8}, {0, 8}} {
		if modules[at[0]][at[1]] {
			format |= 1 << (14 - i)
		}
	}
	format ^= 0b101010000010010
	if level := format >> 13; level != 0b01 {
		return "", fmt.Errorf("level %02b is not L", level)
	}
	bits := dataBits(modules, version, format>>10&7)
	take := func(n int) int {
		value := 0
		for _, bit := range bits[:n] {
			value <<= 1
			if bit {
				value |= 1
			}
		}
		bits = bits[n:]
		return value
	}
	if mode := take(4); mode != 0b0100 {
		return "", fmt.Errorf("mode %04b", mode)
	}
	text := make([]byte, take(8))
	for i := range text {
		text[i] = byte(take(8))
	}
	return string(text), nil
}

// dataBits reads the modules that carry data, upwards and downwards in columns of two, unmasked.
func dataBits(modules [][]bool, version, mask int) []bool {
	size := len(modules)
	masks := []func(y, x int) bool{
		func(y, x int) bool { return (y+x)%2 == 0 }, func(y, _ int) bool { return y%2 == 0 }, func(_, x int) bool { return x%3 == 0 },
		func(y, x int) bool { return (y+x)%3 == 0 }, func(y, x int) bool { return (y/2+x/3)%2 == 0 }, func(y, x int) bool { return y*x%2+y*x%3 == 0 },
		func(y, x int) bool { return (y*x%2+y*x%3)%2 == 0 }, func(y, x int) bool { return ((y+x)%2+y*x%3)%2 == 0 },
	}
	pattern := func(y, x int) bool {
		if y == 6 || x == 6 || y < 9 && x < 9 || y < 9 && x >= size-8 || y >= size-8 && x < 9 {
			return true
		}
		for _, cy := range alignments[version] {
			for _, cx := range alignments[version] {
				corner := cy == 6 && cx == 6 || cy == 6 && cx == size-7 || cy == size-7 && cx == 6
				if !corner && y >= cy-2 && y <= cy+2 && x >= cx-2 && x <= cx+2 {
					return true
				}
			}
		}
		return false
	}
	var bits []bool
	up := true
	for right := size - 1; right > 0; right -= 2 {
		if right == 6 {
			right--
		}
		for i := range size {
			y := i
			if up {
				y = size - 1 - i
			}
			for _, x := range []int{right, right - 1} {
				if !pattern(y, x) {
					bits = append(bits, modules[y][x] != masks[mask](y, x))
				}
			}
		}
		up = !up
	}
	return bits
}
