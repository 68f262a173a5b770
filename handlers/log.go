package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// logRows is how many events a page of the log shows.
const logRows = 100

// logView is a part of the event log.
type logView struct {
	Filter    logFilter
	Kinds     []string
	Rows      []projections.EventRow
	More      bool // the search goes on behind the last row
	Witnessed Witnessed
}

// NextPath leads to the part of the search behind this one.
func (v logView) NextPath() string {
	query := v.Filter.query()
	query.Set("after", strconv.FormatUint(uint64(v.Rows[len(v.Rows)-1].Position), 10))
	return "/log?" + query.Encode()
}

// logFilter is what an auditor looks for; empty fields let everything through.
type logFilter struct {
	Stream      string
	Type        string
	Actor       string
	Order       string // number or identity
	Customer    string
	Correlation string
	From        domain.Day // by the portal's clock
	To          domain.Day
	Newest      bool // first
	Inspections bool // looks at the log, too
	After       domain.Position
}

// The words of a log filter's query that switch something on.
const (
	newestFirst     = "newest"
	withInspections = "yes"
)

// filterOf reads what to look for from a query. A name that nothing can have is refused.
func filterOf(query url.Values) (logFilter, error) {
	f := logFilter{Type: query.Get("type"), From: domain.Day(query.Get("from")), To: domain.Day(query.Get("to")),
		Newest: query.Get("sort") == newestFirst, Inspections: query.Get("inspections") == withInspections, Order: strings.TrimSpace(query.Get("order"))}
	for _, named := range []struct {
		field string
		into  *string
	}{{"stream", &f.Stream}, {"actor", &f.Actor}, {"customer", &f.Customer}, {"correlation", &f.Correlation}} {
		if *named.into = strings.TrimSpace(query.Get(named.field)); *named.into != "" && !isName(*named.into) {
			return f, invalidInput(named.field, strconv.Itoa(idMax))
		}
	}
	if _, err := domain.ParseOrderNumber(f.Order); err != nil && f.Order != "" && !isName(f.Order) {
		return f, invalidInput("order", strconv.Itoa(idMax))
	}
	if known := func(k domain.Kind) bool { return k.Name == f.Type }; f.Type != "" && !slices.ContainsFunc(domain.Kinds, known) {
		return f, invalidInput("type", "docs/events.md")
	}
	for _, day := range []struct {
		field string
		day   domain.Day
	}{{"from", f.From}, {"to", f.To}} {
		if _, err := EndOf(day.day); day.day != "" && err != nil {
			return f, invalidInput(day.field, time.DateOnly)
		}
	}
	if text := query.Get("after"); text != "" {
		after, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return f, invalidInput("after", "0…")
		}
		f.After = domain.Position(after)
	}
	return f, nil
}

// asked are the fields that narrow the search down, by name.
func (f logFilter) asked() map[string]string {
	asked := map[string]string{}
	for name, value := range map[string]string{"stream": f.Stream, "type": f.Type, "actor": f.Actor, "order": f.Order, "customer": f.Customer,
		"correlation": f.Correlation, "from": string(f.From), "to": string(f.To)} {
		if value != "" {
			asked[name] = value
		}
	}
	if f.Inspections {
		asked["inspections"] = withInspections
	}
	return asked
}

func (f logFilter) query() url.Values {
	query := url.Values{}
	for name, value := range f.asked() {
		query.Set(name, value)
	}
	if f.Newest {
		query.Set("sort", newestFirst)
	}
	return query
}

// search is the filter as the index is asked; order is the identity behind the wanted order.
func (f logFilter) search(order domain.OrderID) (projections.EventSearch, error) {
	search := projections.EventSearch{Type: f.Type, Actor: f.Actor, Correlation: f.Correlation, After: f.After, Newest: f.Newest, Inspections: f.Inspections}
	if f.Stream != "" {
		search.Streams = []string{f.Stream}
	}
	if order != "" {
		search.Subjects = append(search.Subjects, projections.SubjectOf(order))
	}
	if f.Customer != "" {
		search.Subjects = append(search.Subjects, projections.SubjectOf(domain.CustomerID(f.Customer)))
	}
	if f.From != "" {
		start, err := f.From.Begins()
		if err != nil {
			return search, err
		}
		search.From = start
	}
	if f.To != "" {
		end, err := EndOf(f.To)
		if err != nil {
			return search, err
		}
		search.Until = end.Add(time.Nanosecond)
	}
	return search, nil
}

// showLog searches the event log for auditors: who did what, when, caused by what.
func (s *Server) showLog(c *call) (reply, error) {
	if event := strings.TrimSpace(c.URL.Query().Get("event")); event != "" {
		return reply{location: "/log/events/" + url.PathEscape(event)}, nil
	}
	filter, err := filterOf(c.URL.Query())
	if err != nil {
		return reply{}, err
	}
	order, err := s.orderNamed(c, filter.Order)
	if err != nil {
		return reply{}, err
	}
	search, err := filter.search(order)
	if err != nil {
		return reply{}, err
	}
	rows, err := s.Tables.FindEvents(c.Context(), search, logRows+1)
	if err != nil {
		return reply{}, err
	}
	view := logView{Filter: filter, Rows: rows[:min(len(rows), logRows)], More: len(rows) > logRows, Witnessed: s.Evidence.Witnessed()}
	for _, kind := range domain.Kinds {
		view.Kinds = append(view.Kinds, kind.Name)
	}
	err = s.inspected(c, domain.SearchInspection, filter.asked(), len(view.Rows))
	return reply{page: "log", view: view}, err
}

// orderNamed is the identity of the order that has a number; every other text is taken for an identity.
func (s *Server) orderNamed(c *call, text string) (domain.OrderID, error) {
	number, err := domain.ParseOrderNumber(text)
	if err != nil {
		return domain.OrderID(text), nil
	}
	order, ok, err := s.Tables.OrderByNumber(c.Context(), number)
	if err == nil && !ok {
		return domain.OrderID(number.String()), nil // which is no order's identity
	}
	return order, err
}

// inspected writes down that the asker is about to see a piece of the log; if that fails nothing is shown. Fields to which
// nothing answers are written down without what was typed into them: it may have been anything, a person's name too. A HEAD
// request shows nothing.
func (s *Server) inspected(c *call, what domain.Inspection, asked map[string]string, answered int) error {
	if c.Method == http.MethodHead {
		return nil
	}
	if answered == 0 {
		for field := range asked {
			asked[field] = ""
		}
	}
	day := domain.Day(c.at.UTC().Format(time.DateOnly))
	_, err := domain.Execute(c.Context(), s.Log, s.cause(c, "inspect"),
		domain.RecordInspection{LogInspected: domain.LogInspected{What: what, Asked: asked, Answered: answered}, On: day})
	return err
}
