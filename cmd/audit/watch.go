package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
)

func watchLog(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("audit watch")
	filter := filterFlags(flags)
	asJSON := flags.Bool("json", false, "print one JSON object for each event")
	if _, err := foundation.Parse(flags, args, "audit watch [-data DIR] "+filterSynopsis+" [-json]", 0, stdout); err != nil {
		return err
	}
	if err := filter.check(); err != nil {
		return err
	}
	base, err := openLog(ctx, *data, stderr)
	if err != nil {
		return err
	}
	return errors.Join(watch(ctx, base, filter, *asJSON, stdout), base.Close())
}

// watch prints events as they arrive until ctx ends, from behind -after on, or else from now on.
func watch(ctx context.Context, base *foundation.Foundation, filter *filter, asJSON bool, stdout io.Writer) error {
	if base.Owner && os.Getenv("EVENTSTORE_URL") == "" {
		return errors.New("no portal runs on this folder, so nothing will arrive; audit log prints what is there")
	}
	search, err := filter.search(ctx, base.Log)
	if err != nil {
		return err
	}
	if search.After == 0 {
		if search.After, err = base.Log.End(ctx); err != nil {
			return fmt.Errorf("find the end of the log: %w", err)
		}
	}
	if err := base.Inspected(ctx, domain.WatchInspection, filter.asked(), 0); err != nil {
		return err
	}
	p := printer{out: stdout, json: asJSON, places: map[string]domain.Position{}}
	err = base.Log.Follow(ctx, search.After, func(page []domain.Record) error {
		for _, record := range page {
			if err := p.see(record, search); err != nil {
				return err
			}
		}
		return nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}
