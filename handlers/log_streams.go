package handlers

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// streamsMax is how many streams are shown side by side.
const streamsMax = 6

// streamsView is several streams in one order.
type streamsView struct {
	Streams []string
	Rows    []projections.EventRow
	More    bool
}

// Column of a row, from 0.
func (v streamsView) Column(row projections.EventRow) int { return slices.Index(v.Streams, row.Stream) }

// Text of the streams, as the form has it.
func (v streamsView) Text() string { return strings.Join(v.Streams, " ") }

// NextPath leads to the events behind these.
func (v streamsView) NextPath() string {
	return "/log/streams?" + url.Values{"stream": v.Streams, "after": {strconv.FormatUint(uint64(v.Rows[len(v.Rows)-1].Position), 10)}}.Encode()
}

// showStreams shows several streams side by side in the one order that all events have.
func (s *Server) showStreams(c *call) (reply, error) {
	var view streamsView
	for _, text := range c.URL.Query()["stream"] {
		for stream := range strings.FieldsSeq(text) {
			if !isName(stream) {
				return reply{}, invalidInput("stream", strconv.Itoa(idMax))
			}
			if !slices.Contains(view.Streams, stream) {
				view.Streams = append(view.Streams, stream)
			}
		}
	}
	if len(view.Streams) > streamsMax {
		return reply{}, invalidInput("stream", "1–"+strconv.Itoa(streamsMax))
	}
	filter, err := filterOf(url.Values{"after": {c.URL.Query().Get("after")}})
	if err != nil || len(view.Streams) == 0 {
		return reply{page: "streams", view: view}, err
	}
	rows, err := s.Tables.FindEvents(c.Context(), projections.EventSearch{Streams: view.Streams, After: filter.After}, logRows+1)
	if err != nil {
		return reply{}, err
	}
	view.Rows, view.More = rows[:min(len(rows), logRows)], len(rows) > logRows
	var answering []string // streams without events may have been anything that somebody typed
	for _, row := range view.Rows {
		if !slices.Contains(answering, row.Stream) {
			answering = append(answering, row.Stream)
		}
	}
	err = s.inspected(c, domain.StreamsInspection, map[string]string{"stream": strings.Join(answering, " ")}, len(view.Rows))
	return reply{page: "streams", view: view}, err
}
