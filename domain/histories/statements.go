package histories

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"netrom.pl/portal/domain"
)

// bank is what the statements of a market say, and what was broken off in the middle of an import.
type bank struct {
	statements []domain.StatementImported
	balance    domain.Money
	reversals  int
	arrived    []domain.TransferID
	owed       []func()
}

// imports records a statement of one day, at times one that begins with an earlier one and holds everything since, and at times an earlier one again.
func (m *Market) imports(arrived []domain.TransferReceived, reversed []domain.ReversalReceived) domain.StatementID {
	n := len(m.bank.statements)
	statement := domain.StatementImported{Statement: domain.StatementID(fmt.Sprint("s-", n)), Account: Terms.Bank.Account, Number: fmt.Sprintf("%04d", n),
		OpenedOn: m.Today(), ClosedOn: m.Today(), Opening: m.bank.balance, Digest: fmt.Sprint(n)}
	for _, received := range arrived {
		m.bank.balance += received.Amount
		statement.Transfers = append(statement.Transfers, received.Transfer)
	}
	for _, reversal := range reversed {
		m.bank.balance -= reversal.Amount
		statement.Reversals = append(statement.Reversals, reversal.Reversal)
	}
	statement.Closing = m.bank.balance
	if n > 0 && m.Number("overlap", 0, 3) == 0 {
		from := m.Number("first day", max(0, n-5), n-1)
		statement.OpenedOn, statement.Opening = m.bank.statements[from].OpenedOn, m.bank.statements[from].Opening
		for _, earlier := range m.bank.statements[from:] {
			statement.Transfers, statement.Reversals = append(statement.Transfers, earlier.Transfers...), append(statement.Reversals, earlier.Reversals...)
		}
		slices.Sort(statement.Transfers)
		slices.Sort(statement.Reversals)
		statement.Transfers, statement.Reversals = slices.Compact(statement.Transfers), slices.Compact(statement.Reversals)
	}
	if n > 0 && m.Number("again", 0, 5) == 0 {
		do(m, domain.ImportStatement{StatementImported: pick(m, "statement", m.bank.statements)})
	}
	m.bank.statements = append(m.bank.statements, statement)
	do(m, domain.ImportStatement{StatementImported: statement})
	return statement.Statement
}

// takeBack lets the bank take a transfer back, or half of it. It may not be known whose it was, or a person finds it, perhaps only later.
func (m *Market) takeBack(transfer domain.Transfer) {
	m.bank.reversals++
	reversal := domain.ReversalReceived{Reversal: domain.TransferID(fmt.Sprint("r-", m.bank.reversals)), Account: transfer.Account,
		Amount: pick(m, "amount", []domain.Money{transfer.Amount, transfer.Amount, (transfer.Amount + 1) / 2}), ValueOn: m.Today(), BookedOn: m.Today(),
		BankReference: fmt.Sprint("back ", m.bank.reversals)}
	reversal.Statement = m.imports(nil, []domain.ReversalReceived{reversal})
	match := domain.ReversalMatched{Reversal: reversal.Reversal, Transfer: transfer.Transfer, Reason: "as the bank says", Account: pick(m, "who", desk)}
	receive := domain.ReceiveReversal{ReversalReceived: reversal}
	found := m.Number("found", 0, 3)
	if buckets := transfer.Buckets(); found > 1 && reversal.Amount <= buckets.Received-buckets.Reversed {
		match.Rule, receive.Match = domain.ReversedByReference, &match
	}
	do(m, receive)
	if found == 1 {
		once(m, domain.LinkReversal{ReversalMatched: match, Left: transfer.Buckets().Received - transfer.Buckets().Reversed})
	}
	finish := func() {
		if known := Known[domain.Reversal](m, domain.ReversalStream(reversal.Reversal)); known.Match != nil {
			do(m, domain.ReverseTransfer{TransferReversed: domain.TransferReversed{Transfer: known.Match.Transfer, Reversal: reversal.Reversal, Amount: reversal.Amount,
				ValueOn: reversal.ValueOn, BookedOn: reversal.BookedOn, Rule: known.Match.Rule}})
		}
	}
	if m.Number("crash", 0, 9) == 0 {
		m.bank.owed = append(m.bank.owed, finish)
		return
	}
	finish()
}

// catchUp finishes what was broken off.
func (m *Market) catchUp() {
	owed := m.bank.owed
	m.bank.owed = nil
	for _, finish := range owed {
		finish()
	}
}

// settleRounds bounds how often what is owed may owe something else.
const settleRounds = 20

// Settle does everything that the portal owes, and lets two days pass, so that what it should have done by now shows.
func (m *Market) Settle() {
	for range settleRounds {
		before := len(m.Log.Records)
		m.catchUp()
		for _, id := range slices.Sorted(maps.Keys(m.Orders)) {
			m.Finish(id)
			m.settle(id)
		}
		for _, stream := range slices.Sorted(m.Log.Streams()) {
			if id, ok := strings.CutPrefix(stream, domain.TransferStream("")); ok {
				m.tell(domain.TransferID(id))
			}
		}
		if len(m.Log.Records) == before {
			break
		}
	}
	m.now = m.now.AddDate(0, 0, 2)
	do(m, domain.ListProgram{Program: "finis", Name: "Finis"})
}

// settle does what an order owes at once.
func (m *Market) settle(id domain.OrderID) {
	for _, task := range Known[domain.Order](m, domain.OrderStream(id)).Owed() {
		switch task.Kind {
		case domain.ReleaseTask, domain.MarkPaidTask, domain.MarkUnpaidTask, domain.ReturnTask, domain.ActivateTask:
			m.perform(Known[domain.Order](m, domain.OrderStream(id)), task)
		}
	}
}
