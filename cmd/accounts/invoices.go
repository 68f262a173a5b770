package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
)

const invoicesSynopsis = "accounts invoices export [-data DIR] -month MONTH [-format FORMAT] FILE\n       accounts invoices import [-data DIR] [-dry-run] FILE.csv"

// invoices gives a month's payments to the books and takes the numbers of invoices back.
func invoices(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	actions := map[string]func(context.Context, []string, io.Writer, io.Writer) error{"export": exportInvoices, "import": importInvoices}
	if len(args) == 0 || actions[args[0]] == nil {
		if slices.Contains(args, "-h") {
			fmt.Fprintln(stdout, "Usage:", invoicesSynopsis)
			return foundation.ErrHelp
		}
		return foundation.UsageError{Err: errors.New("say export or import\nUsage: " + invoicesSynopsis)}
	}
	return actions[args[0]](ctx, args[1:], stdout, stderr)
}

func exportInvoices(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("accounts invoices export")
	monthText := flags.String("month", "", "`MONTH` in which the money came, for example 2026-11")
	format := flags.String("format", "csv", "`FORMAT`: csv (for Excel with Polish settings), xlsx, or json, a draft in the shape of FA(3)")
	names, err := foundation.Parse(flags, args, "accounts invoices export [-data DIR] -month MONTH [-format FORMAT] FILE", 1, stdout)
	if err != nil {
		return err
	}
	if _, err := time.Parse("2006-01", *monthText); err != nil {
		return foundation.UsageError{Err: errors.New("-month is missing or no month: write the year, a dash and two digits, for example 2026-11")}
	}
	if !slices.Contains(handlers.InvoiceFormats, *format) {
		return foundation.UsageError{Err: fmt.Errorf("-format %q is not one of %s", *format, strings.Join(handlers.InvoiceFormats, ", "))}
	}
	base, err := openLog(ctx, *data, stderr)
	if err != nil {
		return err
	}
	handover, err := writeInvoices(ctx, base.Log, domain.Month(*monthText), *format, names[0])
	if err == nil {
		fmt.Fprintf(stdout, "%s: %d invoices for the payments of %s, up to position %d\n", names[0], len(handover.Billed), handover.Month, handover.Position)
	}
	return errors.Join(err, base.Close())
}

// writeInvoices writes a file that did not exist before.
func writeInvoices(ctx context.Context, log domain.Log, month domain.Month, format, name string) (handlers.Handover, error) {
	orders, err := handlers.OrdersPaidIn(ctx, log, month)
	if err != nil {
		return handlers.Handover{}, err
	}
	handover, err := handlers.HandoverOf(ctx, log, month, orders)
	if err != nil {
		return handover, err
	}
	content, err := handover.Write(format, foundation.Workbook)
	if err != nil {
		return handover, err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return handover, fmt.Errorf("write %s: %w; choose another name or remove the file", name, err)
	}
	if _, err = file.Write(content); err != nil {
		err = errors.Join(fmt.Errorf("write %s: %w", name, err), os.Remove(name))
	}
	return handover, errors.Join(err, file.Close())
}

func importInvoices(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("accounts invoices import")
	dryRun := flags.Bool("dry-run", false, "say what would be recorded, and write nothing")
	names, err := foundation.Parse(flags, args, "accounts invoices import [-data DIR] [-dry-run] FILE.csv", 1, stdout)
	if err != nil {
		return err
	}
	text, err := readInvoiceFile(names[0])
	if err != nil {
		return err
	}
	entries, mistakes := handlers.ReadInvoices(text, domain.English)
	if len(mistakes) > 0 {
		return mistaken(names[0], mistakes)
	}
	options := foundation.FromEnvironment(*data, foundation.Logger(stderr, slog.LevelWarn))
	options.Existing = true
	base, err := foundation.Open(ctx, options)
	if err != nil {
		return err
	}
	run := uuid.NewString()
	by := domain.Cause{Command: run, Actor: "system:import", Correlation: run, Causation: run, At: time.Now()}
	var done int
	verb := "recorded"
	if *dryRun {
		verb = "would be recorded"
		done, mistakes, err = handlers.RehearseInvoices(ctx, base.Log, by, entries, domain.English)
	} else {
		done, _, mistakes, err = handlers.RecordInvoices(ctx, base.Log, by, entries, domain.English)
	}
	switch {
	case err != nil:
		err = fmt.Errorf("%w; import the file again, nothing is recorded twice", err)
	case len(mistakes) > 0:
		err = mistaken(names[0], mistakes)
	default:
		fmt.Fprintf(stdout, "%d lines with invoices: facts of %d %s, the others were known.\n", len(entries), done, verb)
	}
	return errors.Join(err, base.Close())
}

func readInvoiceFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open invoices: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, handlers.InvoiceFileBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(text) > handlers.InvoiceFileBytesMax {
		return nil, fmt.Errorf("read %s: it is larger than %d MiB; import it in parts", name, handlers.InvoiceFileBytesMax>>20)
	}
	return text, nil
}

// mistaken names every line that stands in the way.
func mistaken(name string, mistakes []handlers.InvoiceMistake) error {
	list := []error{fmt.Errorf("nothing of %s was recorded", name)}
	for _, m := range mistakes {
		where := fmt.Sprintf("line %d", m.Line)
		if m.Column != "" {
			where += ", " + m.Column
		}
		list = append(list, fmt.Errorf("  %s: %s", where, m.Text))
	}
	return errors.Join(list...)
}
