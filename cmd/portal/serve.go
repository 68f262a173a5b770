package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"

	"netrom.pl/portal/cmd/internal/foundation"
)

func serve(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var s settings
	flags, data := foundation.Flags("portal serve")
	s.flags(flags)
	if _, err := foundation.Parse(flags, args, "portal serve [-data DIR] [-listen ADDRESS] [-url URL] [-checkpoints DIR]", 0, stdout); err != nil {
		return err
	}
	s.data = *data
	if err := s.check(); err != nil {
		return err
	}
	p, err := openPortal(ctx, s, foundation.Logger(stderr, slog.LevelInfo))
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "The portal runs on %s and listens on %s. Ctrl-C stops it.\n", p.vendor.URL, p.listener.Addr())
	if s.smtp == "" {
		fmt.Fprintf(stdout, "Letters are not sent but kept in %s, because SMTP_URL is not set.\n", filepath.Join(s.data, lettersFolder))
	}
	return errors.Join(p.run(ctx), p.close())
}

func isHTTPS(url string) bool { return strings.HasPrefix(url, "https://") }
