package node_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"netrom.pl/portal/infra/node"
)

// The long variant: go test ./infra/node -run '^$' -bench LargeLog -benchtime 1x -timeout 2h -events 10000000
var largeEvents = flag.Int("events", 1_000_000, "events of the large log of BenchmarkLargeLog")

const (
	smallEvents  = 10_000
	largeCallers = 8
	largeRead    = 500_000 // events a subscriber reads before memory is measured
	clockTick    = 10 * time.Millisecond
)

// BenchmarkLargeLog shows what does not grow with the log, of esnode in a process of its own:
//
//	open-ms            processor time until it serves the large log
//	large/small        time of an append to the large log / to one of 10 000 events, at 8 callers
//	memory             what is resident after all that and a long read, beyond block cache and write buffers, / of an idle one
func BenchmarkLargeLog(b *testing.B) {
	dir := b.TempDir()
	program := dir + "/esnode"
	if out, err := exec.Command("go", "build", "-o", program, "netrom.pl/portal/cmd/esnode").CombinedOutput(); err != nil {
		b.Fatalf("build esnode: %v\n%s", err, out)
	}
	fillFolder(b, dir+"/large", *largeEvents)
	fillFolder(b, dir+"/small", smallEvents)
	for range b.N {
		idle := startProcess(b, program, b.TempDir()+"/idle")
		large := startProcess(b, program, dir+"/large")
		b.ReportMetric(float64(large.processorTime().Milliseconds()), "open-ms")
		small := startProcess(b, program, dir+"/small")
		client := dialAddress(b, large.address)
		turns := inTurns(appendingTo(b, largeCallers, large.processorTime, appender(client)),
			appendingTo(b, largeCallers, small.processorTime, appender(dialAddress(b, small.address))))
		reportSide(b, "large", turns[0])
		reportSide(b, "small", turns[1])
		report(b, "large/small", each(func(i int) float64 { return turns[1][i].rate / turns[0][i].rate }))

		s := subscribeAll(b, client, esdb.SubscribeToAllOptions{From: esdb.Start{}})
		for range min(largeRead, *largeEvents) {
			next(b, s)
		}
		beyond := large.residentBytes() - node.DefaultCacheBytes - 3*node.DefaultMemtableBytes
		b.ReportMetric(float64(large.residentBytes())/(1<<20), "large-MiB")
		b.ReportMetric(float64(idle.residentBytes())/(1<<20), "idle-MiB")
		b.ReportMetric(float64(beyond)/float64(idle.residentBytes()), "memory")
		s.Close()
	}
}

func fillFolder(b *testing.B, dir string, events int) {
	n := start(b, node.Options{Dir: dir})
	if err := n.Fill(events, benchEvents); err != nil {
		b.Fatal(err)
	}
	if err := n.Stop(); err != nil {
		b.Fatal(err)
	}
}

// process is a running esnode.
type process struct {
	b       *testing.B
	pid     int
	address string
}

// startProcess returns once it serves.
func startProcess(b *testing.B, program, dir string) process {
	command := exec.Command(program, "-data", dir, "-listen", node.DefaultListen)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatalf("start esnode: %v\n%s", err, complaints.String())
	}
	return process{b, command.Process.Pid, strings.TrimSpace(line)}
}

// processorTime is what the process has used so far. Source: proc(5), /proc/pid/stat, fields 14 and 15.
func (p process) processorTime() time.Duration {
	_, fields, _ := strings.Cut(p.proc("stat"), ") ")
	numbers := strings.Fields(fields)
	user, err := strconv.Atoi(numbers[11])
	if err != nil {
		p.b.Fatal(err)
	}
	system, err := strconv.Atoi(numbers[12])
	if err != nil {
		p.b.Fatal(err)
	}
	return time.Duration(user+system) * clockTick
}

// residentBytes is what the process has in memory. Source: proc(5), /proc/pid/statm, field 2.
func (p process) residentBytes() int {
	pages, err := strconv.Atoi(strings.Fields(p.proc("statm"))[1])
	if err != nil {
		p.b.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func (p process) proc(file string) string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.pid, file))
	if err != nil {
		p.b.Fatal(err)
	}
	return string(content)
}
