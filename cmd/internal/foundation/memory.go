package foundation

import (
	"os"
	"runtime/debug"
)

// garbagePercent is how much garbage may gather before it is collected, in percent of what is alive. A portal keeps some
// 15 MB alive, and Pebble's memory is not counted: with Go's usual 100 it would collect after every 150 requests. A program that reads
// the log keeps less alive, and would collect after every thousand events.
const garbagePercent = 400

// CollectSeldom trades a little memory for time, unless the environment says GOGC itself. Twice is harmless.
func CollectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}
