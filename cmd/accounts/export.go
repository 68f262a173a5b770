package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/projections/books"
)

// formats of exports, by name.
var formats = map[string]func(io.Writer, books.Words) (books.Printer, error){
	"csv":     func(w io.Writer, words books.Words) (books.Printer, error) { return books.NewCSV(w, words), nil },
	"jsonl":   func(w io.Writer, _ books.Words) (books.Printer, error) { return books.NewJSONLines(w), nil },
	"hledger": func(w io.Writer, _ books.Words) (books.Printer, error) { return books.NewHledger(w), nil },
	"xlsx":    foundation.NewXLSX,
}

// export writes a report into a file that did not exist before.
func export(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("accounts export")
	selected := addSelectors(flags)
	report := flags.String("report", books.JournalReport, "`REPORT`: one of "+strings.Join(books.Reports, ", "))
	format := flags.String("format", "csv", "`FORMAT`: csv (for Excel with Polish settings), xlsx, jsonl, or hledger for the journal")
	names, err := foundation.Parse(flags, args, "accounts export [-data DIR] [-report REPORT] [-format FORMAT] [-recorded-up-to WHEN] [-effective-on DAY] [-language en|pl] FILE", 1, stdout)
	if err != nil {
		return err
	}
	question, err := selected.question()
	switch {
	case err != nil:
	case !slices.Contains(books.Reports, *report):
		err = fmt.Errorf("-report %q is not one of %s", *report, strings.Join(books.Reports, ", "))
	case formats[*format] == nil:
		err = fmt.Errorf("-format %q is not one of %s", *format, strings.Join(slices.Sorted(maps.Keys(formats)), ", "))
	case *format == "hledger" && *report != books.JournalReport:
		err = errors.New("-format hledger is for the journal; leave out -report")
	}
	if err != nil {
		return foundation.UsageError{Err: err}
	}
	base, err := openLog(ctx, *data, stderr)
	if err != nil {
		return err
	}
	seal, err := exportTo(ctx, names[0], watch(base.Log, stderr), *report, question, *format, selected.words())
	if err == nil {
		fmt.Fprintf(stdout, "%s: %s, from position %d to %d, SHA-256 of its content %s\n", names[0], *report, seal.From, seal.To, seal.Digest)
	}
	return errors.Join(err, base.Close())
}

// exportTo leaves no file behind that is not whole.
func exportTo(ctx context.Context, name string, source books.Source, report string, question books.Question, format string, words books.Words) (books.Seal, error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return books.Seal{}, fmt.Errorf("make export: %w; choose a name that is free", err)
	}
	seal, err := func() (books.Seal, error) {
		out, err := formats[format](file, words)
		if err != nil {
			return books.Seal{}, err
		}
		return books.Print(ctx, source, report, question, out)
	}()
	if err = errors.Join(err, file.Close()); err != nil {
		return seal, errors.Join(err, os.Remove(name))
	}
	return seal, nil
}
