package main

import (
	"context"
	"path/filepath"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/infra/witness"
)

// keepWitness signs checkpoints of the log until the context ends. Whatever goes wrong with it is logged and stops nothing else:
// evidence must not cost an order.
func (p *portal) keepWitness(ctx context.Context) {
	w, err := witness.Open(witness.Options{
		Dir: filepath.Join(p.base.Dir, foundation.WitnessFolder), Log: p.base.Stored(), Export: p.checkpoints, Now: p.now, Logger: p.logger,
	})
	if err == nil {
		err = w.Run(ctx)
	}
	if err != nil {
		p.logger.Error("NO MORE CHECKPOINTS of the event log are signed until the portal is started again", "error", err)
	}
}
