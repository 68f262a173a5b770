package foundation

import (
	"errors"
	"testing"
	"time"

	"netrom.pl/portal/infra/postgres"
	"netrom.pl/portal/projections"
)

// TestAGuestDoesNotWaitForEver joins a portal whose views do not move.
func TestAGuestDoesNotWaitForEver(t *testing.T) {
	address := postgres.FreshURL(t)
	db, err := postgres.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	guest := &Foundation{DB: db, where: places{Database: address}, wait: 50 * time.Millisecond}
	ended := make(chan error, 1)
	go func() {
		_, err := guest.SettledViews(t.Context(), 1)
		ended <- err
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, projections.ErrNotYet) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the guest still waits")
	}
}
