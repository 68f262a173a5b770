package witness

import (
	"context"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"
)

// BenchmarkVerify compares verifying with reading the same log by the official client alone; goal .60. They take turns.
// Run: go test ./infra/witness -run '^$' -bench Verify -benchtime 5x
func BenchmarkVerify(b *testing.B) {
	s := startServer(b, "")
	const size, batch = 50_000, 500
	for range size / batch {
		var events []Event
		for range batch {
			events = append(events, sample())
		}
		if err := s.append(b.Context(), "order-1", events...); err != nil {
			b.Fatal(err)
		}
	}
	c := Named{"c", witnessed(b, b.TempDir(), "", s)}
	var bare, verifying time.Duration
	for b.Loop() {
		began := time.Now()
		read := 0
		if err := s.each(b.Context(), 0, func(*esdb.RecordedEvent) bool { read++; return true }); err != nil || read != size {
			b.Fatal(read, err)
		}
		bare += time.Since(began)
		began = time.Now()
		if report, err := Verify(b.Context(), s, []Named{c}, nil); err != nil || report.Difference != nil || report.Events != size {
			b.Fatal(report, err)
		}
		verifying += time.Since(began)
	}
	b.ReportMetric(bare.Seconds()/verifying.Seconds(), "ratio")
	b.ReportMetric(float64(size*b.N)/verifying.Seconds(), "events/s")
}

// BenchmarkAppendBesideAWitness compares durable appends, 8 at a time, with and without a witness that follows; goal .97. They take turns.
// Run: go test ./infra/witness -run '^$' -bench AppendBeside -benchtime 5x
func BenchmarkAppendBesideAWitness(b *testing.B) {
	s := startServer(b, filepath.Join(b.TempDir(), "log"))
	const appends, writers = 8000, 8
	round := func() time.Duration {
		began := time.Now()
		done := make(chan struct{})
		for range writers {
			go func() {
				defer func() { done <- struct{}{} }()
				stream := "order-" + uuid.NewString()
				for range appends / writers {
					if err := s.append(b.Context(), stream, sample()); err != nil {
						b.Error(err)
						return
					}
				}
			}()
		}
		for range writers {
			<-done
		}
		return time.Since(began)
	}
	var alone, beside time.Duration
	for b.Loop() {
		alone += round()
		w, err := Open(Options{Dir: b.TempDir(), Log: s, Export: b.TempDir(), Every: time.Second, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		if err := w.CatchUp(b.Context()); err != nil { // with what was there before
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		beside += round()
		cancel()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(alone.Seconds()/beside.Seconds(), "ratio")
	b.ReportMetric(float64(appends*b.N)/beside.Seconds(), "appends/s")
}

// BenchmarkProveAmongMillions compares an inclusion proof among ten million leaves, read from tiles on disk, with reading a single event by
// the official client; goal: under 5 times as long. The tree is made of hashes alone.
// Run: go test ./infra/witness -run '^$' -bench ProveAmong -benchtime 1000x
func BenchmarkProveAmongMillions(b *testing.B) {
	const leaves = 10_000_000
	f := OpenFolder(b.TempDir())
	f.disk = quick{}
	t := newTree(f)
	for i := range leaves {
		var leaf [8]byte
		binary.BigEndian.PutUint64(leaf[:], uint64(i))
		if err := t.addHash(leafHash(leaf[:])); err != nil {
			b.Fatal(err)
		}
		if (i+1)%100_000 == 0 {
			if err := t.store(); err != nil {
				b.Fatal(err)
			}
		}
	}
	s := startServer(b, filepath.Join(b.TempDir(), "log"))
	if err := s.append(b.Context(), "order-1", sample()); err != nil {
		b.Fatal(err)
	}
	var proving, reading time.Duration
	for b.Loop() {
		began := time.Now()
		if _, err := tlog.ProveRecord(leaves, rand.Int64N(leaves), f.hashes(t.stored)); err != nil {
			b.Fatal(err)
		}
		proving += time.Since(began)
		began = time.Now()
		stream, err := s.ReadStream(b.Context(), "order-1", esdb.ReadStreamOptions{From: esdb.Start{}}, 1)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			b.Fatal(err)
		}
		stream.Close()
		reading += time.Since(began)
	}
	b.ReportMetric(proving.Seconds()/reading.Seconds(), "ratio")
	b.ReportMetric(float64(proving.Microseconds())/float64(b.N), "µs/proof")
}
