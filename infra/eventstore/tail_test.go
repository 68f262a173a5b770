package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/eventstore/logtest"
)

// TestFollowersShareATailAndMissNothing lets followers of every temper come and go while others write and the server is
// restarted: those who keep up, those who are far slower than the writers, and those who begin again where they stopped.
// Each sees every record once, in order.
func TestFollowersShareATailAndMissNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := startServer(t, "127.0.0.1:0")
	store := openStore(t, s.url())
	const streams, appends, followers, perAppend = 4, 60, 10, 20 // together 4,800 records: more than the tail remembers
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()

	var following, writing sync.WaitGroup
	for i := range followers {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		following.Go(func() {
			if err := followAll(ctx, store, random, streams*appends*perAppend); err != nil {
				t.Errorf("follower %d: %v", i, err)
			}
		})
	}
	for i := range streams {
		stream := logtest.Stream(fmt.Sprintf("numbers%d", i))
		writing.Go(func() {
			for n := range appends {
				expected := domain.Revision(n*perAppend - 1)
				if _, err := store.Append(ctx, stream, expected, logtest.Propose(logtest.Numbered(perAppend)...)); err != nil {
					t.Errorf("append: %v", err)
					return
				}
				if i == 0 && n == appends/2 {
					s.stop(t)
					s.start(t)
				}
			}
		})
	}
	writing.Wait()
	following.Wait()
}

// errEnough ends a follower.
var errEnough = errors.New("enough")

// followAll follows in several sittings, sometimes slowly, until it has seen all records.
func followAll(ctx context.Context, log domain.Log, random *rand.Rand, all int) error {
	var at domain.Position
	revisions := map[string]domain.Revision{}
	for seen := 0; seen < all; {
		sitting := seen + 1 + random.IntN(all)
		slow := time.Duration(random.IntN(3)) * 10 * time.Millisecond
		err := log.Follow(ctx, at, func(page []domain.Record) error {
			for _, record := range page {
				next, known := revisions[record.Stream]
				if !known {
					next = 0
				}
				if record.Position <= at || record.Revision != next {
					return fmt.Errorf("%s/%d at %d came after %d, wanted revision %d", record.Stream, record.Revision, record.Position, at, next)
				}
				at, revisions[record.Stream] = record.Position, next+1
				seen++
			}
			time.Sleep(slow)
			if seen >= sitting || seen == all {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			return err
		}
	}
	return nil
}

// TestATailThatCannotGoOnTellsEveryFollower: what one cannot read, nobody can.
func TestATailThatCannotGoOnTellsEveryFollower(t *testing.T) {
	s := startServer(t, "127.0.0.1:0")
	store := openStore(t, s.url())
	stream := logtest.Stream("numbers")
	if _, err := store.Append(t.Context(), stream, domain.NoStream, logtest.Propose(logtest.Numbered(3)...)); err != nil {
		t.Fatal(err)
	}
	seen, failed := make(chan int, 100), make(chan error, 3)
	for range 3 {
		go func() {
			failed <- store.Follow(t.Context(), 0, func(page []domain.Record) error { seen <- len(page); return nil })
		}()
	}
	for n := 0; n < 9; {
		n += <-seen
	}
	appendStranger(t, s.url(), stream)
	for range 3 {
		select {
		case err := <-failed:
			if err == nil || errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("a follower still waits")
		}
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// appendStranger writes what the portal does not know, past its own client.
func appendStranger(t *testing.T, url, stream string) {
	t.Helper()
	config, err := esdb.ParseConnectionString(url)
	if err != nil {
		t.Fatal(err)
	}
	client, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	event := esdb.EventData{EventID: uuid.New(), EventType: "CustomerKnighted", ContentType: esdb.ContentTypeJson, Data: []byte(`{}`)}
	if _, err := client.AppendToStream(t.Context(), stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, event); err != nil {
		t.Fatal(err)
	}
}
