package vault

import (
	"strings"
	"testing"
)

// An outsider who guesses all the time keeps out everybody but the holder's own browser.
func TestGuessingDoesNotKeepTheHolderOut(t *testing.T) {
	w := newWorld(t)
	w.quick()
	anna := w.customer("anna")
	w.customer("zofia")
	device, err := w.DeviceToken("ANNA")
	if err != nil {
		t.Fatal(err)
	}
	others, err := w.DeviceToken("zofia")
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		_, err := w.Authenticate(w.ctx, "anna", otherPassword, "")
		w.wantErr("a guess", err, ErrLogin)
		_, err = w.Authenticate(w.ctx, "anna", otherPassword, others)
		w.wantErr("a guess with somebody else's device", err, ErrLogin)
	}
	tampered := device[:len(device)-1] + map[bool]string{true: "A", false: "Q"}[device[len(device)-1] != 'A']
	for name, shown := range map[string]string{"no device": "", "another's": others, "a forged one": tampered, "a long one": strings.Repeat("x", 1<<16), "half of one": device[:22]} {
		if _, err := w.Authenticate(w.ctx, "anna", password, shown); err != ErrLogin {
			t.Errorf("%s gets in during the wait: %v", name, err)
		}
	}
	if got, err := w.Authenticate(w.ctx, "anna", password, device); err != nil || got.ID != anna.ID {
		t.Errorf("the holder's own browser: %v", err)
	}
}

// A device is no way around the wait: its own guesses are counted too.
func TestDevicesAreThrottledThemselves(t *testing.T) {
	w := newWorld(t)
	w.quick()
	w.customer("anna")
	device, err := w.DeviceToken("anna")
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		_, err := w.Authenticate(w.ctx, "anna", otherPassword, device)
		w.wantErr("a guess", err, ErrLogin)
	}
	_, err = w.Authenticate(w.ctx, "anna", password, device)
	w.wantErr("the right password during the device's wait", err, ErrLogin)
	if _, err := w.Authenticate(w.ctx, "anna", password, ""); err != nil {
		t.Errorf("another browser meanwhile: %v", err)
	}
}
