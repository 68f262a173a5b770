package projections

import (
	"cmp"
	"strings"

	"github.com/lib/pq"

	"netrom.pl/portal/domain"
)

// everybody is the viewer of what belongs to no customer or to all of them; forEverybody is the condition under which
// such a list shows anything. A customer sees nothing there, whatever went wrong.
const (
	everybody    = domain.CustomerID("")
	forEverybody = `$1 = ''`
)

// Listing says which part of a long list is wanted. The zero value is all of it in its natural order.
type Listing struct {
	Search     string // words that must all occur in a row, in any order, whatever their case and Polish accents
	Only       string // a part of the list that has a name of its own; empty or unknown: everything
	Sort       string // a column by which the list can be sorted; empty or unknown: the natural order
	Descending bool   // by that column; the natural order is never turned round
	Limit      int    // rows at most; 0: all
	Offset     int    // rows to leave out
}

// arguments of a query that was made with listed.
func (l Listing) arguments(viewer domain.CustomerID) []any {
	words := strings.Fields(fold(l.Search))
	patterns := make([]string, len(words))
	for i, word := range words {
		patterns[i] = "%" + unpatterned.Replace(word) + "%"
	}
	return []any{viewer, pq.Array(patterns), l.Only, l.Sort, l.Descending, l.Limit, l.Offset, pq.Array(words)}
}

// unpatterned takes the meaning that they have in a pattern from letters.
var unpatterned = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// Polish letters and what they become when accents don't matter.
const (
	accented = "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ"
	bare     = "acelnoszzacelnoszz"
)

var unaccent = func() *strings.Replacer {
	var pairs []string
	plain := []rune(bare)
	for i, letter := range []rune(accented) {
		pairs = append(pairs, string(letter), string(plain[i]))
	}
	return strings.NewReplacer(pairs...)
}()

// fold writes text in the form in which it is searched and sorted, as the columns called folded have it.
func fold(text string) string { return unaccent.Replace(strings.ToLower(text)) }

// listed makes a query whose rows are one page of a list. What costs much is asked for these rows only.
type listed struct {
	keys    string // that identify a row, comma separated
	from    string // tables, joins and a first condition; $1 is the viewer
	text    string // in which the wanted words must occur, parted by blanks
	ids     string // array of names that find the row alone, as a whole; empty: none
	only    string // branches of a case: the name of a part, and the condition that it makes
	sort    string // branches of a case: the name of a column, and the text by which it sorts
	natural string // order
}

// nothing is a branch that is never taken: a list without parts or without sortable columns.
const nothing = `when null then null`

// page is a common table expression called page, with the keys, the place of each row, and the total of all pages. Its
// conditions are cases, of which the planner believes that they keep half of the rows: expecting few of a search, it would
// join many thousand rows one by one when there is none.
func (l listed) page() string {
	key := `case $4::text ` + l.sort + ` end`
	return `with page as materialized (
		select *, row_number() over () as place from (
			select ` + l.keys + `, count(*) over () as total
			from ` + l.from + `
			and case $3::text ` + l.only + ` else true end
			and case when cardinality($2::text[]) > 0 then ` + l.text + ` like all($2) or ` + cmp.Or(l.ids, `'{}'::text[]`) + ` @> $8::text[] else true end
			order by case when not $5::boolean then ` + key + ` end, case when $5 then ` + key + ` end desc nulls last, ` + l.natural + `
			limit nullif($6::bigint, 0) offset $7::bigint) found)`
}
