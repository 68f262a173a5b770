package paper

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

// missing stands where the fonts have no letter: for emoji, or for a script that they do not know.
const missing = '\u25a1'

// drawn maps every letter that both fonts have to the one that is drawn for it: the first with the same glyph, so that no glyph is
// asked for under two names, between which the PDF library chooses at random.
var drawn = func() map[rune]rune {
	regular, bold := glyphs(goregular.TTF), glyphs(gobold.TTF)
	letters, first := map[rune]rune{}, map[[2]sfnt.GlyphIndex]rune{}
	for r := ' '; r <= 0xffff; r++ {
		pair := [2]sfnt.GlyphIndex{regular(r), bold(r)}
		if pair[0] == 0 || pair[1] == 0 || !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			continue
		}
		if _, taken := first[pair]; !taken {
			first[pair] = r
		}
		letters[r] = first[pair]
	}
	return letters
}()

func glyphs(ttf []byte) func(rune) sfnt.GlyphIndex {
	font, err := sfnt.Parse(ttf)
	if err != nil {
		panic(fmt.Sprintf("paper: %v", err)) // the font is compiled in
	}
	var buffer sfnt.Buffer
	return func(r rune) sfnt.GlyphIndex {
		index, err := font.GlyphIndex(&buffer, r)
		if err != nil {
			panic(fmt.Sprintf("paper: %v", err))
		}
		return index
	}
}

// printable is a text in letters that the fonts have. Blanks of any kind become plain ones; marks that turn the direction of reading,
// and other invisible ones, are left out, so that nothing looks like something else.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cf, unicode.Cc, unicode.Mn, unicode.Me):
			return -1
		}
		if letter, ok := drawn[r]; ok {
			return letter
		}
		return missing
	}, text)
}
