package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// Limits of one page of the log: events that are shown, and events that are looked at for that.
const (
	logRows    = 100
	logScanMax = 20_000
)

// logView is a part of the event log.
type logView struct {
	Filter  logFilter
	Kinds   []string
	Entries []logEntry
	More    bool            // the log goes on behind Until
	Until   domain.Position // of the last event that was looked at
	Sealed  bool            // personal fields are not shown
}

// NextPath leads to the part of the log behind this one.
func (v logView) NextPath() string {
	query := v.Filter.query()
	query.Set("after", strconv.FormatUint(uint64(v.Until), 10))
	return "/log?" + query.Encode()
}

// logFilter is what an auditor looks for; empty fields let everything through.
type logFilter struct {
	Stream      string
	Type        string
	Order       string
	Customer    string
	Correlation string
	From        domain.Day // by the portal's clock
	To          domain.Day
	After       domain.Position
}

// logEntry is an event as an auditor reads it.
type logEntry struct {
	domain.Record
	Contents string // JSON
}

// filterOf reads what to look for from a query. A name that nothing can have is refused.
func filterOf(query url.Values) (logFilter, error) {
	f := logFilter{Type: query.Get("type"), From: domain.Day(query.Get("from")), To: domain.Day(query.Get("to"))}
	for field, into := range map[string]*string{"stream": &f.Stream, "order": &f.Order, "customer": &f.Customer, "correlation": &f.Correlation} {
		if *into = strings.TrimSpace(query.Get(field)); *into != "" && !isName(*into) {
			return f, invalidInput(field, strconv.Itoa(idMax))
		}
	}
	if known := func(k domain.Kind) bool { return k.Name == f.Type }; f.Type != "" && !slices.ContainsFunc(domain.Kinds, known) {
		return f, invalidInput("type", "docs/events.md")
	}
	for field, day := range map[string]domain.Day{"from": f.From, "to": f.To} {
		if _, err := EndOf(day); day != "" && err != nil {
			return f, invalidInput(field, time.DateOnly)
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

func (f logFilter) query() url.Values {
	query := url.Values{}
	for name, value := range map[string]string{"stream": f.Stream, "type": f.Type, "order": f.Order, "customer": f.Customer,
		"correlation": f.Correlation, "from": string(f.From), "to": string(f.To)} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

// lets an event through. An event concerns an order or a customer if it stands in a stream of theirs, was caused on the
// customer's behalf, or names it.
func (f logFilter) lets(record domain.Record) (bool, error) {
	day := DayOf(record.Metadata.At)
	if f.Type != "" && record.Type != f.Type || f.Correlation != "" && record.Metadata.Correlation != f.Correlation ||
		f.From != "" && day < f.From || f.To != "" && day > f.To {
		return false, nil
	}
	for _, id := range []string{f.Order, f.Customer} {
		if id == "" || record.Metadata.OnBehalfOf == id {
			continue
		}
		if _, owner, _ := strings.Cut(record.Stream, "-"); owner == id {
			continue
		}
		contents, err := json.Marshal(record.Event)
		if err != nil {
			return false, fmt.Errorf("encode event %d: %w", record.Position, err)
		}
		if !bytes.Contains(contents, []byte(`"`+id+`"`)) {
			return false, nil
		}
	}
	return true, nil
}

// showLog is the event log for auditors: who did what, when, caused by what. It is read-only.
func (s *Server) showLog(c *call) (reply, error) {
	query := c.URL.Query()
	order, err := s.orderNamed(c, strings.TrimSpace(query.Get("order")))
	if err != nil {
		return reply{}, err
	}
	query.Set("order", order)
	filter, err := filterOf(query)
	if err != nil {
		return reply{}, err
	}
	view := logView{Filter: filter, Until: filter.After, Sealed: !s.AuditorsSeePersonalData}
	for _, kind := range domain.Kinds {
		view.Kinds = append(view.Kinds, kind.Name)
	}
	looked := 0
	for record, err := range s.records(c, filter) {
		if err != nil {
			return reply{}, fmt.Errorf("read the log: %w", err)
		}
		if record.Position <= filter.After {
			continue
		}
		if looked == logScanMax || len(view.Entries) == logRows {
			view.More = true
			break
		}
		looked++
		view.Until = record.Position
		lets, err := filter.lets(record)
		if err != nil {
			return reply{}, err
		}
		if !lets {
			continue
		}
		entry, err := entryOf(record, view.Sealed, c.say("log.sealed"))
		if err != nil {
			return reply{}, err
		}
		view.Entries = append(view.Entries, entry)
	}
	return reply{page: "log", view: view}, nil
}

// orderNamed is the identity of the order that has a number; every other text is taken for an identity.
func (s *Server) orderNamed(c *call, text string) (string, error) {
	number, err := domain.ParseOrderNumber(text)
	if err != nil {
		return text, nil
	}
	rows, _, err := s.Tables.AllOrders(c.Context(), projections.Listing{Search: number.String(), Limit: listRows})
	for _, row := range rows {
		if row.Number == number {
			return string(row.Order), nil
		}
	}
	return strings.ReplaceAll(number.String(), "/", "-"), err // which is no order's identity
}

// records are those of one stream, or of the whole log.
func (s *Server) records(c *call, filter logFilter) iter.Seq2[domain.Record, error] {
	if filter.Stream != "" {
		return s.Log.Read(c.Context(), filter.Stream, 0)
	}
	return s.Log.History(c.Context(), filter.After)
}

func entryOf(record domain.Record, sealed bool, instead string) (logEntry, error) {
	event := record.Event
	if sealed {
		event = sealPersonal(reflect.ValueOf(event), instead).Interface()
	}
	contents, err := json.MarshalIndent(event, "", "  ")
	if err != nil {
		return logEntry{}, fmt.Errorf("encode event %d: %w", record.Position, err)
	}
	return logEntry{Record: record, Contents: string(contents)}, nil
}

// sealPersonal is a copy of an event in which a word stands instead of every personal text, and nothing instead of every
// other personal value.
func sealPersonal(value reflect.Value, instead string) reflect.Value {
	sealed := reflect.New(value.Type()).Elem()
	switch value.Kind() {
	case reflect.Struct:
		sealed.Set(value)
		for i := range value.NumField() {
			switch field := value.Type().Field(i); {
			case !field.IsExported():
			case !isPersonal(field):
				sealed.Field(i).Set(sealPersonal(value.Field(i), instead))
			case field.Type.Kind() == reflect.String && value.Field(i).Len() > 0:
				sealed.Field(i).SetString(instead)
			default:
				sealed.Field(i).SetZero()
			}
		}
	case reflect.Slice:
		if value.IsNil() {
			return value
		}
		sealed.Set(reflect.MakeSlice(value.Type(), value.Len(), value.Len()))
		for i := range value.Len() {
			sealed.Index(i).Set(sealPersonal(value.Index(i), instead))
		}
	case reflect.Pointer:
		if value.IsNil() {
			return value
		}
		sealed.Set(reflect.New(value.Type().Elem()))
		sealed.Elem().Set(sealPersonal(value.Elem(), instead))
	default:
		return value
	}
	return sealed
}

// isPersonal tells the fields that are sealed in the log from the one that names whose they are.
func isPersonal(field reflect.StructField) bool {
	kept := field.Tag.Get("personal")
	return kept == "legal" || kept == "contact"
}
