package handlers

import (
	"testing"

	"github.com/nicksnyder/go-i18n/v2/i18n"
)

// TestGapsAreFilledAsByTheLocalizer compares every message with gaps, in all plural forms.
func TestGapsAreFilledAsByTheLocalizer(t *testing.T) {
	for l, w := range spoken {
		for id, forms := range w.gapped {
			for _, count := range []int{0, 1, 2, 4, 5, 12, 14, 21, 22, 25, 100, 101, 102, 112, 1000000} {
				facts, data := []any{"count", count}, map[string]any{"count": count}
				for _, pieces := range forms {
					for _, p := range pieces {
						if p.fact != "" && p.fact != "count" {
							facts, data[p.fact] = append(facts, p.fact, "<"+p.fact+">"), "<"+p.fact+">"
						}
					}
				}
				want, _ := w.localizer.Localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: data, PluralCount: count}) // an error says only that there is one form
				if got, ok := forms.fill(w.tag, facts); !ok || got != want {
					t.Errorf("%s: %s for %d is %q, want %q", l, id, count, got, want)
				}
			}
		}
		if len(w.gapped) < 50 {
			t.Errorf("%s: %d messages only", l, len(w.gapped))
		}
	}
}
