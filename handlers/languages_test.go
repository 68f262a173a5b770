package handlers

import (
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"netrom.pl/portal/domain"
)

// said is filled once by saidIn.
var (
	said     map[domain.Language]*regexp.Regexp
	readSaid sync.Once
)

// saidIn matches the texts of the pages in a language as a reader sees them, without those that are alike in both.
func saidIn(t *testing.T, l domain.Language) *regexp.Regexp {
	t.Helper()
	readSaid.Do(func() { said = readMessages(t) })
	return said[l]
}

func readMessages(t *testing.T) map[domain.Language]*regexp.Regexp {
	t.Helper()
	patterns := map[domain.Language]map[string]bool{}
	gap := regexp.MustCompile(`\\\{\\\{.*?\\\}\\\}`)
	for _, l := range languages {
		patterns[l] = map[string]bool{}
		for _, forms := range messagesIn(t, l) {
			for _, text := range forms {
				if pattern := gap.ReplaceAllString(regexp.QuoteMeta(text), ".*"); strings.Trim(pattern, ".* ") != "" {
					patterns[l][pattern] = true
				}
			}
		}
	}
	all := map[domain.Language]*regexp.Regexp{}
	for l, own := range patterns {
		var only []string
		for pattern := range own {
			if !patterns[otherLanguage(l)][pattern] {
				only = append(only, pattern)
			}
		}
		all[l] = regexp.MustCompile(`^(?:` + strings.Join(only, "|") + `)$`)
	}
	return all
}

// speaks fails for every text of the portal on a page that is in the other language and not marked so.
func speaks(t *testing.T, path string, node *html.Node, l domain.Language) {
	t.Helper()
	check := func(text string) {
		text = strings.Join(strings.Fields(text), " ")
		if text != "" && saidIn(t, otherLanguage(l)).MatchString(text) && !saidIn(t, l).MatchString(text) {
			t.Errorf("%s in %s says %q", path, l, text)
		}
	}
	switch {
	case node.Type == html.TextNode:
		check(node.Data)
	case node.Type == html.ElementNode:
		if spoken := attribute(node, "lang"); node.Data == "script" || node.Data == "style" || spoken != "" && spoken != string(l) {
			return
		}
		for _, name := range []string{"aria-label", "title", "alt", "placeholder", "data-label", "data-ticking", "data-copy", "data-copied", "data-changed"} {
			check(attribute(node, name))
		}
	}
	for child := range node.ChildNodes() {
		speaks(t, path, child, l)
	}
}
