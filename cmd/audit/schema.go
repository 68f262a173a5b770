package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/infra/eventstore"
)

// schemaFailuresMax is how many events that fail are named; the others are counted.
const schemaFailuresMax = 20

// typeAndSchema is a shape in which events lie in the log.
type typeAndSchema struct {
	name   string
	schema int
}

// shapeCount is what became of the events of one shape.
type shapeCount struct{ events, opened, kept int }

// checkSchema is `audit schema`: every event ever stored can be read, and written again byte for byte.
func checkSchema(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("audit schema")
	if _, err := foundation.Parse(flags, args, "audit schema [-data DIR]", 0, stdout); err != nil {
		return err
	}
	base, err := openFolder(ctx, *data, false, stderr)
	if err != nil {
		return err
	}
	return errors.Join(rereadAll(ctx, base.Log, stdout, stderr), base.Close())
}

func rereadAll(ctx context.Context, log *eventstore.Store, stdout, stderr io.Writer) error {
	counts := map[typeAndSchema]shapeCount{}
	events, failed := 0, 0
	for e, err := range log.Stored(ctx, 0) {
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		events++
		found, err := log.Reread(ctx, e)
		if err != nil {
			if failed++; failed <= schemaFailuresMax {
				fmt.Fprintf(stderr, "event %d: %v\n", e.Position, err)
			}
			continue
		}
		shape := typeAndSchema{found.Type, found.Schema}
		counts[shape] = shapeCount{counts[shape].events + 1, counts[shape].opened + found.Opened, counts[shape].kept + found.Kept}
	}
	fmt.Fprintf(stdout, "%-32s %6s %9s %9s %9s\n", "type", "schema", "events", "opened", "erased")
	shapes := slices.SortedFunc(maps.Keys(counts), func(a, b typeAndSchema) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.schema, b.schema))
	})
	for _, shape := range shapes {
		count := counts[shape]
		fmt.Fprintf(stdout, "%-32s %6d %9d %9d %9d\n", shape.name, shape.schema, count.events, count.opened, count.kept)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d events cannot be read, or not be written again byte for byte", failed, events)
	}
	fmt.Fprintf(stdout, "%d events read, and written again byte for byte.\n", events)
	return nil
}
