package foundation

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/witness"
)

// inspectLimit is how long a look at the log may take to be written down.
const inspectLimit = 10 * time.Second

// Inspected writes down beside a running portal that a program has looked at its log, also when ctx has ended meanwhile. The actor
// is system:audit- and the number of the operating system's user, which names nobody. In a folder that this program holds alone
// nothing is written: who has the folder can read its files anyway, and evidence should stay as it was found.
func (f *Foundation) Inspected(ctx context.Context, what domain.Inspection, asked map[string]string, answered int) error {
	if f.Owner {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), inspectLimit)
	defer cancel()
	if answered == 0 { // what nothing answers to may be anything, a person's name too
		for field := range asked {
			asked[field] = ""
		}
	}
	run, now := uuid.NewString(), time.Now().UTC()
	by := domain.Cause{Command: run, Actor: "system:audit-" + strconv.Itoa(os.Getuid()), Correlation: run, Causation: run, At: now}
	look := domain.LogInspected{What: what, Asked: asked, Answered: answered}
	if _, err := domain.Execute(ctx, f.Log, by, domain.RecordInspection{LogInspected: look, On: domain.Day(now.Format(time.DateOnly))}); err != nil {
		return fmt.Errorf("write down that the log was looked at: %w", err)
	}
	return nil
}

// Prover answers for single events.
func (f *Foundation) Prover() *witness.Prover {
	return witness.NewProver(filepath.Join(f.Dir, WitnessFolder), f.Stored())
}
