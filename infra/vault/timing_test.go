package vault

import (
	"flag"
	"slices"
	"testing"
	"time"
)

// Clocks are of no use on a machine that does other things, so that the suite counts derivations: TestFailedLoginsAreAllAlike.
// By hand, on a quiet machine: go test ./infra/vault -run TestTimeTellsNothing -samples 2000 -timeout 60m
var samples = flag.Int("samples", 3, "how often TestTimeTellsNothing tries each login; from 100 on it compares the medians")

// What the comparison needs: enough answers, and how far medians may be apart.
const (
	samplesToCompare = 100
	medianSpreadMax  = 0.05
)

// TestTimeTellsNothing tries logins that exist, do not and are locked, by turns, and compares how long it takes to be refused.
func TestTimeTellsNothing(t *testing.T) {
	w := newWorld(t)
	w.customer("anna")
	if err := w.SetLocked(w.ctx, w.customer("locked").ID, true); err != nil {
		t.Fatal(err)
	}
	tries := []struct{ name, user, password string }{
		{"wrong password", "anna", otherPassword}, {"unknown user", "nobody", otherPassword}, {"locked", "locked", password}}
	taken := make([][]time.Duration, len(tries))
	for range *samples {
		for i, try := range tries {
			w.clock.forward(attemptsForgottenAfter)
			began := time.Now()
			err := w.logIn(try.user, try.password)
			taken[i] = append(taken[i], time.Since(began))
			w.wantErr(try.name, err, ErrLogin)
		}
	}
	var medians []time.Duration
	for i, all := range taken {
		slices.Sort(all)
		medians = append(medians, all[len(all)/2])
		t.Logf("%s: median %s of %d", tries[i].name, medians[i], len(all))
	}
	if least, most := slices.Min(medians), slices.Max(medians); *samples >= samplesToCompare && float64(most-least) > medianSpreadMax*float64(least) {
		t.Errorf("the medians are from %s to %s", least, most)
	}
}
