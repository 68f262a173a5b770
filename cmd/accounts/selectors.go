package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

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
	if l := domain.Language(*s.language); l != domain.English && l != domain.Polish {
		return books.Question{}, fmt.Errorf("-language %q is neither en nor pl", l)
	}
	q, err := books.ReadQuestion(*s.recordedUpTo, *s.effectiveOn)
	switch {
	case errors.Is(err, books.ErrRecordedUpTo):
		err = fmt.Errorf("-recorded-up-to %q is %w", *s.recordedUpTo, err)
	case err != nil:
		err = fmt.Errorf("-effective-on %q is %w", *s.effectiveOn, err)
	}
	return q, err
}

// words of the chosen language.
func (s selectors) words() books.Words { return handlers.BooksWords(domain.Language(*s.language)) }

// text prints for people.
func (s selectors) text(w io.Writer) books.Printer { return books.NewText(w, s.words()) }
