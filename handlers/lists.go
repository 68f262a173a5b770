package handlers

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// Limits of what a reader may ask of a list.
const (
	listRows      = 100    // on one page
	listPagesMax  = 10_000 // the last page that can be asked for
	searchMax     = 100    // characters
	clientsListed = 100    // clients to choose from at once
)

// The parts of lists that have names, and the columns by which lists can be sorted.
const (
	partUnpaid    = "unpaid"
	partUpdatable = "updatable"
	partPossible  = "possible"
	partOpen      = "open"
	partGaps      = "gaps"
	partWaits     = "waits"
	partCredit    = "credit"
	partRefunds   = "refunds"
	partReversed  = "reversed"

	columnProgram = "program"
	columnSerial  = "serial"
	columnPaid    = "paid"
	columnPrice   = "price"
	columnNumber  = "number"
	columnState   = "state"
	columnGross   = "gross"
	columnDue     = "due"
	columnAmount  = "amount"
	columnValueOn = "value-on"
)

var (
	columnsOfLicences = []string{columnProgram, columnSerial, columnPaid}
	columnsOfOrders   = []string{columnNumber, columnState, columnGross, columnDue}
	partsOfOrders     = []string{partOpen}

	columnsOfTransfers = []string{columnValueOn, columnAmount}
	partsOfTransfers   = []string{partWaits, partCredit, partRefunds, partReversed}
)

// list is the part of a long table that a page shows, and how its reader comes to the others.
type list struct {
	Path       string // of the page, without a query
	Search     string
	Only       string // part of the list; empty: everything
	Parts      []string
	Columns    []string
	Sort       string // column; empty: the natural order
	Descending bool
	Number     int // of this page, from 1; 0: everything is on one
	Rows       int // on this page
	Total      int // on all pages
}

// readList reads what the reader wants of a list out of the query, or out of the form that was on the list's page.
// Programs that don't ask for a page get everything.
func (c *call) readList(path string, parts, columns []string) (list, error) {
	wishes := c.URL.Query()
	if c.Method == http.MethodPost {
		wishes = c.PostForm
	}
	l := list{Path: path, Parts: parts, Columns: columns, Search: strings.TrimSpace(wishes.Get("q")), Only: wishes.Get("only"), Number: 1}
	l.Sort, l.Descending = strings.CutPrefix(wishes.Get("sort"), "-")
	if !isSearch(l.Search) {
		return list{}, invalidInput("q", searchLimit)
	}
	if l.Only != "" && !slices.Contains(parts, l.Only) {
		return list{}, invalidInput("only", strings.Join(parts, ", "))
	}
	if l.Sort != "" && !slices.Contains(columns, l.Sort) {
		return list{}, invalidInput("sort", strings.Join(columns, ", "))
	}
	if text := wishes.Get("page"); text != "" {
		number, err := strconv.Atoi(text)
		if err != nil || number < 1 || number > listPagesMax {
			return list{}, invalidInput("page", "1–"+strconv.Itoa(listPagesMax))
		}
		l.Number = number
	} else if c.route.Door == api {
		l.Number = 0
	}
	return l, nil
}

// isSearch tells whether a text can be searched for.
func isSearch(text string) bool {
	return utf8.RuneCountInString(text) <= searchMax && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

var searchLimit = "0–" + strconv.Itoa(searchMax)

func invalidInput(field, limit string) error {
	return domain.Refusal{Code: domain.InvalidInput, Facts: map[string]string{"field": field, "limit": limit}}
}

// wanted is the list as the tables are asked for it.
func (l list) wanted() projections.Listing {
	w := projections.Listing{Search: l.Search, Only: l.Only, Sort: l.Sort, Descending: l.Descending}
	if l.Number > 0 {
		w.Limit, w.Offset = listRows, (l.Number-1)*listRows
	}
	return w
}

// show notes what the tables have answered. A page behind the last one leads to the first.
func (l *list) show(c *call, rows, total int) (elsewhere string) {
	l.Rows, l.Total = rows, total
	if rows == 0 && l.Number > 1 && c.route.Door == page && c.Method != http.MethodPost {
		return l.At(1)
	}
	return ""
}

// listView is a page of a list that shows nothing else.
type listView[R any] struct {
	List list
	Rows []R
}

// showList answers the page of that name and path with the part of its list that its reader wants.
func showList[R any](c *call, page string, parts, columns []string, find func(context.Context, projections.Listing) ([]R, int, error)) (reply, error) {
	shown, err := c.readList("/"+page, parts, columns)
	if err != nil {
		return reply{}, err
	}
	rows, total, err := find(c.Context(), shown.wanted())
	if err != nil {
		return reply{}, err
	}
	if first := shown.show(c, len(rows), total); first != "" {
		return reply{location: first}, nil
	}
	return reply{page: page, view: listView[R]{List: shown, Rows: rows}}, nil
}

// query of the list, without its page.
func (l list) query() url.Values {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("q", l.Search)
	set("only", l.Only)
	set("sort", l.SortField())
	return q
}

// SortField is the order as it stands in queries and forms.
func (l list) SortField() string {
	if l.Descending {
		return "-" + l.Sort
	}
	return l.Sort
}

// At is the address of a page of the list.
func (l list) At(number int) string {
	q := l.query()
	if number > 1 {
		q.Set("page", strconv.Itoa(number))
	}
	return l.address(q)
}

func (l list) address(q url.Values) string {
	if len(q) == 0 {
		return l.Path
	}
	return l.Path + "?" + q.Encode()
}

// after is the address of this page with one more word in its query: the news of what was done there.
func (l list) after(name, value string) string {
	q := l.query()
	if l.Number > 1 {
		q.Set("page", strconv.Itoa(l.Number))
	}
	q.Set(name, value)
	return l.address(q)
}

// By is the address of the list sorted by a column: upwards, then downwards, then as it was.
func (l list) By(column string) string {
	switch {
	case l.Sort != column:
		l.Sort, l.Descending = column, false
	case !l.Descending:
		l.Descending = true
	default:
		l.Sort, l.Descending = "", false
	}
	return l.At(1)
}

// Direction of a column, as aria-sort says it. Source: WAI-ARIA 1.2, aria-sort.
func (l list) Direction(column string) string {
	switch {
	case l.Sort != column:
		return "none"
	case l.Descending:
		return "descending"
	}
	return "ascending"
}

// First and Last are the numbers of the rows on this page; Pages counts the pages.
func (l list) First() int { return max(l.Number-1, 0)*listRows + 1 }

// Last is the number of the last row on this page.
func (l list) Last() int { return l.First() + l.Rows - 1 }

// Pages counts the pages.
func (l list) Pages() int { return (l.Total + listRows - 1) / listRows }

// Prev and Next are the neighbouring pages; 0: there is none.
func (l list) Prev() int { return max(l.Number-1, 0) }

// Next is the page after this one; 0: there is none.
func (l list) Next() int {
	if l.Number >= l.Pages() {
		return 0
	}
	return l.Number + 1
}

// Narrowed tells whether something may be missing because of what was searched for.
func (l list) Narrowed() bool { return l.Search != "" || l.Only != "" }

// Useful tells whether searching is worth its place on the page.
func (l list) Useful() bool { return l.Narrowed() || l.Total > searchFrom }

// searchFrom is how many rows a list may have before it gets a search box.
const searchFrom = 5
