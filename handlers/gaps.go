package handlers

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// gapped is a message in pieces, by its plural form: pages say hundreds of them, and the localizer needs some ten
// microseconds for each. The zero value fills nothing.
type gapped map[plural.Form][]piece

// piece is a text, and the name of the fact that stands behind it; empty: none.
type piece struct{ text, fact string }

var simpleGap = regexp.MustCompile(`\{\{\.([a-z_]+)\}\}`)

// gappedOf takes a message to pieces; it answers false if there is more in its gaps than the names of facts.
func gappedOf(message *i18n.Message) (gapped, bool) {
	forms := gapped{}
	for form, text := range map[plural.Form]string{plural.One: message.One, plural.Few: message.Few, plural.Many: message.Many, plural.Other: message.Other} {
		if text == "" {
			continue
		}
		var pieces []piece
		end := 0
		for _, at := range simpleGap.FindAllStringSubmatchIndex(text, -1) {
			pieces = append(pieces, piece{text[end:at[0]], text[at[2]:at[3]]})
			end = at[1]
		}
		forms[form] = append(pieces, piece{text: text[end:]})
		if strings.Contains(simpleGap.ReplaceAllString(text, ""), "{{") {
			return nil, false
		}
	}
	return forms, true
}

// fill writes facts, in pairs of name and value, into the gaps; "count" chooses the plural form. It answers false when a
// fact is missing. Source: CLDR plural rules.
func (g gapped) fill(tag language.Tag, facts []any) (string, bool) {
	value := func(name string) (any, bool) {
		for i := 0; i+1 < len(facts); i += 2 {
			if facts[i] == name {
				return facts[i+1], true
			}
		}
		return nil, false
	}
	pieces := g[plural.Other]
	if len(g) > 1 {
		given, _ := value("count")
		count, whole := given.(int)
		if !whole || count < 0 {
			return "", false
		}
		if form, ok := g[plural.Cardinal.MatchPlural(tag, count, 0, 0, 0, 0)]; ok {
			pieces = form
		}
	}
	var text strings.Builder
	for _, p := range pieces {
		text.WriteString(p.text)
		if p.fact == "" {
			continue
		}
		fact, ok := value(p.fact)
		if !ok {
			return "", false
		}
		fmt.Fprint(&text, fact)
	}
	return text.String(), len(pieces) > 0
}
