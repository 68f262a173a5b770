package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"

	"netrom.pl/portal/domain"
)

// tasks is what the process manager owes: the fold of every stream that can oblige it to do something.
var tasks = View{
	Name:   "tasks",
	Tables: []string{"tasks", "task_streams"},
	Concerns: func(event domain.Event) bool {
		switch event.(type) {
		case domain.OrderSubmitted, domain.OrderCancelled, domain.LicencesReleased, domain.PaymentReceived, domain.PaymentTakenBack,
			domain.UnderpaymentWaived, domain.LetterSent, domain.LicencesMarkedPaid, domain.LicencesMarkedUnpaid, domain.ActivationFileSent, domain.ActivationFileResendRequested, domain.TaskFailed,
			domain.TaskRetryRequested, domain.TaskSkipped,
			domain.OrderExpired, domain.OrderRevived, domain.OrderLapsed, domain.BalanceLetterSent,
			domain.CustomerRegistered, domain.LoginGranted, domain.LoginLetterSent, domain.LoginLetterFailed, domain.LoginLetterSkipped,
			domain.PersonalDataErased,
			domain.CartSubmitted, domain.CartReturned, domain.CheckpointLetterOwed, domain.CheckpointLetterSent, domain.CheckpointLetterFailed, domain.CheckpointLetterDropped, domain.TransferMatched, domain.TransferReleased,
			domain.ReversalMatched, domain.TransferReversed:
			return true
		}
		return false
	},
	See: seeTasks,
	parts: []part{
		{kind: "order", whole: true, rows: rowsBy("stream", "tasks", "task_streams"), read: readStream},
		{kind: "customer", whole: true, rows: rowsBy("stream", "tasks", "task_streams"), read: readStream},
		{kind: "cart", whole: true, rows: rowsBy("stream", "tasks", "task_streams"), read: readCartAndOrders},
		{kind: "transfer", whole: true, rows: rowsBy("stream", "tasks", "task_streams"), read: readTransferAndOrders},
		{kind: "reversal", whole: true, rows: rowsBy("stream", "tasks", "task_streams"), read: readReversalAndTransfer},
		{kind: "auditor", whole: true, rows: rowsBy("stream", "tasks", "task_streams"), read: readStream},
	},
}

// duties is what the view remembers of one stream: of an order, a customer, a cart, a transfer or a reversal.
type duties struct {
	Order    *domain.Order             `json:"order,omitempty"`
	Customer *domain.Customer          `json:"customer,omitempty"` // identity and logins only
	Placing  map[domain.OrderID]bool   `json:"placing,omitempty"`  // submissions of the cart that are not placed yet
	Bookings []domain.Booking          `json:"bookings,omitempty"` // of the transfer, until their orders know of them
	Reverses domain.TransferID         `json:"reverses,omitempty"` // the transfer of the reversal, until its money is taken back
	Letters  *domain.CheckpointLetters `json:"letters,omitempty"`  // to the auditor, while one is owed
	Since    map[string]time.Time      `json:"since,omitempty"`    // by task
}

// over tells that nothing about the stream need be remembered.
func (d *duties) over() bool {
	return d.Order == nil && d.Customer == nil && d.Letters == nil && len(d.Placing) == 0 && len(d.Bookings) == 0 && d.Reverses == ""
}

// streamsOf are the streams whose duties a record changes: its own, and the one that it relieves.
func streamsOf(record domain.Record) []string {
	switch e := record.Event.(type) {
	case domain.OrderSubmitted:
		return []string{record.Stream, domain.CartStream(e.Buyer)}
	case domain.PaymentReceived:
		return []string{record.Stream, domain.TransferStream(e.Transfer)}
	case domain.PaymentTakenBack:
		return []string{record.Stream, domain.TransferStream(e.Transfer)}
	case domain.TransferReversed:
		return []string{domain.ReversalStream(e.Reversal)}
	}
	return []string{record.Stream}
}

func seeTasks(ctx context.Context, s *Session, page []domain.Record) error {
	var touched, needed []string
	for _, record := range page {
		touched = append(touched, streamsOf(record)...)
		switch e := record.Event.(type) {
		case domain.TransferMatched:
			needed = append(needed, domain.OrderStream(e.Order))
		case domain.TransferReleased:
			needed = append(needed, domain.OrderStream(e.Order))
		}
	}
	slices.Sort(touched)
	touched = slices.Compact(touched)
	states, err := remembered[duties](ctx, s, `select stream as key, state from task_streams where stream = any($1)`, append(needed, touched...))
	if err != nil {
		return err
	}
	for _, record := range page {
		for _, stream := range streamsOf(record) {
			states[stream].evolve(stream, record, states)
		}
	}
	if err := writeDuties(ctx, s, touched, states); err != nil {
		return err
	}
	return writeTasks(ctx, s, touched, states)
}

// evolve folds a record into the duties of one of its streams.
func (d *duties) evolve(stream string, record domain.Record, all map[string]*duties) {
	switch kind, _, _ := strings.Cut(stream, "-"); kind { // each is one of the view's parts, too
	case "order":
		if d.Order == nil {
			d.Order = &domain.Order{}
		}
		d.Order.Evolve(record.Event)
	case "customer":
		d.evolveLogins(record.Event)
	case "cart":
		d.evolveSubmissions(record.Event)
	case "transfer":
		d.evolveBooking(record.Event, all)
	case "reversal":
		d.evolveReversal(record.Event)
	case "auditor":
		d.evolveLetters(record.Event)
	}
	since := map[string]time.Time{}
	for _, task := range d.owed() {
		at, known := d.Since[task.ID]
		if !known {
			at = record.Metadata.At
		}
		since[task.ID] = at
	}
	d.Since = since
}

// evolveLogins folds a customer and forgets everything that says who it is.
func (d *duties) evolveLogins(event domain.Event) {
	if d.Customer == nil {
		d.Customer = &domain.Customer{}
	}
	d.Customer.Evolve(event) // also an erasure, which gives up the letters
	d.Customer = &domain.Customer{ID: d.Customer.ID, Logins: d.Customer.Logins}
}

// evolveLetters folds the letters to the auditor and forgets them when none is owed.
func (d *duties) evolveLetters(event domain.Event) {
	if d.Letters == nil {
		d.Letters = &domain.CheckpointLetters{}
	}
	d.Letters.Evolve(event)
	if _, owed := d.Letters.Owed(); !owed {
		d.Letters = nil
	}
}

func (d *duties) evolveSubmissions(event domain.Event) {
	switch e := event.(type) {
	case domain.CartSubmitted:
		if d.Placing == nil {
			d.Placing = map[domain.OrderID]bool{}
		}
		d.Placing[e.Order] = true
	case domain.CartReturned:
		delete(d.Placing, e.Order)
	case domain.OrderSubmitted:
		delete(d.Placing, e.Order)
	}
}

// evolveBooking remembers a booking until its order has it, which it may have already.
func (d *duties) evolveBooking(event domain.Event, all map[string]*duties) {
	done := func(number int) {
		d.Bookings = slices.DeleteFunc(slices.Clone(d.Bookings), func(b domain.Booking) bool { return b.Booking == number })
	}
	switch e := event.(type) {
	case domain.TransferMatched:
		if order := all[domain.OrderStream(e.Order)].Order; order == nil || !order.HasBooking(e.Transfer, e.Booking) {
			d.Bookings = append(slices.Clip(d.Bookings), domain.Booking{Booking: e.Booking, Order: e.Order, Amount: e.Amount, ValueOn: e.ValueOn})
		}
	case domain.TransferReleased:
		if order := all[domain.OrderStream(e.Order)].Order; order == nil || !order.HasBooking(e.Transfer, e.Booking) {
			d.Bookings = append(slices.Clip(d.Bookings), domain.Booking{Booking: e.Booking, Order: e.Order, Amount: -e.Amount, ValueOn: e.ValueOn})
		}
	case domain.PaymentReceived:
		done(e.Booking)
	case domain.PaymentTakenBack:
		done(e.Booking)
	}
}

func (d *duties) evolveReversal(event domain.Event) {
	switch e := event.(type) {
	case domain.ReversalMatched:
		d.Reverses = e.Transfer
	case domain.TransferReversed:
		d.Reverses = ""
	}
}

// owed lists what the stream obliges the process manager to do.
func (d *duties) owed() []domain.Task {
	var tasks []domain.Task
	if d.Order != nil {
		tasks = append(tasks, d.Order.Owed()...)
	}
	if d.Customer != nil {
		for _, account := range slices.Sorted(maps.Keys(d.Customer.Logins)) {
			if login := d.Customer.Logins[account]; login.Link > login.Sent {
				tasks = append(tasks, domain.Task{ID: string(domain.LoginTask) + "-" + account, Kind: domain.LoginTask, Copy: login.Link, Failure: login.Failure})
			}
		}
	}
	if d.Letters != nil {
		if task, ok := d.Letters.Owed(); ok {
			tasks = append(tasks, task)
		}
	}
	for _, order := range slices.Sorted(maps.Keys(d.Placing)) {
		tasks = append(tasks, domain.Task{ID: string(domain.PlaceTask) + "-" + string(order), Kind: domain.PlaceTask})
	}
	for _, booking := range d.Bookings {
		tasks = append(tasks, domain.Task{ID: bookTaskID(booking.Booking), Kind: domain.BookTask, Copy: booking.Booking})
	}
	if d.Reverses != "" {
		tasks = append(tasks, domain.Task{ID: string(domain.ReverseTask), Kind: domain.ReverseTask})
	}
	return tasks
}

// bookTaskID names the booking of a transfer that an order does not know of yet.
func bookTaskID(booking int) string {
	if booking == 0 {
		return string(domain.BookTask)
	}
	return fmt.Sprintf("%s-%d", domain.BookTask, booking)
}

// rows shows the duties of a stream as tasks with their identities and times.
func (d *duties) rows(stream string) []TaskRow {
	_, id, _ := strings.Cut(stream, "-")
	var rows []TaskRow
	for _, task := range d.owed() {
		row := TaskRow{Stream: stream, Task: task, Since: d.Since[task.ID]}
		if from := task.From(); from.After(row.Since) {
			row.Since = from
		}
		switch task.Kind {
		case domain.CheckpointTask: // nobody's
		case domain.LoginTask:
			row.Customer = d.Customer.ID
		case domain.PlaceTask:
			row.Buyer, row.Customer = domain.CustomerID(id), domain.CustomerID(id)
			row.Order = domain.OrderID(strings.TrimPrefix(task.ID, string(domain.PlaceTask)+"-"))
		case domain.BookTask:
			at := slices.IndexFunc(d.Bookings, func(b domain.Booking) bool { return b.Booking == task.Copy })
			row.Transfer, row.Order = domain.TransferID(id), d.Bookings[at].Order
		case domain.ReverseTask:
			row.Transfer = d.Reverses
		default:
			row.Order, row.Buyer, row.Customer = d.Order.Order, d.Order.Buyer, d.Order.Buyer
		}
		row.DueAt = row.Since
		if task.Failure.Attempt > 0 {
			row.DueAt = task.Failure.NextAt
		}
		rows = append(rows, row)
	}
	return rows
}

func writeDuties(ctx context.Context, s *Session, streams []string, states map[string]*duties) error {
	over := slices.DeleteFunc(slices.Clone(streams), func(stream string) bool { return !states[stream].over() })
	kept := slices.DeleteFunc(slices.Clone(streams), func(stream string) bool { return states[stream].over() })
	if len(over) > 0 {
		if _, err := s.change(ctx, `delete from task_streams where stream = any($1)`, pq.Array(over)); err != nil {
			return fmt.Errorf("forget streams: %w", err)
		}
	}
	if len(kept) > 0 {
		_, err := s.change(ctx, `
			insert into task_streams (stream, state) select * from unnest($1::text[], $2::json[])
			on conflict (stream) do update set state = excluded.state`,
			pq.Array(kept), column(kept, func(stream string) string { return encode(states[stream]) }))
		if err != nil {
			return fmt.Errorf("write streams: %w", err)
		}
	}
	return nil
}

// writeTasks replaces the tasks of some streams.
func writeTasks(ctx context.Context, s *Session, streams []string, states map[string]*duties) error {
	var rows []TaskRow
	for _, stream := range streams {
		rows = append(rows, states[stream].rows(stream)...)
	}
	if _, err := s.change(ctx, `delete from tasks where stream = any($1)`, pq.Array(streams)); err != nil {
		return fmt.Errorf("clear tasks: %w", err)
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := s.change(ctx, `
		insert into tasks (stream, id, kind, line, copy, order_id, customer, buyer, transfer, since, due_at, until, failure)
		select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[],
			$10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::json[])`,
		column(rows, func(r TaskRow) string { return r.Stream }),
		column(rows, func(r TaskRow) string { return r.Task.ID }),
		column(rows, func(r TaskRow) string { return string(r.Task.Kind) }),
		column(rows, func(r TaskRow) int64 { return int64(r.Task.Line) }),
		column(rows, func(r TaskRow) int64 { return int64(r.Task.Copy) }),
		column(rows, func(r TaskRow) string { return string(r.Order) }),
		column(rows, func(r TaskRow) string { return string(r.Customer) }),
		column(rows, func(r TaskRow) string { return string(r.Buyer) }),
		column(rows, func(r TaskRow) string { return string(r.Transfer) }),
		column(rows, func(r TaskRow) string { return timestamp(r.Since) }),
		column(rows, func(r TaskRow) string { return timestamp(r.DueAt) }),
		column(rows, func(r TaskRow) string { return until(r.Task) }),
		column(rows, func(r TaskRow) string { return encode(r.Task.Failure) }))
	if err != nil {
		return fmt.Errorf("write tasks: %w", err)
	}
	return nil
}

// until is when a task stops to make sense, as Postgres writes it.
func until(task domain.Task) string {
	if at := task.Until(); !at.IsZero() {
		return timestamp(at)
	}
	return "infinity"
}

// TaskRow is something that is owed. Which of the identities are filled depends on the kind: Order, Customer and Buyer
// for an order and for a submission to be placed, Customer for a login letter (Task.ID is "login-" and the account,
// Task.Copy the number of its link), Transfer and Order for a payment to be booked, Transfer for a reversal.
type TaskRow struct {
	Stream   string
	Order    domain.OrderID
	Customer domain.CustomerID
	Buyer    domain.CustomerID
	Transfer domain.TransferID
	Task     domain.Task
	Since    time.Time // when it came to be owed; of a task with a day of its own, when that began
	DueAt    time.Time // Since, or after a failure the moment of the next try
}

const selectTasks = `
	select stream, order_id as "order", customer, buyer, transfer, since, due_at as dueat, id as "task.id", kind as "task.kind",
		line as "task.line", copy as "task.copy", failure as reason
	from tasks`

const orderByDue = `
	order by due_at, stream, id`

// stillMakesSense leaves out what a portal that slept has missed.
const stillMakesSense = ` and until > $1`

// Due lists tasks whose time has come, the most overdue first.
func (t *Tables) Due(ctx context.Context, now time.Time, limit int) ([]TaskRow, error) {
	return readTasks(ctx, t.due.SelectContext, now, limit)
}

// Tasks lists everything that is owed by now, also what waits for its next try.
func (t *Tables) Tasks(ctx context.Context, now time.Time) ([]TaskRow, error) {
	return readTasks(ctx, t.tasks.SelectContext, now)
}

// Upcoming lists what falls due on a later day if nothing happens before, the next first.
func (t *Tables) Upcoming(ctx context.Context, now time.Time, limit int) ([]TaskRow, error) {
	return readTasks(ctx, t.upcoming.SelectContext, now, limit)
}

func readTasks(ctx context.Context, choose func(ctx context.Context, rows any, args ...any) error, args ...any) ([]TaskRow, error) {
	var stored []struct {
		TaskRow
		Reason []byte
	}
	if err := choose(ctx, &stored, args...); err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	rows := make([]TaskRow, len(stored))
	for i, row := range stored {
		rows[i] = row.TaskRow
		rows[i].Since, rows[i].DueAt = row.Since.UTC(), row.DueAt.UTC()
		if err := json.Unmarshal(row.Reason, &rows[i].Task.Failure); err != nil {
			return nil, fmt.Errorf("list tasks: decode failure: %w", err)
		}
	}
	return rows, nil
}

// NextDue is the moment at which the next task is due; ok is false when nothing is owed.
func (t *Tables) NextDue(ctx context.Context) (at time.Time, ok bool, err error) {
	var due []time.Time
	if err := t.nextDue.SelectContext(ctx, &due); err != nil {
		return time.Time{}, false, fmt.Errorf("find next task: %w", err)
	}
	if len(due) == 0 {
		return time.Time{}, false, nil
	}
	return due[0].UTC(), true, nil
}
