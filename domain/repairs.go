package domain

// RowRepairRequested says that somebody wants a row of a view to be written as the log says. Then it is done.
type RowRepairRequested struct {
	View string `json:"view"`
	Row  string `json:"row"` // the stream, position or hour by which the row is called; no personal data
}

// RepairsStream is where the repairs of one day (UTC) are written down.
func RepairsStream(day Day) string { return "repairs-" + string(day) }

// Repairs is what must be known of a day's repairs to write down one more: nothing.
type Repairs struct{}

// Evolve folds an event of a stream of repairs.
func (*Repairs) Evolve(Event) {}

// RequestRowRepair writes down who repairs what. Each wish counts: twice is two wishes.
type RequestRowRepair struct {
	RowRepairRequested
	On Day // UTC
}

// Stream of the day's repairs.
func (c RequestRowRepair) Stream() string { return RepairsStream(c.On) }

// Decide never refuses.
func (c RequestRowRepair) Decide(Repairs) ([]Event, error) {
	return []Event{c.RowRepairRequested}, nil
}
