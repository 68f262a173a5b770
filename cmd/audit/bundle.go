package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/infra/activation"
	"netrom.pl/portal/infra/paper"
	"netrom.pl/portal/infra/witness"
	"netrom.pl/portal/projections"
)

// bundleAsked is what the command line of audit bundle says.
type bundleAsked struct {
	filter     filter // order, customer, from and to
	checkpoint string // file; empty: the newest one
	out        string
	open       bool
}

func (b *bundleAsked) flags(set *flag.FlagSet) {
	set.StringVar(&b.filter.order, "order", "", "what touches the order with this `NUMBER` or identity, and what led to it")
	set.StringVar(&b.filter.customer, "customer", "", "what touches the customer with this `ID`")
	set.StringVar(&b.filter.from, "from", "", "from this Polish `DAY` on, such as 2026-11-01")
	set.StringVar(&b.filter.to, "to", "", "up to this `DAY`, itself included")
	set.StringVar(&b.checkpoint, "checkpoint", "", "prove against the checkpoint in this `FILE` (default: the newest one of the data folder)")
	set.StringVar(&b.out, "out", "", "write the bundle to this new `FILE`")
	set.BoolVar(&b.open, "open", false, "with personal data in the clear, with the activation files and the documents")
}

const bundleSynopsis = "audit bundle [-data DIR] [-order NUMBER] [-customer ID] [-from DAY] [-to DAY] [-checkpoint FILE] [-open] -out FILE.zip"

func (b *bundleAsked) check() error {
	f := b.filter
	switch {
	case f.order == "" && f.customer == "" && f.from == "" && f.to == "":
		return foundation.UsageError{Err: fmt.Errorf("say what the bundle is about, with -order, -customer or days\nUsage: %s", bundleSynopsis)}
	case f.order != "" && (f.customer != "" || f.from != "" || f.to != ""):
		return foundation.UsageError{Err: fmt.Errorf("-order stands for itself: everything about the order is in the bundle\nUsage: %s", bundleSynopsis)}
	case b.out == "":
		return foundation.UsageError{Err: fmt.Errorf("say with -out where the bundle goes\nUsage: %s", bundleSynopsis)}
	}
	return f.check()
}

func makeBundle(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("audit bundle")
	var asked bundleAsked
	asked.flags(flags)
	if _, err := foundation.Parse(flags, args, bundleSynopsis, 0, stdout); err != nil {
		return err
	}
	if err := asked.check(); err != nil {
		return err
	}
	keys, err := loadKeys("", *data)
	if err != nil {
		return err
	}
	if asked.checkpoint == "" {
		asked.checkpoint = filepath.Join(*data, foundation.WitnessFolder, witness.CheckpointFile)
	}
	checkpoint, err := witness.LoadCheckpoint(asked.checkpoint, keys)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no checkpoint %s: %w; a running portal signs one within %v", asked.checkpoint, err, witness.Every)
	}
	if err != nil {
		return err
	}
	base, err := openFolder(ctx, *data, !asked.open, stderr)
	if err != nil {
		return err
	}
	b, err := fillBundle(ctx, base, checkpoint, asked)
	answered := 0
	if err == nil {
		answered, err = len(b.Proofs), writeNew(asked.out, b.Write)
	}
	err = errors.Join(err, base.Inspected(ctx, domain.BundleInspection, asked.filter.asked(), answered), base.Close())
	if err != nil {
		return fmt.Errorf("make the bundle: %w", err)
	}
	fmt.Fprintf(stdout, "%s has %d events and %d files, proven against the checkpoint of %d events.\n", asked.out, len(b.Proofs), len(b.Files), checkpoint.Size)
	fmt.Fprintf(stdout, "To check it: audit verify-bundle -keys %s %s\n", filepath.Join(*data, foundation.WitnessFolder, witness.KeysFile), asked.out)
	return nil
}

// fillBundle proves what answers the question, in the order of the log.
func fillBundle(ctx context.Context, base *foundation.Foundation, checkpoint witness.Checkpoint, asked bundleAsked) (*witness.Bundle, error) {
	f := asked.filter
	question := witness.Question{Order: f.order, Customer: f.customer, From: f.from, To: f.to}
	b, records, err := base.Prover().Bundle(ctx, checkpoint, question, func(last domain.Position) ([]domain.Record, error) {
		records, err := answering(ctx, logUpTo{base.Log, last}, f)
		if err == nil && len(records) == 0 {
			err = fmt.Errorf("no event answers the question, up to position %d, which is as far as the checkpoint goes", last)
		}
		return records, err
	})
	if err != nil || !asked.open {
		return b, err
	}
	for _, record := range records {
		if err := addOpened(ctx, base.Log, b, record); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// logUpTo is a log as it was when its last event had a position, so that what is written later does not change an answer.
type logUpTo struct {
	domain.Log
	last domain.Position
}

// History ends at the last event.
func (l logUpTo) History(ctx context.Context, after domain.Position) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		for record, err := range l.Log.History(ctx, after) {
			if err == nil && record.Position > l.last || !yield(record, err) {
				return
			}
		}
	}
}

// answering are the records that a bundle is about.
func answering(ctx context.Context, log domain.Log, f filter) ([]domain.Record, error) {
	if f.order != "" {
		records, cut, err := gatherTrace(ctx, log, f.order)
		switch {
		case err != nil:
			return nil, err
		case cut:
			return nil, fmt.Errorf("more than %d events have to do with the order; ask for its days instead", projections.TraceMax)
		}
		slices.SortFunc(records, func(a, b domain.Record) int { return cmp.Compare(a.Position, b.Position) })
		return records, nil
	}
	search, err := f.search(ctx, log)
	if err != nil {
		return nil, err
	}
	var records []domain.Record
	for record, err := range log.History(ctx, 0) {
		switch {
		case err != nil:
			return nil, fmt.Errorf("read the log: %w", err)
		case !search.Lets(record):
		case len(records) == witness.BundleEventsMax:
			return nil, fmt.Errorf("more than %d events answer the question: ask for less, such as a shorter period", witness.BundleEventsMax)
		default:
			records = append(records, record)
		}
	}
	return records, nil
}

// addOpened adds an event with its personal fields in the clear, and the files and documents whose digests it has.
func addOpened(ctx context.Context, log domain.Log, b *witness.Bundle, record domain.Record) error {
	var line bytes.Buffer
	if err := jsonTo(&line).Encode(logLineOf(record)); err != nil {
		return fmt.Errorf("write the event at position %d: %w", record.Position, err)
	}
	b.Opened = append(b.Opened, bytes.TrimSuffix(line.Bytes(), []byte("\n")))
	if issued, ok := record.Event.(domain.ActivationFileIssued); ok && len(issued.File) > 0 { // it is empty once its holder was forgotten
		b.Files = append(b.Files, witness.File{Name: issued.Name, Content: issued.File})
	}
	documents, err := handlers.IssuedDocuments(ctx, log, paper.Printer{}, record)
	if err != nil {
		return fmt.Errorf("write the documents of the event at position %d: %w", record.Position, err)
	}
	for _, document := range documents {
		if slices.ContainsFunc(b.Files, func(f witness.File) bool { return f.Name == document.Name }) { // paid, taken back and paid once more
			document.Name = fmt.Sprintf("%d-%s", record.Position, document.Name)
		}
		b.Files = append(b.Files, witness.File{Name: document.Name, Content: document.Content})
	}
	return nil
}

// writeNew writes a file that must not be there yet, whole or not at all.
func writeNew(name string, write func(io.Writer) error) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: name a new file with -out", name)
	}
	if err != nil {
		return err
	}
	if err := errors.Join(write(file), file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

func verifyBundle(_ context.Context, args []string, stdout, _ io.Writer) error {
	flags, data := foundation.Flags("audit verify-bundle")
	keyList := keysFlag(flags)
	vendorKeys := flags.String("vendor-keys", "", "`FILE` with the vendor's public keys, to check the signatures of activation files, too")
	names, err := foundation.Parse(flags, args, "audit verify-bundle [-keys FILE | -data DIR] [-vendor-keys FILE] FILE.zip", 1, stdout)
	if err != nil {
		return err
	}
	keys, err := loadKeys(*keyList, *data)
	if err != nil {
		return err
	}
	file, err := os.Open(names[0])
	if err != nil {
		return fmt.Errorf("open bundle: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("open bundle: %w", err)
	}
	b, err := witness.ReadBundle(file, info.Size(), keys)
	if err != nil {
		return fmt.Errorf("%s is refused: %w", names[0], err)
	}
	if *vendorKeys != "" {
		if err := checkActivationFiles(b, *vendorKeys); err != nil {
			return fmt.Errorf("%s is refused: %w", names[0], err)
		}
	}
	return printBundle(stdout, b)
}

// checkActivationFiles verifies the signature of every file in a bundle.
func checkActivationFiles(b *witness.Bundle, list string) error {
	keys, err := activation.LoadKeys(list)
	if err != nil {
		return err
	}
	for _, file := range b.Files {
		if of, _ := b.EventOf(file); of.Entry.Type != "ActivationFileIssued" {
			continue
		}
		if _, err := activation.Verify(file.Content, keys); err != nil {
			return fmt.Errorf("the activation file %s: %w", file.Name, err)
		}
	}
	return nil
}

func printBundle(w io.Writer, b *witness.Bundle) error {
	asked, err := json.Marshal(b.Question)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Every event stood in the log when the checkpoint was signed, and every file is one that an event speaks of.\n")
	first, last := b.Proofs[0].Entry, b.Proofs[len(b.Proofs)-1].Entry
	for _, row := range [][2]string{
		{"asked", string(asked)},
		{"events", fmt.Sprintf("%d, from position %d (%s) to %d (%s)", len(b.Proofs), first.Position, first.CreatedAt.Format(time.RFC3339), last.Position, last.CreatedAt.Format(time.RFC3339))},
		{"files", fmt.Sprint(len(b.Files))},
		{"letters", fmt.Sprint(len(b.Letters()))},
		{"checkpoint", fmt.Sprintf("%d events, root %s, signed with %s", b.Checkpoint.Size, b.Checkpoint.Root, b.Checkpoint.Key)},
	} {
		fmt.Fprintf(w, "  %-12s %s\n", row[0], row[1])
	}
	for _, r := range b.Releases() {
		fmt.Fprintf(w, "The activation file %s (line %d, SHA-256 %s) was released by payment event %s at position %d.\n", r.File.Name, r.File.Line, r.File.Digest, r.PaymentID(), r.Payment.Entry.Position)
	}
	if b.Opened != nil {
		fmt.Fprintf(w, "It also holds the events with personal data in the clear. That these were opened faithfully is not proven.\n")
	}
	return nil
}
