package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/infra/activation"
	"netrom.pl/portal/infra/witness"
)

const verifyFileSynopsis = "audit verify-file [-keys FILE | -data DIR] [-log-key FILE [-proof FILE]] FILE"

func verifyFile(_ context.Context, args []string, stdout, _ io.Writer) error {
	flags, data := foundation.Flags("audit verify-file")
	list := flags.String("keys", "", "`FILE` with the vendor's public keys (default: the one in the data folder)")
	logKeys := flags.String("log-key", "", "check the proof of the file's release, too, with the public keys of the checkpoints in this `FILE`")
	proof := flags.String("proof", "", "`FILE` with that proof (default: the activation file's name and .proof)")
	names, err := foundation.Parse(flags, args, verifyFileSynopsis, 1, stdout)
	if err != nil {
		return err
	}
	if *proof != "" && *logKeys == "" {
		return foundation.UsageError{Err: fmt.Errorf("name the keys that the proof is checked with: -log-key\nUsage: %s", verifyFileSynopsis)}
	}
	if *list == "" {
		*list = filepath.Join(*data, foundation.PublicKeys)
	}
	keys, err := activation.LoadKeys(*list)
	if err != nil {
		return fmt.Errorf("%w (name the vendor's list of public keys with -keys)", err)
	}
	content, err := readAtMost(names[0], activation.FileSizeMax+1)
	if err != nil {
		return fmt.Errorf("read activation file: %w", err)
	}
	facts, err := activation.Verify(content, keys)
	if err != nil {
		return fmt.Errorf("%s is refused: %w", names[0], err)
	}
	if *logKeys == "" {
		printFacts(stdout, facts, activation.Digest(content))
		return nil
	}
	if *proof == "" {
		*proof = names[0] + ".proof"
	}
	release, err := checkRelease(*proof, content, facts, *logKeys)
	if err != nil {
		return err
	}
	printFacts(stdout, facts, activation.Digest(content))
	printReleased(stdout, release)
	return nil
}

// checkRelease checks the proof that an activation file was released by the payment that it names.
func checkRelease(name string, content []byte, facts activation.Facts, list string) (witness.Release, error) {
	keys, err := loadKeys(list, "")
	if err != nil {
		return witness.Release{}, err
	}
	text, err := readAtMost(name, 2*witness.ProofBytesMax+1)
	if errors.Is(err, fs.ErrNotExist) {
		return witness.Release{}, fmt.Errorf("read proof: %w; the order's page has it beside the file, and -proof names it", err)
	}
	if err == nil && len(text) > 2*witness.ProofBytesMax {
		err = fmt.Errorf("it is larger than %d bytes", 2*witness.ProofBytesMax)
	}
	if err != nil {
		return witness.Release{}, fmt.Errorf("read proof: %w", err)
	}
	release, err := witness.CheckRelease(text, content, keys)
	if err == nil && facts.Payment != release.PaymentID() {
		err = fmt.Errorf("the file says that payment event %s released it, the proof is about %s", facts.Payment, release.PaymentID())
	}
	if err != nil {
		return witness.Release{}, fmt.Errorf("%s is refused: %w", name, err)
	}
	return release, nil
}

// readAtMost reads a file, or as much of it.
func readAtMost(name string, bytesMax int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, bytesMax))
}

func printReleased(w io.Writer, r witness.Release) {
	payment, issue, c := r.Payment.Entry, r.Issue.Entry, r.Issue.Checkpoint
	fmt.Fprintf(w, "This file was released by payment event %s at position %d of the log signed at %d events with %s.\n"+
		"  %-12s %s, stored %s\n  %-12s position %d, stored %s\n",
		r.PaymentID(), payment.Position, c.Size, c.Key, "payment", payment.Stream, payment.CreatedAt.Format(time.RFC3339Nano), "file", issue.Position, issue.CreatedAt.Format(time.RFC3339Nano))
}

func printFacts(w io.Writer, f activation.Facts, digest string) {
	fmt.Fprintf(w, "The file is genuine.\n")
	for _, row := range [][2]string{
		{"program", f.ProductName + " (" + f.Product + ") up to version " + f.VersionMax},
		{"edition", fmt.Sprintf("%s, stations %d", f.Edition, f.Stations)},
		{"serial", f.Serial},
		{"licence", f.LicenceID},
		{"revision", fmt.Sprint(f.Revision)},
		{"holder", f.Holder.Name + ", NIP " + f.Holder.NIP},
		{"order", f.Order},
		{"released by", "payment event " + f.Payment},
		{"issued", f.IssuedAt.Format(time.RFC3339)},
		{"sha-256", digest},
	} {
		fmt.Fprintf(w, "  %-12s %s\n", row[0], row[1])
	}
}
