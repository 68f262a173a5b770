package main

import (
	"os"
	"strings"
)

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
