package pubsub

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/postgres"
)

// Checkpoints keep how far consumers have got. Load answers 0 for an unknown consumer; Save never moves one back.
type Checkpoints interface {
	Load(ctx context.Context, consumer string) (domain.Position, error)
	Save(ctx context.Context, consumer string, position domain.Position) error
}

const (
	saveEvery = 250 * time.Millisecond // checkpoints of one consumer are at least this far apart
	saveAgain = 2 * time.Second        // after a failed attempt
	saveMax   = 5 * time.Second        // for one attempt to save
)

// place remembers how far a consumer has got and saves that now and then: soon after a message, not for each.
type place struct {
	checkpoints Checkpoints
	consumer    string
	logger      watermill.LoggerAdapter

	mu    sync.Mutex
	at    domain.Position
	moved chan struct{}   // has an element when at has moved
	saved domain.Position // by run alone
	stop  chan struct{}
	done  chan error
}

func keepPlace(checkpoints Checkpoints, consumer string, at domain.Position, logger watermill.LoggerAdapter) *place {
	p := &place{checkpoints: checkpoints, consumer: consumer, logger: logger, at: at, saved: at,
		moved: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan error, 1)}
	go p.run()
	return p
}

func (p *place) reached(at domain.Position) {
	p.mu.Lock()
	p.at = at
	p.mu.Unlock()
	p.signal()
}

func (p *place) signal() {
	select {
	case p.moved <- struct{}{}:
	default:
	}
}

func (p *place) run() {
	pause := time.NewTimer(saveEvery)
	defer pause.Stop()
	for {
		select {
		case <-p.moved:
		case <-p.stop:
			p.done <- p.save()
			return
		}
		pause.Reset(saveEvery)
		if err := p.save(); err != nil {
			p.logger.Error("Checkpoint not saved; it will be tried again", err, watermill.LogFields{"consumer": p.consumer})
			pause.Reset(saveAgain)
			p.signal()
		}
		select {
		case <-pause.C:
		case <-p.stop:
			p.done <- p.save()
			return
		}
	}
}

func (p *place) save() error {
	p.mu.Lock()
	at := p.at
	p.mu.Unlock()
	if at == p.saved {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), saveMax)
	defer cancel()
	if err := p.checkpoints.Save(ctx, p.consumer, at); err != nil {
		return fmt.Errorf("save checkpoint of %s at %d: %w", p.consumer, at, err)
	}
	p.saved = at
	return nil
}

// close saves the last place.
func (p *place) close() error {
	close(p.stop)
	return <-p.done
}

// MemoryCheckpoints are checkpoints that end with the process, for tests. The zero value is ready; safe for concurrent use.
type MemoryCheckpoints struct {
	mu        sync.Mutex
	positions map[string]domain.Position
}

// Load is [Checkpoints.Load].
func (c *MemoryCheckpoints) Load(_ context.Context, consumer string) (domain.Position, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.positions[consumer], nil
}

// Save is [Checkpoints.Save].
func (c *MemoryCheckpoints) Save(_ context.Context, consumer string, position domain.Position) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.positions == nil {
		c.positions = map[string]domain.Position{}
	}
	c.positions[consumer] = max(c.positions[consumer], position)
	return nil
}

//go:embed migrations/*.sql
var migrations embed.FS

// Schema is where Postgres keeps the checkpoints.
const Schema = "pubsub"

// PostgresCheckpoints are checkpoints in the table pubsub.consumers. They are safe for concurrent use.
type PostgresCheckpoints struct {
	db *sqlx.DB
}

// OpenCheckpoints makes or updates the table.
func OpenCheckpoints(ctx context.Context, db *sqlx.DB) (*PostgresCheckpoints, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("open the checkpoints of consumers: %w", err)
	}
	if err := postgres.Migrate(ctx, db, Schema, files); err != nil {
		return nil, fmt.Errorf("open the checkpoints of consumers: %w", err)
	}
	return &PostgresCheckpoints{db}, nil
}

// Load is [Checkpoints.Load].
func (c *PostgresCheckpoints) Load(ctx context.Context, consumer string) (domain.Position, error) {
	var position domain.Position
	err := c.db.GetContext(ctx, &position, `select position from pubsub.consumers where name = $1`, consumer)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("load checkpoint of %s: %w", consumer, err)
	}
	return position, nil
}

// Save is [Checkpoints.Save]; an older position than the saved one changes nothing.
func (c *PostgresCheckpoints) Save(ctx context.Context, consumer string, position domain.Position) error {
	_, err := c.db.ExecContext(ctx, `insert into pubsub.consumers (name, position) values ($1, $2)
		on conflict (name) do update set position = excluded.position where consumers.position < excluded.position`,
		consumer, int64(position))
	if err != nil {
		return fmt.Errorf("save checkpoint of %s: %w", consumer, err)
	}
	return nil
}
