package handlers

import (
	"context"
	"fmt"
	"sync"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// waitingShown is how many transfers, and how many reversals, wait for a person on one page.
const waitingShown = 50

// transfersView is the money that came in: first what waits for a person, then all of it.
type transfersView struct {
	Waiting   []waitingTransfer // the oldest first
	Total     int               // that wait
	Reversals []projections.ReversalRow
	listView[projections.TransferRow]
}

// waitingTransfer is a transfer with what a person has to know to decide about its money.
type waitingTransfer struct {
	domain.Transfer
	Unmatched domain.Money
	Reason    string // one of the domain's Unmatched reasons, for what is unmatched; empty: nothing is, or a rule would match it now
	Suggested []suggested
	Proposed  *domain.MatchProposed // that waits for a second person
	Returning []domain.Refund       // refunds that are neither paid nor rejected
}

// Overdrawn tells that the bank took back what had been refunded.
func (w waitingTransfer) Overdrawn() bool { return w.Unmatched < 0 }

// suggested is an order that the money may be meant for.
type suggested struct {
	Order     domain.OrderID
	Number    domain.OrderNumber
	BuyerName string
	Amount    domain.Money // that the order would get
	Why       []string     // ids of messages
}

// showTransfers is accounting's queue, and the list of all the money that came in.
func (s *Server) showTransfers(c *call) (reply, error) {
	answer, err := showList(c, "transfers", partsOfTransfers, columnsOfTransfers, s.Tables.Transfers)
	shown, ok := answer.view.(listView[projections.TransferRow])
	if err != nil || !ok {
		return answer, err
	}
	view := transfersView{listView: shown}
	if shown.List.Narrowed() || shown.List.Number > 1 {
		answer.view = view
		return answer, nil
	}
	ids, total, err := s.Tables.WaitingTransfers(c.Context(), waitingShown)
	if err != nil {
		return reply{}, err
	}
	view.Total = total
	var transfers []domain.Transfer
	for _, id := range ids {
		transfer, err := domain.Load[domain.Transfer](c.Context(), s.Log, domain.TransferStream(id))
		if err != nil {
			return reply{}, err
		}
		transfers = append(transfers, transfer.State)
	}
	if view.Waiting, err = s.waiting(c.Context(), transfers); err != nil {
		return reply{}, err
	}
	view.Reversals, err = s.Tables.LostReversals(c.Context(), waitingShown)
	answer.view = view
	return answer, err
}

// waiting says of transfers what about them waits for a person.
func (s *Server) waiting(ctx context.Context, transfers []domain.Transfer) ([]waitingTransfer, error) {
	var waiting []waitingTransfer
	for _, transfer := range transfers {
		w := waitingTransfer{Transfer: transfer, Unmatched: transfer.Buckets().Unmatched}
		if transfer.Proposal != 0 {
			w.Proposed = &transfer.Proposals[transfer.Proposal-1]
		}
		for _, refund := range transfer.Refunds {
			if refund.State == domain.RefundAwaits || refund.State == domain.RefundAgreed {
				w.Returning = append(w.Returning, refund)
			}
		}
		if w.Unmatched > 0 {
			received := transfer.TransferReceived
			received.Amount = w.Unmatched
			finding, err := s.debts.find(ctx, s.Log, received)
			if err != nil {
				return nil, fmt.Errorf("look for the order of transfer %s: %w", transfer.Transfer, err)
			}
			w.Reason, w.Suggested = finding.Reason, suggestedBy(finding)
		}
		waiting = append(waiting, w)
	}
	return waiting, nil
}

// suggestedBy lists the orders that a finding names. What a rule would match now is suggested too: only an import matches by itself.
func suggestedBy(finding domain.Finding) []suggested {
	var list []suggested
	for _, part := range finding.Parts {
		list = append(list, suggested{Order: part.Order, Number: part.Number, Amount: part.Amount, Why: []string{"rule." + finding.Rule}})
	}
	for _, s := range finding.Suggestions {
		found := suggested{Order: s.Order, Number: s.Number, BuyerName: s.BuyerName, Amount: s.Amount}
		for _, why := range s.Why {
			found.Why = append(found.Why, "suggested."+why)
		}
		list = append(list, found)
	}
	return list
}

// debts keeps the orders that wait for money in memory, so that a page finds those that a transfer may be meant for without reading the
// whole log each time. It is safe for concurrent use; the zero value has read nothing.
type debts struct {
	mu       sync.Mutex
	known    domain.Receivables
	position domain.Position // up to which the log was read
}

// find applies the rules of matching to a transfer, as of the end of the log.
func (d *debts) find(ctx context.Context, log domain.Log, received domain.TransferReceived) (domain.Finding, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.readOn(ctx, log); err != nil {
		return domain.Finding{}, err
	}
	var broken error
	finding := domain.Matcher{
		Order: d.known.Order,
		Invoice: func(text string) (domain.OrderNumber, bool) {
			claim, err := domain.Load[domain.InvoiceNumber](ctx, log, domain.InvoiceStream(text))
			if err != nil {
				broken = err
			}
			return claim.State.Number, claim.State.Order != ""
		},
		Waiting: func() *domain.Receivables { return &d.known },
	}.Match(received)
	return finding, broken
}

// readOn reads what has come since. When personal data were erased everything is read again, so that no name outlives its key here.
func (d *debts) readOn(ctx context.Context, log domain.Log) error {
	anew := d.position == 0
	for record, err := range log.History(ctx, d.position) {
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if _, erased := record.Event.(domain.PersonalDataErased); erased && !anew {
			d.known, d.position = domain.Receivables{}, 0
			return d.readOn(ctx, log)
		}
		d.known.See(record.Event)
		d.position = record.Position
	}
	return nil
}
