package projections

import (
	"context"
	"fmt"
	"slices"

	"github.com/lib/pq"

	"netrom.pl/portal/domain"
)

// entitlements is what customers own, and which updates start from there.
var entitlements = View{
	Name:   "entitlements",
	Tables: []string{"entitlements", "entitlement_programs", "updates"},
	Concerns: func(event domain.Event) bool {
		switch event.(type) {
		case domain.LicenceGranted, domain.LicenceOrdered, domain.UpdateOrdered, domain.LicencePaid, domain.LicencePaymentWithdrawn,
			domain.LicenceOrderWithdrawn:
			return true
		}
		return ofCatalogue(event)
	},
	See: seeEntitlements,
	parts: []part{
		{kind: "licence", rows: rowsBy("licence", "entitlements", "updates"), read: readLicenceAndProgram},
		{kind: "program", rows: rowsBy("program", "entitlement_programs"), read: readStream},
	},
}

// licencesMax is how many licences of a changed program are looked at together, to bound the memory it takes.
const licencesMax = 2000

func seeEntitlements(ctx context.Context, s *Session, page []domain.Record) error {
	ids, listed := keys(page, idIn("licence")), keys(page, idIn("program"))
	licences, err := remembered[domain.Licence](ctx, s, `select licence as key, state from entitlements where licence = any($1)`, ids)
	if err != nil {
		return err
	}
	for _, record := range page {
		if id := idIn("licence")(record); id != "" {
			licences[id].Evolve(record.Event)
		}
	}
	needed := slices.Clone(listed)
	for _, licence := range licences {
		needed = append(needed, string(licence.Program))
	}
	catalogue, err := remembered[domain.Program](ctx, s, `select program as key, state from entitlement_programs where program = any($1)`, needed)
	if err != nil {
		return err
	}
	for _, record := range page {
		if id := idIn("program")(record); id != "" {
			catalogue[id].Evolve(record.Event)
		}
	}
	if len(ids) > 0 {
		if err := writeLicences(ctx, s, ids, licences, catalogue); err != nil {
			return err
		}
	}
	if len(listed) > 0 {
		if err := writePrograms(ctx, s, "entitlement_programs", listed, catalogue); err != nil {
			return err
		}
		return reviewLicences(ctx, s, listed, catalogue)
	}
	return nil
}

// writeLicences replaces the rows of some licences; those that are no longer there lose theirs.
func writeLicences(ctx context.Context, s *Session, ids []string, licences map[string]*domain.Licence, catalogue map[string]*domain.Program) error {
	var gone []string
	var rows []*domain.Licence
	for _, id := range ids {
		if licence := licences[id]; licence.Exists() {
			rows = append(rows, licence)
		} else {
			gone = append(gone, id)
		}
	}
	if gone != nil {
		if _, err := s.change(ctx, `delete from entitlements where licence = any($1)`, pq.Array(gone)); err != nil {
			return fmt.Errorf("remove licences: %w", err)
		}
	}
	pending := func(l *domain.Licence) domain.Pending {
		if l.Pending == nil {
			return domain.Pending{}
		}
		return *l.Pending
	}
	_, err := s.change(ctx, `
		insert into entitlements (licence, serial, customer, program, edition, version, stations, paid, activated,
			pending_order, pending_edition, pending_version, state)
		select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::boolean[],
			$9::boolean[], $10::text[], $11::text[], $12::text[], $13::json[])
		on conflict (licence) do update set customer = excluded.customer, program = excluded.program, edition = excluded.edition,
			version = excluded.version, stations = excluded.stations, paid = excluded.paid, activated = excluded.activated,
			pending_order = excluded.pending_order, pending_edition = excluded.pending_edition,
			pending_version = excluded.pending_version, state = excluded.state`,
		column(rows, func(l *domain.Licence) string { return string(l.ID) }),
		column(rows, func(l *domain.Licence) string { return l.ID.Serial() }),
		column(rows, func(l *domain.Licence) string { return string(l.Customer) }),
		column(rows, func(l *domain.Licence) string { return string(l.Program) }),
		column(rows, func(l *domain.Licence) string { return string(l.Edition) }),
		column(rows, func(l *domain.Licence) string { return string(l.Version) }),
		column(rows, func(l *domain.Licence) int64 { return int64(l.Stations) }),
		column(rows, func(l *domain.Licence) bool { return l.Paid }),
		column(rows, func(l *domain.Licence) bool { return l.Activated }),
		column(rows, func(l *domain.Licence) string { return string(pending(l).Order) }),
		column(rows, func(l *domain.Licence) string { return string(pending(l).Edition) }),
		column(rows, func(l *domain.Licence) string { return string(pending(l).Version) }),
		column(rows, func(l *domain.Licence) string { return encode(l) }))
	if err != nil {
		return fmt.Errorf("write licences: %w", err)
	}
	return writeUpdates(ctx, s, ids, rows, catalogue)
}

// reviewLicences derives the updates of every licence of some programs anew.
func reviewLicences(ctx context.Context, s *Session, programs []string, catalogue map[string]*domain.Program) error {
	for _, program := range programs {
		last := ""
		for {
			var rows []stateRow
			err := s.choose(ctx, &rows, `
				select licence as key, state from entitlements where program = $1 and licence > $2 order by licence limit $3`,
				program, last, licencesMax)
			if err != nil {
				return fmt.Errorf("read licences of a program: %w", err)
			}
			if len(rows) == 0 {
				break
			}
			ids, licences := make([]string, len(rows)), make([]*domain.Licence, len(rows))
			for i, row := range rows {
				if licences[i], err = decode[domain.Licence](row.State); err != nil {
					return err
				}
				ids[i] = row.Key
			}
			if err := writeUpdates(ctx, s, ids, licences, catalogue); err != nil {
				return err
			}
			last = ids[len(ids)-1]
		}
	}
	return nil
}

// updateRow is a step of the price list seen from a licence.
type updateRow struct {
	licence domain.LicenceID
	place   int
	domain.Update
}

// writeUpdates replaces the steps that start at some licences.
func writeUpdates(ctx context.Context, s *Session, ids []string, licences []*domain.Licence, catalogue map[string]*domain.Program) error {
	var rows []updateRow
	for _, licence := range licences {
		for place, update := range domain.Updates(*catalogue[string(licence.Program)], *licence) {
			rows = append(rows, updateRow{licence: licence.ID, place: place, Update: update})
		}
	}
	if _, err := s.change(ctx, `delete from updates where licence = any($1)`, pq.Array(ids)); err != nil {
		return fmt.Errorf("clear updates: %w", err)
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := s.change(ctx, `
		insert into updates (licence, place, entry, edition, version_from, version_to, to_multi_station, net, vat_rate, obstacle)
		select l, p, e, d, f, t, m, n, v, nullif(o, '')::json
		from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::bigint[], $9::bigint[],
			$10::text[]) as u (l, p, e, d, f, t, m, n, v, o)`,
		column(rows, func(u updateRow) string { return string(u.licence) }),
		column(rows, func(u updateRow) int64 { return int64(u.place) }),
		column(rows, func(u updateRow) string { return string(u.Entry()) }),
		column(rows, func(u updateRow) string { return string(u.Edition) }),
		column(rows, func(u updateRow) string { return string(u.From) }),
		column(rows, func(u updateRow) string { return string(u.To) }),
		column(rows, func(u updateRow) bool { return u.ToMultiStation() }),
		column(rows, func(u updateRow) int64 { return int64(u.Net) }),
		column(rows, func(u updateRow) int64 { return int64(u.VATRate) }),
		column(rows, func(u updateRow) string {
			if u.Obstacle == nil {
				return ""
			}
			return encode(u.Obstacle)
		}))
	if err != nil {
		return fmt.Errorf("write updates: %w", err)
	}
	return nil
}

// Entitlement is a program that a customer owns or has ordered. Paid, Activated and a pending order are three separate
// facts: a paid licence can have an unpaid update on its way. Source: R3-R5.
type Entitlement struct {
	Licence        domain.LicenceID
	Serial         string
	Customer       domain.CustomerID
	CustomerName   string
	Program        domain.ProgramID
	ProgramName    string
	Edition        domain.Edition
	Version        domain.Version
	Stations       int
	Email          string // to which the activation file goes
	Paid           bool
	Activated      bool // the activation file of the current version was issued
	PendingOrder   domain.OrderID
	PendingNumber  string
	PendingOwn     bool // the viewer is its buyer
	PendingEdition domain.Edition
	PendingVersion domain.Version
	// Order and Line of the last activation file that the portal issued for the licence; empty and 0 if none.
	Order     domain.OrderID
	Line      int
	FileSent  bool
	MayResend bool // the address was corrected after that file had left
	Updates   int  // steps of the price list that the licence can take now
}

// entitlementRow is an entitlement with the facts from which the domain derives the rest.
type entitlementRow struct {
	Entitlement
	OwnerEmail     string
	CorrectedEmail string
	Corrections    int
	FileEdition    domain.Edition
	FileVersion    domain.Version
	File           domain.FileState
	Total          int
}

// entitlementColumns and entitlementJoins show a licence e of a customer called owner; $1 is the viewer.
const entitlementColumns = `e.licence, e.serial, e.customer, owner.name as customername, e.program, p.name as programname, e.edition, e.version,
		e.stations, e.paid, e.activated, e.pending_order as pendingorder, coalesce(o.number, '') as pendingnumber,
		coalesce(o.buyer = $1, false) as pendingown, e.pending_edition as pendingedition, e.pending_version as pendingversion,
		owner.email as owneremail, coalesce(a.email, '') as correctedemail, coalesce(a.corrections, 0) as corrections,
		coalesce(f.order_id, '') as "order", coalesce(f.line, 0) as line, coalesce(f.edition, '') as fileedition,
		coalesce(f.version, '') as fileversion, coalesce(f.sent, 0) as "file.sent", coalesce(f.wanted, 0) as "file.wanted",
		coalesce(f.address, 0) as "file.address",
		(select count(*) from updates u where u.licence = e.licence and u.obstacle is null) as updates`

const entitlementJoins = `
	join customers owner on owner.id = e.customer
	join entitlement_programs p on p.program = e.program
	left join activation_emails a on a.licence = e.licence
	left join activation_files f on f.licence = e.licence
	left join orders o on o.id = e.pending_order`

const orderByOwner = `owner.id <> $1, owner.folded, owner.id, p.folded, p.program, e.serial`

// ownedText is what is known of a licence, its program and its owner.
const ownedText = `owner.folded || ' ' || owner.nip || ' ' || p.folded || ' ' || lower(e.serial)`

const sortsOfLicences = `when 'program' then p.folded when 'serial' then e.serial when 'paid' then e.paid::text`

const selectEntitlement = `
	select ` + entitlementColumns + ` from entitlements e ` + entitlementJoins + ` where ` + visible + ` and e.licence = $2`

// selectEntitlements knows the parts unpaid and updatable, and sorts by program, serial and paid.
var selectEntitlements = listed{
	keys: `e.licence`,
	from: `entitlements e join customers owner on owner.id = e.customer join entitlement_programs p on p.program = e.program
		where ` + visible,
	text: ownedText + ` || ' ' || e.version`,
	only: `when 'unpaid' then not e.paid
		when 'updatable' then exists (select from updates u where u.licence = e.licence and u.obstacle is null)`,
	sort:    sortsOfLicences,
	natural: orderByOwner,
}.page() + `
	select ` + entitlementColumns + `, page.total from page join entitlements e using (licence) ` + entitlementJoins + ` order by page.place`

// Entitlements lists the programs of the viewer and of its clients: the viewer's own first, then by customer, program
// and serial number; and how many there are on all pages together, which is not known beyond the last. Source: R3-R5.
func (t *Tables) Entitlements(ctx context.Context, viewer domain.CustomerID, wanted Listing) ([]Entitlement, int, error) {
	var rows []entitlementRow
	if err := t.entitlements.SelectContext(ctx, &rows, wanted.arguments(viewer)...); err != nil {
		return nil, 0, fmt.Errorf("list entitlements: %w", err)
	}
	list, total := make([]Entitlement, len(rows)), 0
	for i, row := range rows {
		list[i], total = row.derived(), row.Total
	}
	return list, total, nil
}

// Entitlement finds one licence. One that the viewer may not see is not found.
func (t *Tables) Entitlement(ctx context.Context, viewer domain.CustomerID, licence domain.LicenceID) (Entitlement, bool, error) {
	var rows []entitlementRow
	if err := t.entitlement.SelectContext(ctx, &rows, viewer, licence); err != nil {
		return Entitlement{}, false, fmt.Errorf("find entitlement: %w", err)
	}
	if len(rows) == 0 {
		return Entitlement{}, false, nil
	}
	return rows[0].derived(), true, nil
}

// derived adds what the domain concludes from the facts.
func (r entitlementRow) derived() Entitlement {
	e := r.Entitlement
	owner := domain.Customer{Email: r.OwnerEmail, ActivationEmails: map[domain.LicenceID]string{e.Licence: r.CorrectedEmail}}
	e.Email = owner.ActivationEmail(e.Licence)
	e.Activated = e.Activated || r.FileEdition == e.Edition && r.FileVersion == e.Version
	e.FileSent = r.File.Sent > 0
	order := domain.Order{OrderSubmitted: domain.OrderSubmitted{Order: e.Order}, Files: map[int]domain.FileState{e.Line: r.File}}
	resend, err := domain.ResendActivationFile{Order: e.Order, Line: e.Line, Corrections: r.Corrections}.Decide(order)
	e.MayResend = err == nil && len(resend) > 0
	return e
}

// LicenceRow is a licence as the vendor's people see it.
type LicenceRow struct {
	Licence       domain.LicenceID
	Serial        string
	Customer      domain.CustomerID
	CustomerName  string
	Program       domain.ProgramID
	ProgramName   string
	Edition       domain.Edition
	Version       domain.Version
	Stations      int
	Paid          bool
	PendingOrder  domain.OrderID // empty: none
	PendingNumber string
}

// selectAllLicences is for the vendor's people. It knows the part unpaid, and sorts by program, serial and paid.
var selectAllLicences = listed{
	keys: `e.licence`,
	from: `entitlements e join customers owner on owner.id = e.customer join entitlement_programs p on p.program = e.program
		where ` + forEverybody,
	text:    ownedText,
	ids:     `array[lower(e.licence), lower(e.customer)]`,
	only:    `when 'unpaid' then not e.paid`,
	sort:    sortsOfLicences,
	natural: `owner.folded, owner.id, p.folded, p.program, e.serial`,
}.page() + `
	select e.licence, e.serial, e.customer, owner.name as customername, e.program, p.name as programname, e.edition, e.version, e.stations,
		e.paid, e.pending_order as pendingorder, coalesce(o.number, '') as pendingnumber, page.total
	from page
	join entitlements e using (licence)
	join customers owner on owner.id = e.customer
	join entitlement_programs p on p.program = e.program
	left join orders o on o.id = e.pending_order
	order by page.place`

// AllLicences lists the licences of everybody, for the vendor's people, by owner, program and serial number; the
// identity of a customer finds what it owns. It answers how many there are on all pages together, too.
func (t *Tables) AllLicences(ctx context.Context, wanted Listing) ([]LicenceRow, int, error) {
	var stored []struct {
		LicenceRow
		Total int
	}
	if err := t.allLicences.SelectContext(ctx, &stored, wanted.arguments(everybody)...); err != nil {
		return nil, 0, fmt.Errorf("list licences: %w", err)
	}
	rows, total := make([]LicenceRow, len(stored)), 0
	for i, row := range stored {
		rows[i], total = row.LicenceRow, row.Total
	}
	return rows, total, nil
}
