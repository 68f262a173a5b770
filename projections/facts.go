package projections

import (
	"context"
	"maps"
	"sync"

	"github.com/lib/pq"

	"netrom.pl/portal/domain"
)

// facts are the states of what some picks are about. They are shared between requests: nobody changes them.
type facts struct {
	licences  map[domain.LicenceID]*domain.Licence
	programs  map[domain.ProgramID]*domain.Program
	customers map[domain.CustomerID]*domain.Customer
}

func noFacts() facts {
	return facts{map[domain.LicenceID]*domain.Licence{}, map[domain.ProgramID]*domain.Program{}, map[domain.CustomerID]*domain.Customer{}}
}

func (f facts) size() int { return len(f.licences) + len(f.programs) + len(f.customers) }

// subjects are what facts are wanted about; the owner and the program of a licence go with it.
type subjects struct{ licences, programs, customers []string }

func subjectsOf(buyer domain.CustomerID, picks []Pick) subjects {
	of := subjects{customers: []string{string(buyer)}}
	for _, pick := range picks {
		if licence, program, _ := parts(pick); licence != "" {
			of.licences = append(of.licences, string(licence))
		} else {
			of.programs = append(of.programs, program)
		}
		if pick.Client != "" {
			of.customers = append(of.customers, string(pick.Client))
		}
	}
	return of
}

// wish puts together what is known about a pick, if everything is and the buyer may know it. Source: R5.
func (f facts) wish(buyer domain.CustomerID, pick Pick) (domain.Wish, bool) {
	id, code, entry := parts(pick)
	wish := domain.Wish{Item: pick.Item, Entry: entry, Stations: pick.Stations}
	client, program := pick.Client, domain.ProgramID(code)
	if id != "" {
		licence := f.licences[id]
		if licence == nil {
			return wish, false
		}
		wish.Licence, client, program = *licence, licence.Customer, licence.Program
	} else if client == "" {
		client = buyer
	}
	owner := f.customers[client]
	if owner == nil || owner.ID != buyer && owner.Distributor != buyer || f.programs[program] == nil {
		return wish, false
	}
	wish.Client, wish.Program = *owner, *f.programs[program]
	return wish, true
}

// selectFacts answers everything about some subjects at once: $1 licences, $2 programs, $3 customers.
const selectFacts = `
	with licence as (select licence, customer, program, state from entitlements where licence = any($1))
	select 'licence' as kind, licence as key, state from licence
	union all
	select 'program', program, state from programs where program in (select unnest($2::text[]) union select program from licence)
	union all
	select 'customer', id, state from customers where id in (select unnest($3::text[]) union select customer from licence)`

// viewsOfFacts are the views whose tables selectFacts reads.
var viewsOfFacts = []string{programs.Name, entitlements.Name, customers.Name}

// gather finds facts: in memory as long as the views have not changed since they were read, else in one round trip.
func (t *Tables) gather(ctx context.Context, about subjects) (facts, error) {
	edition, mayRemember := edition(t.db, viewsOfFacts...)
	if mayRemember {
		if known, ok := t.memory.recall(edition, about); ok {
			return known, nil
		}
	}
	var rows []struct {
		Kind string
		stateRow
	}
	// A query that can be cancelled costs the driver two more changes of goroutine; this one is over sooner.
	err := t.facts.SelectContext(context.WithoutCancel(ctx), &rows, pq.Array(about.licences), pq.Array(about.programs), pq.Array(about.customers))
	if err != nil {
		return facts{}, err
	}
	known := noFacts()
	for _, row := range rows {
		if err := known.add(row.Kind, row.stateRow); err != nil {
			return facts{}, err
		}
	}
	if mayRemember {
		t.memory.keep(edition, known)
	}
	return known, nil
}

func (f facts) add(kind string, row stateRow) (err error) {
	switch kind {
	case "licence":
		f.licences[domain.LicenceID(row.Key)], err = decode[domain.Licence](row.State)
	case "program":
		f.programs[domain.ProgramID(row.Key)], err = decode[domain.Program](row.State)
	case "customer":
		f.customers[domain.CustomerID(row.Key)], err = decode[domain.Customer](row.State)
	}
	return err
}

// factsMax is how many states a memory holds before it begins anew.
const factsMax = 2000

// memory keeps the facts of one edition of the views. The zero value is ready; safe for concurrent use.
type memory struct {
	mu      sync.Mutex
	edition uint64
	facts   facts
}

// recall gives all facts about some subjects, or none.
func (m *memory) recall(edition uint64, about subjects) (facts, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.edition != edition {
		return facts{}, false
	}
	known := noFacts()
	for _, id := range about.licences {
		licence := m.facts.licences[domain.LicenceID(id)]
		if licence == nil {
			return facts{}, false
		}
		known.licences[licence.ID] = licence
		about.programs = append(about.programs, string(licence.Program))
		about.customers = append(about.customers, string(licence.Customer))
	}
	for _, id := range about.programs {
		program := m.facts.programs[domain.ProgramID(id)]
		if program == nil {
			return facts{}, false
		}
		known.programs[program.ID] = program
	}
	for _, id := range about.customers {
		customer := m.facts.customers[domain.CustomerID(id)]
		if customer == nil {
			return facts{}, false
		}
		known.customers[customer.ID] = customer
	}
	return known, true
}

// keep adds facts that were read when the views had this edition, or an older one than they have now.
func (m *memory) keep(edition uint64, known facts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if edition < m.edition {
		return
	}
	if edition > m.edition || m.facts.size() >= factsMax {
		m.edition, m.facts = edition, noFacts()
	}
	maps.Copy(m.facts.licences, known.licences)
	maps.Copy(m.facts.programs, known.programs)
	maps.Copy(m.facts.customers, known.customers)
}
