package node

import (
	"fmt"
	"net"
	"sync/atomic"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc/codes"
)

// Limits of what all clients together may occupy. An idle subscription costs about 10 KiB, one whose client takes
// nothing about 150 KiB once the budget of pages is used up.
const (
	maxConnections    = 1_024     // further ones wait until one is closed
	maxCalls          = 8_192     // open calls, further ones are refused
	maxUnsettled      = 2_048     // appends whose callers may have given up and that still wait for the disk, further ones are refused
	maxReceivingBytes = 512 << 20 // of appends that are not complete, further ones are refused
	pageBudgetBytes   = 128 << 20 // of pages on their way to readers, further pages are small
	minPageBytes      = 16 << 10
	pageShare         = 8 // a page may have this part of what is left of the budget
)

// limits are the bounds above; tests lower them.
type limits struct {
	connections, calls, receivingBytes int
}

var defaultLimits = limits{connections: maxConnections, calls: maxCalls, receivingBytes: maxReceivingBytes}

// budget is an amount that many may take from. The zero value has nothing to give. It is safe for concurrent use.
type budget struct {
	total int64
	used  atomic.Int64
}

// take tells whether there was enough left. What was taken has to be given back.
func (b *budget) take(n int) bool {
	if b.used.Add(int64(n)) > b.total {
		b.give(n)
		return false
	}
	return true
}

func (b *budget) give(n int) { b.used.Add(-int64(n)) }

func errTooManyCalls(most int64) error {
	return &failure{code: codes.ResourceExhausted,
		message: fmt.Sprintf("the node serves %d calls already; end some, or try again later", most)}
}

func errReceivingTooMuch(most int64) error {
	return &failure{code: codes.ResourceExhausted,
		message: fmt.Sprintf("the node is receiving appends of %d bytes already; try again when they are complete", most)}
}

// errDiskTooSlow refuses an append at once. If all of them waited, the calls of one connection would be used up, its pings
// would go unanswered, and readers on it would be cut off.
func errDiskTooSlow() error {
	return &failure{code: codes.ResourceExhausted,
		message: fmt.Sprintf("%d appends wait for the disk already; try again later", maxUnsettled)}
}

// limitConnections lets further connections wait when there are too many.
func limitConnections(l net.Listener, most int) net.Listener { return netutil.LimitListener(l, most) }

// pageRoom is how many bytes the next page may have.
func (s *store) pageRoom() int {
	return int(max(min((pageBudgetBytes-s.sending.Load())/pageShare, pageBytes), minPageBytes))
}
