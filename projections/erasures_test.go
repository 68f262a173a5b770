package projections

import (
	"slices"
	"strings"
	"testing"

	"netrom.pl/portal/domain"
)

// Tables forget what the log has erased, and nothing else; the rebuild at the end of the test finds the same.
func TestTablesForget(t *testing.T) {
	t.Parallel()
	w := live(t).open()
	w.chapter(1)
	w.chapter(2)
	do[domain.Customer](w, domain.GrantLogin{Customer: "c-1", Account: "user-late", Link: 1})
	w.settle()
	stages := func(stage ErasureStage) (ids []string) {
		for _, customer := range must(w.tables.Erasures(ctx, stage)) {
			ids = append(ids, string(customer.ID))
		}
		return ids
	}
	orders, licences, err := w.tables.Deals(ctx, "c-1")
	if err != nil || len(orders) != 3 || len(licences) != 2 {
		t.Fatalf("the deals are %v and %v, %v", orders, licences, err)
	}
	facts := must(domain.FactsForErasure(ctx, w.log, "2040-01-01", orders, licences))
	if facts.OpenOrders != 0 || facts.LastDocument.Year() != 2026 {
		t.Errorf("facts: %+v", facts)
	}
	by := map[string]string{"proposed": "user-anna", "owed": "user-olga"}
	do[domain.Customer](w, domain.ProposeErasure{Customer: "c-1", Purpose: domain.LegalPurpose, By: by["proposed"], Facts: facts})
	w.settle()
	if got := stages(ErasureProposed); !slices.Equal(got, []string{"c-1"}) {
		t.Errorf("proposed: %v", got)
	}
	do[domain.Customer](w, domain.ConfirmErasure{Customer: "c-1", Purpose: domain.LegalPurpose, By: by["owed"], Facts: facts})
	w.settle()
	if got := stages(ErasureOwed); !slices.Equal(got, []string{"c-1"}) {
		t.Errorf("owed: %v", got)
	}
	do[domain.Customer](w, domain.RecordErasure{PersonalDataErased: domain.PersonalDataErased{Customer: "c-1", Purpose: domain.LegalPurpose,
		ProposedBy: by["proposed"], ConfirmedBy: by["owed"], Statements: []domain.StatementID{"s-1"}}})
	w.settle()
	if got := stages(ErasureDone); !slices.Equal(got, []string{"c-1"}) {
		t.Errorf("done: %v", got)
	}
	for table, want := range map[string]int{"customers": 1, "activation_emails": 1, "transfers": 2, "tasks": 0} {
		erased := 0
		for _, row := range lines(t, w.db, table) {
			if strings.Contains(row, domain.Erased) {
				erased++
			}
			if strings.Contains(row, "user-late") || strings.Contains(row, "Jan Kowalski") {
				t.Errorf("%s still has %s", table, row)
			}
		}
		if erased != want {
			t.Errorf("%s has %d erased rows, want %d", table, erased, want)
		}
	}
	if rows := strings.Join(lines(t, w.db, "customers"), "\n"); !strings.Contains(rows, "c-2,Firma") {
		t.Errorf("another customer was erased:\n%s", rows)
	}
}
