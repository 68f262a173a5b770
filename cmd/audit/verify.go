package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/infra/activation"
)

func verifyFile(_ context.Context, args []string, stdout, _ io.Writer) error {
	flags, data := foundation.Flags("audit verify-file")
	list := flags.String("keys", "", "`FILE` with the vendor's public keys (default: the one in the data folder)")
	names, err := foundation.Parse(flags, args, "audit verify-file [-keys FILE | -data DIR] FILE", 1, stdout)
	if err != nil {
		return err
	}
	if *list == "" {
		*list = filepath.Join(*data, foundation.PublicKeys)
	}
	keys, err := activation.LoadKeys(*list)
	if err != nil {
		return fmt.Errorf("%w (name the vendor's list of public keys with -keys)", err)
	}
	file, err := os.Open(names[0])
	if err != nil {
		return fmt.Errorf("open activation file: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, activation.FileSizeMax+1))
	if err != nil {
		return fmt.Errorf("read activation file: %w", err)
	}
	facts, err := activation.Verify(content, keys)
	if err != nil {
		return fmt.Errorf("%s is refused: %w", names[0], err)
	}
	printFacts(stdout, facts, activation.Digest(content))
	return nil
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
