package node_test

import (
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"netrom.pl/portal/infra/node"
)

const (
	catchUpEvents = 100_000
	catchUpAppend = 500   // events of one append that fills the log
	tablePage     = 1_000 // rows of one query
)

// BenchmarkCatchUp compares, for reading a log from its beginning in order of position,
//
//	N  the official client, subscribed to $all of the node
//	A  the same, but the gRPC server has the same answers ready in memory
//	T  what a team would use instead: pages of 1000 rows of an events table in Postgres
//
//	go test ./infra/node -run '^$' -bench CatchUp -benchtime 1x
func BenchmarkCatchUp(b *testing.B) {
	n := start(b, node.Options{Dir: b.TempDir() + "/node"})
	fill(b, dial(b, n))
	messages, err := n.Messages()
	if err != nil {
		b.Fatal(err)
	}
	for range b.N {
		turns := inTurns(catchingUp(b, dial(b, n), len(messages)), catchingUp(b, dialAddress(b, instantServer(b, messages)), len(messages)), paging(b))
		n, a, t := turns[0], turns[1], turns[2]
		reportSide(b, "N", n)
		reportSide(b, "A", a)
		reportSide(b, "T", t)
		report(b, "N/A", each(func(i int) float64 { return n[i].rate / a[i].rate }))
		report(b, "N/T", each(func(i int) float64 { return n[i].rate / t[i].rate }))
		report(b, "A/T", each(func(i int) float64 { return a[i].rate / t[i].rate }))
	}
}

func fill(b *testing.B, c *esdb.Client) {
	for range catchUpEvents / catchUpAppend {
		events := make([]esdb.EventData, catchUpAppend)
		for i := range events {
			events[i] = benchEvent()
		}
		appendEvents(b, c, "order-"+events[0].EventID.String(), esdb.NoStream{}, events...)
	}
}

// catchingUp is a side on which a subscriber takes the events once.
func catchingUp(b *testing.B, client *esdb.Client, events int) func() turn {
	return func() turn {
		s := subscribeAll(b, client, esdb.SubscribeToAllOptions{From: esdb.Start{}})
		defer s.Close()
		c := startClock(processorTime)
		for range events {
			next(b, s)
		}
		return c.stop(int64(events))
	}
}

// row is what a reader of an events table gets of one event.
type row struct {
	position, version int64
	stream, id, kind  string
	metadata, data    []byte
	createdAt         time.Time
}

// paging is a side on which an events table is read once.
func paging(b *testing.B) func() turn {
	db := openTable(b)
	if _, err := db.Exec(`insert into events (stream, version, id, type, metadata, data)
		select 'order-' || i / $1, i % $1, gen_random_uuid(), 'ItemAddedToCart', $2, $3 from generate_series(0, $4 - 1) i`,
		catchUpAppend, string(benchMetadata), string(benchData), catchUpEvents); err != nil {
		b.Fatal(err)
	}
	if _, err := db.Exec(`vacuum analyze events`); err != nil {
		b.Fatal(err)
	}
	page, err := db.Prepare(`select pos, stream, version, id, type, metadata, data, created_at from events where pos > $1 order by pos limit $2`)
	if err != nil {
		b.Fatal(err)
	}
	return func() turn {
		c := startClock(processorTime)
		read, last := int64(0), int64(0)
		for read < catchUpEvents {
			rows, err := page.Query(last, tablePage)
			if err != nil {
				b.Fatal(err)
			}
			for rows.Next() {
				var r row
				if err := rows.Scan(&r.position, &r.stream, &r.version, &r.id, &r.kind, &r.metadata, &r.data, &r.createdAt); err != nil {
					b.Fatal(err)
				}
				last = r.position
				read++
			}
			if err := rows.Err(); err != nil {
				b.Fatal(err)
			}
		}
		return c.stop(read)
	}
}
