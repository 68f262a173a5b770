package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/handlers"
	"netrom.pl/portal/projections"
)

// filterSynopsis is what can be typed to narrow the log down.
const filterSynopsis = "[-stream S] [-type T] [-actor A] [-order NUMBER] [-customer ID] [-correlation ID] [-from DAY] [-to DAY] [-after P] [-inspections]"

// filter is what an auditor looks for, as on the portal's page of the log.
type filter struct {
	stream, kind, actor, order, customer, correlation, from, to string
	after                                                       uint64
	inspections                                                 bool
}

func filterFlags(set *flag.FlagSet) *filter {
	var f filter
	set.StringVar(&f.stream, "stream", "", "only the events of one `STREAM`, such as order-...")
	set.StringVar(&f.kind, "type", "", "only the events of one `TYPE`, such as PaymentReceived")
	set.StringVar(&f.actor, "actor", "", "only what one `ACCOUNT` or part of the system did, such as system:import")
	set.StringVar(&f.order, "order", "", "only what touches the order with this `NUMBER` or identity")
	set.StringVar(&f.customer, "customer", "", "only what touches the customer with this `ID`")
	set.StringVar(&f.correlation, "correlation", "", "only what goes back to one request or run `ID`")
	set.StringVar(&f.from, "from", "", "only from this Polish `DAY` on, such as 2026-11-22")
	set.StringVar(&f.to, "to", "", "only up to this `DAY`, itself included")
	set.Uint64Var(&f.after, "after", 0, "only behind position `P`")
	set.BoolVar(&f.inspections, "inspections", false, "also who has looked at the log")
	return &f
}

// asked are the fields that narrow the log down, by name.
func (f *filter) asked() map[string]string {
	asked := map[string]string{}
	for name, value := range map[string]string{"stream": f.stream, "type": f.kind, "actor": f.actor, "order": f.order, "customer": f.customer,
		"correlation": f.correlation, "from": f.from, "to": f.to} {
		if value != "" {
			asked[name] = value
		}
	}
	return asked
}

// check refuses what nothing can be.
func (f *filter) check() error {
	if known := func(k domain.Kind) bool { return k.Name == f.kind }; f.kind != "" && !slices.ContainsFunc(domain.Kinds, known) {
		return foundation.UsageError{Err: fmt.Errorf("there is no event type %q; docs/events.md lists them, OrderSubmitted is one", f.kind)}
	}
	for name, day := range map[string]string{"-from": f.from, "-to": f.to} {
		if _, err := handlers.EndOf(domain.Day(day)); day != "" && err != nil {
			return foundation.UsageError{Err: fmt.Errorf("%s %q is no day such as 2026-11-22", name, day)}
		}
	}
	return nil
}

// search is the filter as the log is asked. The number of an order is looked up in the log.
func (f *filter) search(ctx context.Context, log domain.Log) (projections.EventSearch, error) {
	s := projections.EventSearch{Type: f.kind, Actor: f.actor, Correlation: f.correlation, Inspections: f.inspections, After: domain.Position(f.after)}
	if f.stream != "" {
		s.Streams = []string{f.stream}
	}
	if f.order != "" {
		order, err := orderNamed(ctx, log, f.order)
		if err != nil {
			return s, err
		}
		s.Subjects = append(s.Subjects, projections.SubjectOf(order))
	}
	if f.customer != "" {
		s.Subjects = append(s.Subjects, projections.SubjectOf(domain.CustomerID(f.customer)))
	}
	if f.from != "" {
		first, err := domain.Day(f.from).Begins()
		if err != nil {
			return s, err
		}
		s.From = first
	}
	if f.to != "" {
		end, err := handlers.EndOf(domain.Day(f.to))
		if err != nil {
			return s, err
		}
		s.Until = end.Add(time.Nanosecond)
	}
	return s, nil
}

// orderNamed is the identity of the order that has a number; every other text is taken for an identity.
func orderNamed(ctx context.Context, log domain.Log, text string) (domain.OrderID, error) {
	number, err := domain.ParseOrderNumber(text)
	if err != nil {
		return domain.OrderID(text), nil
	}
	register, err := domain.Load[domain.Numbers](ctx, log, domain.NumbersStream(number.Year))
	if err != nil {
		return "", fmt.Errorf("look up the order's number: %w", err)
	}
	order, known := register.State.ByText[number]
	if !known {
		return "", errors.New("no order has the number " + strings.TrimSpace(text))
	}
	return order, nil
}
