package histories

import (
	"flag"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

var histories = flag.Int("histories", 200, "how many random histories a property is held against")

// Check holds a property against so many random histories as the flag says, and looks for a short one that breaks it.
func Check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	const checks = "rapid.checks"
	before := flag.Lookup(checks).Value.String()
	if err := flag.Set(checks, fmt.Sprint(*histories)); err != nil {
		t.Fatal(err)
	}
	defer flag.Set(checks, before) // as it was
	rapid.Check(t, property)
}
