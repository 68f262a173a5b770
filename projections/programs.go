package projections

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"netrom.pl/portal/domain"
)

// programs is the catalogue.
var programs = View{
	Name:     "programs",
	Tables:   []string{"programs", "new_programs"},
	Concerns: ofCatalogue,
	See:      seePrograms,
	parts:    []part{{kind: "program", rows: rowsBy("program", "programs", "new_programs"), read: readStream}},
}

func ofCatalogue(event domain.Event) bool {
	switch event.(type) {
	case domain.ProgramListed, domain.VersionReleased, domain.PriceSet, domain.PriceWithdrawn:
		return true
	}
	return false
}

func seePrograms(ctx context.Context, s *Session, page []domain.Record) error {
	ids := keys(page, idIn("program"))
	states, err := remembered[domain.Program](ctx, s, `select program as key, state from programs where program = any($1)`, ids)
	if err != nil {
		return err
	}
	for _, record := range page {
		states[idIn("program")(record)].Evolve(record.Event)
	}
	if err := writePrograms(ctx, s, "programs", ids, states); err != nil {
		return err
	}
	return writeNewPrograms(ctx, s, ids, states)
}

// writePrograms keeps the states of programs in one of the two tables that have them.
func writePrograms(ctx context.Context, s *Session, table string, ids []string, states map[string]*domain.Program) error {
	_, err := s.change(ctx, `
		insert into `+table+` (program, name, state)
		select * from unnest($1::text[], $2::text[], $3::json[])
		on conflict (program) do update set name = excluded.name, state = excluded.state`,
		pq.Array(ids),
		column(ids, func(id string) string { return states[id].Name }),
		column(ids, func(id string) string { return encode(states[id]) }))
	if err != nil {
		return fmt.Errorf("write programs: %w", err)
	}
	return nil
}

func writeNewPrograms(ctx context.Context, s *Session, ids []string, states map[string]*domain.Program) error {
	var offers []domain.Price
	for _, id := range ids {
		if offer, ok := states[id].NewOffer(); ok {
			offers = append(offers, offer)
		}
	}
	if _, err := s.change(ctx, `delete from new_programs where program = any($1)`, pq.Array(ids)); err != nil {
		return fmt.Errorf("clear new programs: %w", err)
	}
	_, err := s.change(ctx, `
		insert into new_programs (program, entry, edition, version, net, vat_rate)
		select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])`,
		column(offers, func(p domain.Price) string { return string(p.Program) }),
		column(offers, func(p domain.Price) string { return string(p.Entry()) }),
		column(offers, func(p domain.Price) string { return string(p.Edition) }),
		column(offers, func(p domain.Price) string { return string(p.To) }),
		column(offers, func(p domain.Price) int64 { return int64(p.Net) }),
		column(offers, func(p domain.Price) int64 { return int64(p.VATRate) }))
	if err != nil {
		return fmt.Errorf("write new programs: %w", err)
	}
	return nil
}

// selectNewPrograms sorts by program and price. It shows everybody the same: its viewer is not looked at.
var selectNewPrograms = listed{
	keys:    `n.program`,
	from:    `new_programs n join programs p using (program) where ` + forEverybody,
	text:    `p.folded || ' ' || n.version`,
	only:    nothing,
	sort:    `when 'program' then p.folded when 'price' then lpad(n.net::text, 15, '0')`,
	natural: `p.folded, n.program`,
}.page() + `
	select n.entry as id, n.entry, n.program, p.name as programname, n.edition, n.version as "to", n.net, n.vat_rate as vatrate, page.total
	from page join new_programs n using (program) join programs p using (program)
	order by page.place`

// NewPrograms lists what can be bought anew, by name; and how much there is on all pages together. Source: R9.
func (t *Tables) NewPrograms(ctx context.Context, wanted Listing) ([]Offer, int, error) {
	var rows []struct {
		Offer
		Total int
	}
	if err := t.newPrograms.SelectContext(ctx, &rows, wanted.arguments(everybody)...); err != nil {
		return nil, 0, fmt.Errorf("list new programs: %w", err)
	}
	offers, total := make([]Offer, len(rows)), 0
	for i, row := range rows {
		offers[i], total = row.Offer, row.Total
	}
	return offers, total, nil
}

const selectCatalogue = `
	select state from programs order by name, program`

// Catalogue lists every program with its versions and prices, by name.
func (t *Tables) Catalogue(ctx context.Context) ([]domain.Program, error) {
	var stored []struct{ State []byte }
	if err := t.catalogue.SelectContext(ctx, &stored); err != nil {
		return nil, fmt.Errorf("list programs: %w", err)
	}
	list := make([]domain.Program, len(stored))
	for i, row := range stored {
		program, err := decode[domain.Program](row.State)
		if err != nil {
			return nil, fmt.Errorf("list programs: %w", err)
		}
		list[i] = *program
	}
	return list, nil
}
