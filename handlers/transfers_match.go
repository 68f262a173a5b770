package handlers

import (
	"context"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"netrom.pl/portal/domain"
)

// matchRowsMore is by how many rows the form of a match by hand grows when somebody asks for more.
const matchRowsMore = 4

// matchForm is a match by hand as a person fills it in: one transfer to one order or to several.
type matchForm struct {
	Rows   []matchRow
	Reason string
	Sum    domain.Money // of all rows, also of those that leave the amount to the portal; 0: not known
}

// matchRow is an order and what it is to get; an empty amount means as much as possible.
type matchRow struct {
	Row           int // from 1
	Order, Amount string
}

// Full tells that there is no room for more rows.
func (f matchForm) Full() bool { return len(f.Rows) >= domain.MatchPartsMax }

// rowsOf reads the rows of a form that say anything, one more than is allowed at most.
func rowsOf(form url.Values) []matchRow {
	orders, amounts := form["order"], form["amount"]
	var rows []matchRow
	for i := range orders {
		row := matchRow{Row: len(rows) + 1, Order: strings.TrimSpace(orders[i])}
		if i < len(amounts) {
			row.Amount = strings.TrimSpace(amounts[i])
		}
		if (row.Order != "" || row.Amount != "") && len(rows) <= domain.MatchPartsMax {
			rows = append(rows, row)
		}
	}
	return rows
}

// matchByHand gives unmatched money to orders because an accountant says so. Above the vendor's limit a second one has to confirm it.
// Who asks for more rows gets the page with what was typed.
func (s *Server) matchByHand(c *call) (reply, error) {
	id, form, err := s.transferForm(c)
	if err != nil {
		return reply{}, err
	}
	if form.Get("wish") == "more" {
		answer, err := s.transferPage(c)
		return s.withMatch(c, answer, err, form, matchRowsMore)
	}
	outcome, err := s.match(c, id, form)
	done := "matched"
	for _, event := range outcome.Events {
		if _, proposed := event.(domain.MatchProposed); proposed {
			done = "match-proposed"
		}
	}
	answer, err := s.transferAfter(c, id, done, outcome, err)
	return s.withMatch(c, answer, err, form, 0)
}

// withMatch puts what was typed into the page of a transfer, with some empty rows more, and leads to the field that was refused.
func (s *Server) withMatch(c *call, answer reply, err error, form url.Values, more int) (reply, error) {
	view, ok := answer.view.(transferView)
	if !ok || err != nil {
		return answer, err
	}
	typed := rowsOf(form)
	if parts, _, err := s.partsOf(c.Context(), typed, view.Unmatched); err == nil {
		for _, part := range parts {
			view.Match.Sum += part.Amount
		}
	} else if _, no := domain.IsRefusal(err); !no {
		return reply{}, err
	}
	for len(typed) < 1 || more > 0 && len(typed) < domain.MatchPartsMax {
		typed, more = append(typed, matchRow{Row: len(typed) + 1}), more-1
	}
	view.Match.Rows, view.Match.Reason = typed, form.Get("reason")
	answer.view = view
	if answer.refusal != nil {
		answer.field = fieldOfMatch(*answer.refusal)
	}
	return answer, nil
}

// fieldOfMatch is the field that a refusal of a match is about.
func fieldOfMatch(refusal domain.Refusal) string {
	field, row := refusal.Facts["field"], refusal.Facts["row"]
	switch refusal.Code {
	case orderUnknown, domain.OrderNotOpen, domain.OrderRepeated:
		field = "order"
	case domain.MoreThanOpen, domain.MoreThanUnmatched:
		field = "amount"
	}
	switch {
	case field != "order" && field != "amount":
		return field
	case row == "":
		return field + "-1"
	}
	return field + "-" + row
}

func (s *Server) match(c *call, id domain.TransferID, form url.Values) (domain.Outcome, error) {
	seen, err := seen(form)
	if err != nil {
		return domain.Outcome{}, err
	}
	rows := rowsOf(form)
	if len(rows) == 0 {
		rows = []matchRow{{Row: 1}}
	}
	parts, open, err := s.partsOf(c.Context(), rows, seen)
	if err != nil {
		return domain.Outcome{}, err
	}
	return domain.Execute(c.Context(), s.Log, s.cause(c, "match"), domain.MatchByHand{Transfer: id, Parts: parts, Open: open,
		Reason: strings.TrimSpace(form.Get("reason")), Account: c.account.ID, Limit: s.Vendor.SecondPersonAbove, Seen: seen})
}

// partsOf finds the orders of the rows. A row without an amount gets what its order has open, as far as the money goes. A refusal names
// its row when there are several.
func (s *Server) partsOf(ctx context.Context, rows []matchRow, left domain.Money) ([]domain.MatchPart, map[domain.OrderID]domain.Payable, error) {
	cashier := NewCashier(s.Log)
	var parts []domain.MatchPart
	open := map[domain.OrderID]domain.Payable{}
	for _, row := range rows {
		payable, err := payableNamed(ctx, cashier, row.Order)
		var amount domain.Money
		if err == nil {
			amount, err = amountIn(row.Amount, max(min(payable.Open, left), 0))
		}
		if err != nil {
			return nil, nil, inRow(err, row.Row, len(rows))
		}
		parts, left = append(parts, domain.MatchPart{Order: payable.Order, Number: payable.Number, Amount: amount}), left-amount
		open[payable.Order] = payable
	}
	return parts, open, nil
}

// inRow says in which of several rows something was refused.
func inRow(err error, row, rows int) error {
	refusal, no := domain.IsRefusal(err)
	if !no || rows < 2 {
		return err
	}
	facts := maps.Clone(refusal.Facts)
	if facts == nil {
		facts = map[string]string{}
	}
	facts["row"] = strconv.Itoa(row)
	return domain.Refusal{Code: refusal.Code, Facts: facts}
}

// payableNamed finds the one order that a text names, by its number or as it stands in the title of a transfer.
func payableNamed(ctx context.Context, cashier *Cashier, text string) (domain.Payable, error) {
	number, err := domain.ParseOrderNumber(text)
	if found := domain.FindReferences(text[:min(len(text), domain.IdentityMax)]); err != nil && len(found) == 1 {
		number, err = found[0].Number, nil
	}
	if err != nil {
		return domain.Payable{}, domain.Refusal{Code: orderUnknown}
	}
	payable, ok, err := cashier.order(ctx, number)
	if err == nil && !ok {
		err = domain.Refusal{Code: orderUnknown}
	}
	return payable, err
}
