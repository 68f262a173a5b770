package main

import (
	"flag"
	"fmt"
	"io"
	"strconv"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/projections/books"
)

// selectors are what every report takes: the two ways to ask as of another day, by what was known then and by what counts then, and
// the language of its words.
type selectors struct {
	recordedUpTo, effectiveOn, language *string
}

func addSelectors(flags *flag.FlagSet) selectors {
	return selectors{
		recordedUpTo: flags.String("recorded-up-to", "", "leave out what was recorded after `WHEN`: a position of the log (1234), a day (2026-11-22, the whole Polish day counts) or a time (2026-11-22T14:30:00Z)"),
		effectiveOn:  flags.String("effective-on", "", "leave out what counts after `DAY` (2026-11-22): money by its day of value, the rest by the Polish day on which it was recorded"),
		language:     flags.String("language", string(domain.English), "en or pl: `LANGUAGE` of headings and words"),
	}
}

// question reads the selectors.
func (s selectors) question() (books.Question, error) {
	var q books.Question
	if l := domain.Language(*s.language); l != domain.English && l != domain.Polish {
		return q, fmt.Errorf("-language %q is neither en nor pl", l)
	}
	if *s.effectiveOn != "" {
		if _, err := endOf(*s.effectiveOn); err != nil {
			return q, fmt.Errorf("-effective-on %q is no day such as 2026-11-22", *s.effectiveOn)
		}
		q.EffectiveOn = domain.Day(*s.effectiveOn)
	}
	text := *s.recordedUpTo
	if text == "" {
		return q, nil
	}
	if position, err := strconv.ParseUint(text, 10, 63); err == nil && position > 0 {
		q.UpTo = domain.Position(position)
		return q, nil
	}
	var err error
	if q.UpToAt, err = time.Parse(time.RFC3339, text); err == nil {
		return q, nil
	}
	if q.UpToAt, err = endOf(text); err != nil {
		return q, fmt.Errorf("-recorded-up-to %q is neither a position such as 1234, a day such as 2026-11-22 nor a time such as 2026-11-22T14:30:00Z", text)
	}
	return q, nil
}

// endOf is the last moment of a Polish day.
func endOf(text string) (time.Time, error) { return handlers.EndOf(domain.Day(text)) }

// words of the chosen language.
func (s selectors) words() books.Words { return handlers.BooksWords(domain.Language(*s.language)) }

// text prints for people.
func (s selectors) text(w io.Writer) books.Printer { return books.NewText(w, s.words()) }
