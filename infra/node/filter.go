package node

import (
	"bytes"
	"regexp"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

// Streams that $all never shows: the original's own bookkeeping.
// Source: EventStore, src/EventStore.Core/Services/Storage/ReaderIndex/EventFilter.cs.
var (
	hiddenStream     = []byte("$epoch-information")
	hiddenPrefix     = []byte("$persistentsubscription-$all::")
	hiddenCheckpoint = []byte("-checkpoint")
	hiddenParked     = []byte("-parked")
)

// defaultWindow is the window of a filter that names none. Source: EventStore, Streams.Read.cs.
const defaultWindow = 32

// Limits of a filter that a caller sends.
const (
	maxFilterPrefixes   = 1_000
	maxFilterRegexBytes = 4_096
)

// hidden tells whether $all leaves out an event.
func hidden(stream []byte) bool {
	if len(stream) == 0 || stream[0] != '$' {
		return false
	}
	return bytes.Equal(stream, hiddenStream) || bytes.HasPrefix(stream, hiddenPrefix) &&
		(bytes.HasSuffix(stream, hiddenCheckpoint) || bytes.HasSuffix(stream, hiddenParked))
}

// filter chooses events of $all by type or stream name. The zero value chooses all.
type filter struct {
	byType   bool
	regex    *regexp.Regexp
	prefixes [][]byte
	window   uint32 // events considered between checkpoints, before the multiplier
	interval uint64 // events considered between two checkpoints; 0: no checkpoints
}

// matches applies the filter to the original event, a link itself and not its target.
func (f *filter) matches(r record) bool {
	if hidden(r.stream) {
		return false
	}
	subject := r.stream
	if f.byType {
		subject = r.kind
	}
	if f.regex != nil {
		return f.regex.Match(subject)
	}
	for _, p := range f.prefixes {
		if bytes.HasPrefix(subject, p) {
			return true
		}
	}
	return f.prefixes == nil
}

// parseFilter reads a filter. Its regular expressions are searched unanchored, as in the original; expressions that
// Go's engine does not know, such as look-around, are refused and not guessed at.
func parseFilter(o *streams.ReadReq_Options_FilterOptions) (*filter, error) {
	f := &filter{}
	expression := o.GetStreamIdentifier()
	if expression == nil {
		expression, f.byType = o.GetEventType(), true
	}
	if expression == nil {
		return nil, invalidArgument("The combination of (filter without expression) is invalid.")
	}
	switch window := o.GetWindow().(type) {
	case *streams.ReadReq_Options_FilterOptions_Max:
		f.window = window.Max
	case *streams.ReadReq_Options_FilterOptions_Count:
		f.window = defaultWindow
	default:
		return nil, invalidArgument("'None' is not a valid WindowOneofCase.")
	}
	f.interval = uint64(f.window) * uint64(o.GetCheckpointIntervalMultiplier()) // both have 32 bits
	if pattern := expression.GetRegex(); pattern != "" {
		if len(pattern) > maxFilterRegexBytes {
			return nil, invalidArgument("the regular expression has %d bytes, at most %d are allowed", len(pattern), maxFilterRegexBytes)
		}
		regex, err := regexp.Compile(pattern)
		if err != nil {
			return nil, invalidArgument("the filter is not a regular expression of RE2: %v", err)
		}
		f.regex = regex
		return f, nil
	}
	if len(expression.GetPrefix()) > maxFilterPrefixes {
		return nil, invalidArgument("the filter has %d prefixes, at most %d are allowed", len(expression.GetPrefix()), maxFilterPrefixes)
	}
	f.prefixes = [][]byte{}
	for _, p := range expression.GetPrefix() {
		f.prefixes = append(f.prefixes, []byte(p))
	}
	return f, nil
}
