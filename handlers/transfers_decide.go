package handlers

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"netrom.pl/portal/domain"
)

// transferForm reads the transfer that a path names and the form about it. A missing transfer is refused before anything else.
func (s *Server) transferForm(c *call) (domain.TransferID, url.Values, error) {
	name, err := c.name("transfer")
	if err != nil {
		return "", nil, err
	}
	form, err := c.form()
	if err != nil {
		return "", nil, err
	}
	known, err := domain.Load[domain.Transfer](c.Context(), s.Log, domain.TransferStream(domain.TransferID(name)))
	if err == nil && known.State.Transfer == "" {
		err = domain.Refusal{Code: domain.NotFound}
	}
	return domain.TransferID(name), form, err
}

// transferAfter tells the orders what the decision means for them, and goes on with the transfer's page: with good news, or with the
// reason why nothing was done.
func (s *Server) transferAfter(c *call, id domain.TransferID, done string, outcome domain.Outcome, err error) (reply, error) {
	if refusal, no := domain.IsRefusal(err); no {
		answer, err := s.transferPage(c)
		answer.refusal = &refusal
		return answer, err
	}
	if err == nil {
		err = bookTransfer(c.Context(), s.Log, s.cause(c, "book"), id)
	}
	if err != nil {
		return reply{}, err
	}
	return reply{location: "/transfers/" + string(id) + "?done=" + done, position: outcome.Position}, nil
}

// seen reads what a page showed of a bucket when its form was filled in. A form that does not say it is out of date.
func seen(form url.Values) (domain.Money, error) {
	grosz, err := strconv.ParseInt(form.Get("seen"), 10, 64)
	if err != nil {
		return 0, domain.Refusal{Code: domain.MoneyMoved}
	}
	return domain.Money(grosz), nil
}

// amountIn reads an amount; an empty field is the one that the page offers.
func amountIn(text string, offered domain.Money) (domain.Money, error) {
	if text = strings.TrimSpace(text); text == "" {
		return offered, nil
	}
	amount, err := domain.ParseMoney(text)
	if err != nil {
		return 0, invalidInput("amount", "0,01–"+domain.MoneyMax.String())
	}
	return amount, nil
}

// decisionForm is transferForm with the number that a path names: of a proposal or a refund of the transfer.
func (s *Server) decisionForm(c *call) (id domain.TransferID, number int, form url.Values, err error) {
	if id, form, err = s.transferForm(c); err != nil {
		return id, 0, nil, err
	}
	text, err := c.name("number")
	if err != nil {
		return id, 0, nil, err
	}
	if number, err = strconv.Atoi(text); err != nil {
		return id, 0, nil, domain.Refusal{Code: domain.NotFound}
	}
	return id, number, form, nil
}

// decideMatch is the second accountant's word on a match by hand.
func (s *Server) decideMatch(c *call) (reply, error) {
	id, number, form, err := s.decisionForm(c)
	if err != nil {
		return reply{}, err
	}
	var outcome domain.Outcome
	done := "matched"
	switch form.Get("wish") {
	case "confirm":
		outcome, err = s.confirmMatch(c, id, number)
	case "reject":
		done = "match-rejected"
		outcome, err = domain.Execute(c.Context(), s.Log, s.cause(c, "reject"),
			domain.RejectMatch{Transfer: id, Proposal: number, Reason: strings.TrimSpace(form.Get("reason")), Account: c.account.ID})
	default:
		err = invalidInput("wish", "confirm, reject")
	}
	return s.transferAfter(c, id, done, outcome, err)
}

func (s *Server) confirmMatch(c *call, id domain.TransferID, number int) (domain.Outcome, error) {
	known, err := domain.Load[domain.Transfer](c.Context(), s.Log, domain.TransferStream(id))
	if err != nil {
		return domain.Outcome{}, err
	}
	open := map[domain.OrderID]domain.Payable{}
	if number >= 1 && number <= len(known.State.Proposals) {
		for _, part := range known.State.Proposals[number-1].Parts {
			order, err := domain.Load[domain.Order](c.Context(), s.Log, domain.OrderStream(part.Order))
			if err != nil {
				return domain.Outcome{}, err
			}
			open[part.Order] = order.State.Payable()
		}
	}
	return domain.Execute(c.Context(), s.Log, s.cause(c, "confirm"), domain.ConfirmMatch{Transfer: id, Proposal: number, Open: open, Account: c.account.ID})
}

// proposeRefund sets money of the transfer aside to be sent back, to the account that it came from or to another one.
func (s *Server) proposeRefund(c *call) (reply, error) {
	id, form, err := s.transferForm(c)
	if err != nil {
		return reply{}, err
	}
	var outcome domain.Outcome
	wish, err := refundIn(form)
	if err == nil {
		wish.Transfer, wish.Account = id, c.account.ID
		outcome, err = domain.Execute(c.Context(), s.Log, s.cause(c, "refund"), wish)
	}
	answer, err := s.transferAfter(c, id, "refund-proposed", outcome, err)
	if view, ok := answer.view.(transferView); ok {
		for i := range view.Refundable {
			if f := &view.Refundable[i]; string(f.Credit) == form.Get("credit") {
				f.Amount, f.Reason, f.PayeeAccount, f.PayeeName = form.Get("amount"), form.Get("reason"), form.Get("payee_account"), form.Get("payee_name")
				if field := fieldOfRefund(*answer.refusal); field != "" {
					answer.field = fmt.Sprintf("refund-%s-%d", field, i)
				}
			}
		}
	}
	return answer, err
}

// fieldOfRefund is the field that a refusal of a refund is about.
func fieldOfRefund(refusal domain.Refusal) string {
	switch refusal.Code {
	case notNRB, domain.PayerUnknown:
		return "payee_account"
	case domain.MoreThanUnmatched:
		return "amount"
	}
	return refusal.Facts["field"]
}

// refundIn reads the form of a refund.
func refundIn(form url.Values) (domain.ProposeRefund, error) {
	wish := domain.ProposeRefund{Credit: domain.CustomerID(form.Get("credit")), Reason: strings.TrimSpace(form.Get("reason")),
		PayeeName: strings.TrimSpace(form.Get("payee_name"))}
	var err error
	if wish.Seen, err = seen(form); err != nil {
		return wish, err
	}
	if wish.Amount, err = amountIn(form.Get("amount"), wish.Seen); err != nil {
		return wish, err
	}
	if account := strings.TrimSpace(form.Get("payee_account")); account != "" || wish.PayeeName != "" { // never to the payer by an oversight
		if wish.PayeeAccount, err = domain.ParseNRB(account); err != nil {
			return wish, domain.Refusal{Code: notNRB}
		}
	}
	return wish, nil
}

// decideRefund is the second accountant's word on a refund, or says that the money has left.
func (s *Server) decideRefund(c *call) (reply, error) {
	id, number, form, err := s.decisionForm(c)
	if err != nil {
		return reply{}, err
	}
	var outcome domain.Outcome
	done, wish := "refund-paid", form.Get("wish")
	switch wish {
	case "confirm", "reject":
		done = "refund-" + wish + "ed"
		outcome, err = domain.Execute(c.Context(), s.Log, s.cause(c, "refund"), domain.DecideRefund{Transfer: id, Refund: number, Yes: wish == "confirm",
			Reason: strings.TrimSpace(form.Get("reason")), Account: c.account.ID})
	case "paid":
		paid := domain.RefundPaid{Transfer: id, Refund: number, PaidOn: domain.Day(form.Get("paid_on"))}
		if today := DayOf(c.at); paid.PaidOn > today {
			err = invalidInput("paid_on", "–"+string(today))
			break
		}
		outcome, err = domain.Execute(c.Context(), s.Log, s.cause(c, "refund"), domain.PayRefund{RefundPaid: paid, Account: c.account.ID})
	default:
		err = invalidInput("wish", "confirm, reject, paid")
	}
	return s.transferAfter(c, id, done, outcome, err)
}

// linkReversal says that a reversal, whose transfer no rule has found, takes this one back. Done again it finishes what was interrupted.
func (s *Server) linkReversal(c *call) (reply, error) {
	id, form, err := s.transferForm(c)
	if err != nil {
		return reply{}, err
	}
	outcome, err := s.link(c, id, form)
	return s.transferAfter(c, id, "reversal-linked", outcome, err)
}

func (s *Server) link(c *call, id domain.TransferID, form url.Values) (domain.Outcome, error) {
	reversal := form.Get("reversal")
	if !isName(reversal) {
		return domain.Outcome{}, domain.Refusal{Code: domain.NotFound}
	}
	transfer, err := domain.Load[domain.Transfer](c.Context(), s.Log, domain.TransferStream(id))
	if err != nil {
		return domain.Outcome{}, err
	}
	b := transfer.State.Buckets()
	link := domain.LinkReversal{Left: b.Received - b.Reversed, ReversalMatched: domain.ReversalMatched{Reversal: domain.TransferID(reversal), Transfer: id,
		Reason: strings.TrimSpace(form.Get("reason")), Account: c.account.ID}}
	outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "link"), link)
	if err != nil {
		return outcome, err
	}
	known, err := domain.Load[domain.Reversal](c.Context(), s.Log, domain.ReversalStream(link.Reversal))
	if err != nil {
		return outcome, err
	}
	return reverseTransfer(c.Context(), s.Log, s.cause(c, "reverse"), *known.State.Match, known.State.ReversalReceived)
}
