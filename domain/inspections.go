package domain

// LogInspected says that somebody has looked at the event log, or taken a piece of it away: reading is an event, too.
type LogInspected struct {
	What     Inspection        `json:"what"`
	Asked    map[string]string `json:"asked,omitempty"` // what was asked for, by the name of the field; identities only, no personal data
	Answered int               `json:"answered"`        // events shown
}

// Inspection is a way of looking at the log.
type Inspection string

// The ways of looking at the log.
const (
	SearchInspection  Inspection = "search"  // a list of events
	EventInspection   Inspection = "event"   // one event with its bytes
	StreamsInspection Inspection = "streams" // several streams side by side
	TraceInspection   Inspection = "trace"   // what led to what
	ProofInspection   Inspection = "proof"   // one event with the proof that it is in the log, to take away
	BundleInspection  Inspection = "bundle"  // events with their proofs in one file, to take away
	VerifyInspection  Inspection = "verify"  // all events, hashed anew
	WatchInspection   Inspection = "watch"   // events as they arrive
)

// InspectionsStream is where the looks of one day (UTC) are written down.
func InspectionsStream(day Day) string { return "inspections-" + string(day) }

// Inspections is what must be known of a day's looks to write down one more: nothing.
type Inspections struct{}

// Evolve folds an event of a stream of inspections.
func (*Inspections) Evolve(Event) {}

// RecordInspection writes down that the log was looked at. Each look counts: twice is two looks.
type RecordInspection struct {
	LogInspected
	On Day // UTC
}

// Stream of the day's inspections.
func (c RecordInspection) Stream() string { return InspectionsStream(c.On) }

// Decide never refuses.
func (c RecordInspection) Decide(Inspections) ([]Event, error) { return []Event{c.LogInspected}, nil }
