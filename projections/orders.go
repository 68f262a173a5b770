package projections

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/domain"
)

// orders is what was submitted, and how far it has come.
var orders = View{
	Name:   "orders",
	Tables: []string{"orders", "activation_files"},
	Concerns: func(event domain.Event) bool {
		switch event.(type) {
		case domain.OrderSubmitted, domain.OrderCancelled, domain.PaymentReceived, domain.PaymentTakenBack, domain.UnderpaymentWaived, domain.LetterSent,
			domain.ProformaIssued, domain.InvoiceRecorded,
			domain.ActivationFileIssued, domain.ActivationFileSent, domain.ActivationFileResendRequested,
			domain.OrderExpired, domain.OrderRevived, domain.OrderLapsed, domain.BalanceLetterSent, domain.TaskSkipped, domain.TaskRetryRequested:
			return true
		}
		return false
	},
	See: seeOrders,
	parts: []part{
		{kind: "order", rows: rowsBy("id", "orders"), read: readStream},
		{kind: "licence", rows: rowsBy("licence", "activation_files"), read: readOrdersOfLicence},
	},
}

// orderState is an order with what its buyer is shown of its history.
type orderState struct {
	Order  domain.Order            `json:"order"`
	At     time.Time               `json:"at"` // of the submission
	Steps  []OrderStep             `json:"steps"`
	Issued map[int]domain.Position `json:"issued"` // by line: where its activation file was issued
}

// evolve folds a record of an order stream.
func (o *orderState) evolve(record domain.Record) {
	o.Order.Evolve(record.Event)
	at := record.Metadata.At
	switch e := record.Event.(type) {
	case domain.OrderSubmitted:
		o.At, o.Issued = at, map[int]domain.Position{}
		o.Steps = []OrderStep{{What: StepSubmitted, At: at}}
	case domain.OrderCancelled:
		o.Steps = append(o.Steps, OrderStep{What: StepCancelled, At: at})
	case domain.PaymentReceived:
		o.Steps = append(o.Steps, OrderStep{What: StepPayment, At: at, Amount: e.Amount})
	case domain.PaymentTakenBack:
		what := StepPaymentTakenBack
		if e.Why == domain.ReleasedOverpaid {
			what = StepSurplusCredited
		}
		o.Steps = append(o.Steps, OrderStep{What: what, At: at, Amount: e.Amount})
	case domain.UnderpaymentWaived:
		o.Steps = append(o.Steps, OrderStep{What: StepRestWaived, At: at, Amount: e.Amount})
	case domain.LetterSent:
		if what, told := letterSteps[e.Kind]; told {
			o.Steps = append(o.Steps, OrderStep{What: what, At: at})
		}
	case domain.BalanceLetterSent:
		o.Steps = append(o.Steps, OrderStep{What: StepBalanceSent, At: at})
	case domain.OrderExpired:
		o.Steps = append(o.Steps, OrderStep{What: StepExpired, At: at})
	case domain.OrderRevived:
		o.Steps = append(o.Steps, OrderStep{What: StepRevived, At: at})
	case domain.OrderLapsed:
		o.Steps = append(o.Steps, OrderStep{What: StepLapsed, At: at})
	case domain.ProformaIssued:
		o.Steps = append(o.Steps, OrderStep{What: StepProforma, At: at})
	case domain.InvoiceRecorded:
		o.Steps = append(o.Steps, OrderStep{What: StepInvoice, At: at})
	case domain.ActivationFileIssued:
		o.Issued[e.Line] = record.Position
	case domain.ActivationFileSent:
		o.Steps = append(o.Steps, OrderStep{What: StepFileSent, At: at, Line: e.Line})
	}
}

func seeOrders(ctx context.Context, s *Session, page []domain.Record) error {
	ids := keys(page, idIn("order"))
	states, err := remembered[orderState](ctx, s, `select id as key, state from orders where id = any($1)`, ids)
	if err != nil {
		return err
	}
	touched := map[domain.LicenceID]activationFileRow{}
	for _, record := range page {
		order := states[idIn("order")(record)]
		order.evolve(record)
		for _, line := range linesWithFiles(record.Event) {
			file := order.file(line)
			if known, ok := touched[file.licence]; !ok || known.issued <= file.issued {
				touched[file.licence] = file
			}
		}
	}
	if err := writeOrders(ctx, s, ids, states); err != nil {
		return err
	}
	return writeActivationFiles(ctx, s, touched)
}

// linesWithFiles are the lines whose activation file an event concerns.
func linesWithFiles(event domain.Event) []int {
	switch e := event.(type) {
	case domain.ActivationFileIssued:
		return []int{e.Line}
	case domain.ActivationFileSent:
		return []int{e.Line}
	case domain.ActivationFileResendRequested:
		return []int{e.Line}
	}
	return nil
}

func writeOrders(ctx context.Context, s *Session, ids []string, states map[string]*orderState) error {
	text := func(value func(*orderState) string) any {
		return column(ids, func(id string) string { return value(states[id]) })
	}
	money := func(value func(*orderState) domain.Money) any {
		return column(ids, func(id string) int64 { return int64(value(states[id])) })
	}
	_, err := s.change(ctx, `
		insert into orders (id, number, buyer, at, due_on, payable_until, status, net, vat, gross, received, paid, title, state)
		select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[],
			$10::bigint[], $11::bigint[], $12::boolean[], $13::text[], $14::json[])
		on conflict (id) do update set payable_until = excluded.payable_until, status = excluded.status, received = excluded.received,
			paid = excluded.paid, state = excluded.state`,
		column(ids, func(id string) string { return id }),
		text(func(o *orderState) string { return o.Order.Number.String() }),
		text(func(o *orderState) string { return string(o.Order.Buyer) }),
		text(func(o *orderState) string { return timestamp(o.At) }),
		text(func(o *orderState) string { return string(o.Order.DueOn) }),
		text(func(o *orderState) string { return string(o.Order.PayableUntil()) }),
		text(func(o *orderState) string { return string(o.Order.Status()) }),
		money(func(o *orderState) domain.Money { return o.Order.Total.Net }),
		money(func(o *orderState) domain.Money { return o.Order.Total.VAT }),
		money(func(o *orderState) domain.Money { return o.Order.Total.Gross }),
		money(func(o *orderState) domain.Money { return o.Order.PaidAmount() }),
		column(ids, func(id string) bool { return states[id].Order.Paid() }),
		text(func(o *orderState) string { return o.Order.Title }),
		text(func(o *orderState) string { return encode(o) }))
	if err != nil {
		return fmt.Errorf("write orders: %w", err)
	}
	return nil
}

// activationFileRow is the file of one line, seen from its licence.
type activationFileRow struct {
	licence domain.LicenceID
	order   domain.OrderID
	line    domain.Line
	issued  domain.Position
	domain.FileState
}

func (o *orderState) file(number int) activationFileRow {
	line := o.Order.Lines[number-1]
	return activationFileRow{licence: line.Licence, order: o.Order.Order, line: line, issued: o.Issued[number], FileState: o.Order.Files[number]}
}

// writeActivationFiles keeps the newest file of each licence.
func writeActivationFiles(ctx context.Context, s *Session, touched map[domain.LicenceID]activationFileRow) error {
	var files []activationFileRow
	for _, file := range touched {
		files = append(files, file)
	}
	if len(files) == 0 {
		return nil
	}
	slices.SortFunc(files, func(a, b activationFileRow) int { return cmp.Compare(a.licence, b.licence) })
	_, err := s.change(ctx, `
		insert into activation_files as f (licence, order_id, line, edition, version, issued, sent, wanted, address)
		select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
		on conflict (licence) do update set order_id = excluded.order_id, line = excluded.line, edition = excluded.edition,
			version = excluded.version, issued = excluded.issued, sent = excluded.sent, wanted = excluded.wanted, address = excluded.address
		where f.issued <= excluded.issued`,
		column(files, func(f activationFileRow) string { return string(f.licence) }),
		column(files, func(f activationFileRow) string { return string(f.order) }),
		column(files, func(f activationFileRow) int64 { return int64(f.line.Line) }),
		column(files, func(f activationFileRow) string { return string(f.line.Edition) }),
		column(files, func(f activationFileRow) string { return string(f.line.To) }),
		column(files, func(f activationFileRow) int64 { return int64(f.issued) }),
		column(files, func(f activationFileRow) int64 { return int64(f.Sent) }),
		column(files, func(f activationFileRow) int64 { return int64(f.Wanted) }),
		column(files, func(f activationFileRow) int64 { return int64(f.Address) }))
	if err != nil {
		return fmt.Errorf("write activation files: %w", err)
	}
	return nil
}

// OrderRow is an order. [Tables.Orders] leaves all from Bank on empty, [Tables.Order] fills it.
type OrderRow struct {
	Order     domain.OrderID
	Number    domain.OrderNumber
	Buyer     domain.CustomerID
	BuyerName string
	At        time.Time
	DueOn     domain.Day
	// PayableUntil is the last day whose money still counts at the order's prices; empty for an order that waits as long as it takes or does not wait.
	PayableUntil domain.Day
	Status       domain.OrderStatus
	Total        domain.Amounts
	Paid         domain.Money
	Waived       domain.Money // a small rest that need not be paid
	Title        string       // of the transfer
	Bank         domain.BankData
	Lines        []OrderLine
	Steps        []OrderStep
	Proforma     domain.ProformaNumber // empty: none was issued
	Invoices     []domain.InvoiceRecorded
	Reversed     domain.Money // what the bank took back
}

// OrderLine is a line with the names behind its identities and how far its activation file has come.
type OrderLine struct {
	domain.Line
	ClientName string
	Serial     string
	FileIssued bool
	FileSent   bool
	MayResend  bool // the address was corrected after the file had left, and no newer order has a file for the licence
}

// The steps of an order that its buyer is shown.
const (
	StepSubmitted        = "submitted"
	StepConfirmationSent = "confirmation-sent"
	StepPayment          = "payment"
	StepPaymentTakenBack = "payment-taken-back"
	StepSurplusCredited  = "surplus-credited"
	StepRestWaived       = "rest-waived"
	StepPaymentNoted     = "payment-noted"
	StepFileSent         = "file-sent"
	StepProforma         = "proforma"
	StepInvoice          = "invoice"
	StepCancelled        = "cancelled"
	StepReminded         = "reminded"
	StepRemindedAgain    = "reminded-again"
	StepBalanceSent      = "balance-sent"
	StepExpired          = "expired"
	StepExpiryNoted      = "expiry-noted"
	StepRevived          = "revived"
	StepLapsed           = "lapsed"
)

// letterSteps are the letters about a whole order that its buyer is shown.
var letterSteps = map[domain.TaskKind]string{
	domain.ConfirmTask: StepConfirmationSent, domain.PaymentNoteTask: StepPaymentNoted,
	domain.RemindTask: StepReminded, domain.RemindAgainTask: StepRemindedAgain, domain.ExpiryNoteTask: StepExpiryNoted,
}

// OrderStep is something that happened to an order.
type OrderStep struct {
	What   string       `json:"what"`
	At     time.Time    `json:"at"`
	Amount domain.Money `json:"amount,omitempty"` // of a payment, of what was taken back, or of the rest that was let go
	Line   int          `json:"line,omitempty"`   // of a file
}

// storedOrder is a row of the orders table as it is read.
type storedOrder struct {
	OrderRow
	NumberText      string
	Net, VAT, Gross domain.Money
	State           []byte
	Total           int // rows on all pages
}

const orderColumns = `o.id as "order", o.number as numbertext, o.buyer, coalesce(b.name, '') as buyername, o.at, o.due_on as dueon,
		o.payable_until as payableuntil, o.status, o.net, o.vat, o.gross, o.received as paid, o.waived, o.title`

// The part of the orders that waits for money, the columns by which they can be sorted, and the text in which words are looked for.
const (
	openOrders    = `when 'open' then o.status in ('` + string(domain.AwaitingPayment) + `', '` + string(domain.PartlyPaid) + `', '` + string(domain.ExpiredStatus) + `')`
	sortsOfOrders = `when 'state' then o.status when 'gross' then lpad(o.gross::text, 15, '0') when 'due' then o.due_on
		when 'number' then o.number`
	orderText = `o.number || ' ' || lower(o.title)`
)

// selectOrders knows the part open, which waits for money, and sorts by state, gross and due.
var selectOrders = listed{
	keys:    `o.id`,
	from:    `orders o where o.buyer = $1`,
	text:    orderText,
	only:    openOrders,
	sort:    sortsOfOrders,
	natural: `o.at desc, o.number desc`,
}.page() + `
	select ` + orderColumns + `, page.total from page join orders o using (id) left join customers b on b.id = o.buyer order by page.place`

// selectAllOrders is for the vendor's people. It knows the same parts and columns as selectOrders.
var selectAllOrders = listed{
	keys:    `o.id`,
	from:    `orders o left join customers b on b.id = o.buyer where ` + forEverybody,
	text:    orderText + ` || coalesce(' ' || b.folded || ' ' || b.nip, '')`,
	ids:     `array[lower(o.id), lower(o.buyer)]`,
	only:    openOrders,
	sort:    sortsOfOrders,
	natural: `o.at desc, o.number desc`,
}.page() + `
	select ` + orderColumns + `, page.total from page join orders o using (id) left join customers b on b.id = o.buyer order by page.place`

// selectOrder is for the buyer alone, selectAnyOrder for the vendor's people.
const (
	selectOrder = selectWholeOrder + `
	where o.buyer = $1 and o.id = $2`
	selectAnyOrder = selectWholeOrder + `
	where o.id = $1`
)

const selectWholeOrder = `
	select ` + orderColumns + `, o.state
	from orders o left join customers b on b.id = o.buyer`

// Orders lists what the buyer has ordered, newest first, without lines, steps and bank data; and how many orders there
// are on all pages together.
func (t *Tables) Orders(ctx context.Context, buyer domain.CustomerID, wanted Listing) ([]OrderRow, int, error) {
	return listOrders(ctx, t.orders, wanted.arguments(buyer))
}

// AllOrders lists the orders of everybody like [Tables.Orders], for the vendor's people. Names and identities of buyers find theirs.
func (t *Tables) AllOrders(ctx context.Context, wanted Listing) ([]OrderRow, int, error) {
	return listOrders(ctx, t.allOrders, wanted.arguments(everybody))
}

func listOrders(ctx context.Context, statement *sqlx.Stmt, arguments []any) ([]OrderRow, int, error) {
	var stored []storedOrder
	if err := statement.SelectContext(ctx, &stored, arguments...); err != nil {
		return nil, 0, fmt.Errorf("list orders: %w", err)
	}
	list, total := make([]OrderRow, len(stored)), 0
	for i, row := range stored {
		var err error
		if list[i], err = row.order(); err != nil {
			return nil, 0, fmt.Errorf("list orders: %w", err)
		}
		total = row.Total
	}
	return list, total, nil
}

// Order shows one order to its buyer. To everybody else, a client of the buyer too, it does not exist.
func (t *Tables) Order(ctx context.Context, viewer domain.CustomerID, id domain.OrderID) (OrderRow, bool, error) {
	return t.wholeOrder(ctx, t.order, viewer, id)
}

// AnyOrder shows one order, whoever bought it.
func (t *Tables) AnyOrder(ctx context.Context, id domain.OrderID) (OrderRow, bool, error) {
	return t.wholeOrder(ctx, t.anyOrder, id)
}

func (t *Tables) wholeOrder(ctx context.Context, statement *sqlx.Stmt, args ...any) (OrderRow, bool, error) {
	var stored []storedOrder
	if err := statement.SelectContext(ctx, &stored, args...); err != nil {
		return OrderRow{}, false, fmt.Errorf("find order: %w", err)
	}
	if len(stored) == 0 {
		return OrderRow{}, false, nil
	}
	row, err := stored[0].order()
	if err != nil {
		return OrderRow{}, false, fmt.Errorf("find order: %w", err)
	}
	state, err := decode[orderState](stored[0].State)
	if err != nil {
		return OrderRow{}, false, fmt.Errorf("find order: %w", err)
	}
	names, err := t.clientNames(ctx, state.Order.Lines)
	if err != nil {
		return OrderRow{}, false, err
	}
	corrections, err := t.correctionsOf(ctx, row.Order)
	if err != nil {
		return OrderRow{}, false, err
	}
	row.Bank, row.Steps = state.Order.Bank, state.Steps
	for _, back := range state.Order.TakenBack {
		if back.Why == domain.ReleasedReversed {
			row.Reversed += back.Amount
		}
	}
	row.Proforma, row.Invoices = state.Order.ProformaNumber, state.Order.Invoices
	for _, line := range state.Order.Lines {
		_, issued := state.Issued[line.Line]
		corrected, newest := corrections[line.Licence]
		resend, err := domain.ResendActivationFile{Order: row.Order, Line: line.Line, Corrections: corrected}.Decide(state.Order)
		row.Lines = append(row.Lines, OrderLine{Line: line, ClientName: names[line.Client], Serial: line.Licence.Serial(),
			FileIssued: issued, FileSent: state.Order.Files[line.Line].Sent > 0, MayResend: newest && err == nil && len(resend) > 0})
	}
	return row, true, nil
}

const selectCorrections = `
	select f.licence, coalesce(a.corrections, 0) as corrections
	from activation_files f left join activation_emails a using (licence) where f.order_id = $1`

// correctionsOf counts the corrections of the addresses of those licences whose newest file belongs to an order.
func (t *Tables) correctionsOf(ctx context.Context, id domain.OrderID) (map[domain.LicenceID]int, error) {
	var rows []struct {
		Licence     domain.LicenceID
		Corrections int
	}
	if err := t.corrections.SelectContext(ctx, &rows, id); err != nil {
		return nil, fmt.Errorf("find corrections: %w", err)
	}
	corrections := map[domain.LicenceID]int{}
	for _, row := range rows {
		corrections[row.Licence] = row.Corrections
	}
	return corrections, nil
}

func (s storedOrder) order() (OrderRow, error) {
	row := s.OrderRow
	row.At, row.Total = row.At.UTC(), domain.Amounts{Net: s.Net, VAT: s.VAT, Gross: s.Gross}
	return row, row.Number.UnmarshalText([]byte(s.NumberText))
}
