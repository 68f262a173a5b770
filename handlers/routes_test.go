package handlers

import (
	"os"
	"strings"
	"testing"
)

// TestRoutes holds the whole surface of the portal against its golden list: nothing can be asked for that does not stand there.
func TestRoutes(t *testing.T) {
	var lines []string
	for _, route := range routes() {
		lines = append(lines, route.String())
		if route.Who == 0 {
			t.Errorf("%s %s: nobody may call it", route.Method, route.Path)
		}
		if (doorOf(route.Path) == api) != (route.Door == api) {
			t.Errorf("%s %s: the door %s does not go with the path", route.Method, route.Path, route.Door)
		}
	}
	golden, err := os.ReadFile("testdata/routes.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(lines, "\n") + "\n"; got != string(golden) {
		t.Errorf("routes differ from testdata/routes.txt; the list is now:\n%s", got)
	}
}
