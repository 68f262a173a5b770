package node_test

import (
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// gate holds back the syncs of a disk while it is shut.
type gate struct {
	mu      sync.Mutex
	passing chan struct{} // closed while the gate is open
}

func newGate() *gate {
	g := &gate{passing: make(chan struct{})}
	close(g.passing)
	return g
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.passing = make(chan struct{})
}

// open lets all go on who wait. The gate must be shut.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.passing)
}

// disk is a disk whose syncs pass the gate.
func (g *gate) disk(fs vfs.FS) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo {
			g.mu.Lock()
			passing := g.passing
			g.mu.Unlock()
			<-passing
		}
		return nil
	}))
}
