package main

import (
	"os"
	"runtime/debug"
	"strings"
)

// garbagePercent is how much garbage may gather before it is collected, in percent of what is alive. A portal keeps some
// 15 MB alive, and Pebble's memory is not counted: with Go's usual 100 it would collect after every 150 requests.
const garbagePercent = 400

// collectSeldom trades a little memory for time, unless the environment says GOGC itself.
func collectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}

// residentMemory is what the process has in memory, as the system says it; empty where it does not say.
// Source: proc(5), /proc/pid/status.
func residentMemory() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(status)) {
		if size, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(size)
		}
	}
	return ""
}
