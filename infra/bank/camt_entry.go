package bank

import (
	"encoding/xml"
	"strings"
)

// entry reads a booking (Ntry) and adds what it consists of to the statement.
func (p *xmlParser) entry(start xml.StartElement, s *xmlStatement) error {
	at := place{line: p.guard.line(), start: p.guard.start}
	p.guard.parts = p.guard.parts[:0]
	var x xmlEntry
	if err := p.in.DecodeElement(&x, &start); err != nil {
		return err
	}
	at.end = p.guard.in.InputOffset()
	if p.entries++; p.entries > EntriesMax {
		return refuse(at.line, "the file has more than %d entries: %s", EntriesMax, shorter)
	}
	if status := strings.TrimSpace(x.Status.Text + x.Status.Code); status != "BOOK" && status != "" {
		return nil
	}
	whole, err := x.entry(at.line)
	if err != nil {
		return err
	}
	if s.entryCurrency == "" {
		s.entryCurrency = x.Amount.Currency
	}
	if x.Amount.Currency != s.entryCurrency {
		return refuse(at.line, "the entry is in %s and others are in %s; %s", x.Amount.Currency, s.entryCurrency, again)
	}
	entries := x.split(whole, p.guard.parts)
	if entries == nil {
		entries = []Entry{whole}
		p.guard.parts = append(p.guard.parts[:0], at)
	}
	if p.entries += len(entries) - 1; p.entries > EntriesMax {
		return refuse(at.line, "the file has more than %d entries: %s", EntriesMax, shorter)
	}
	for i := range entries {
		e := &entries[i]
		if e.Raw, err = p.guard.raw(p.guard.parts[i]); err != nil {
			return err
		}
		if max(len(e.BankReference), len(e.CustomerReference)) > referenceMax {
			return refuse(e.Line, "a reference of the entry is longer than %d bytes; %s", referenceMax, again)
		}
	}
	s.Entries = append(s.Entries, entries...)
	return nil
}

// entry is the booking as one entry. Of several payments it has no title: the amount belongs to all of them, and whoever is named
// in one would get the money of the others.
func (x xmlEntry) entry(line int) (Entry, error) {
	e := Entry{Line: line, BankReference: oneBlank(x.Reference)}
	var err error
	if e.Mark, err = xmlMark(line, x.Mark, x.Reversal); err != nil {
		return e, err
	}
	if e.AmountGrosz, err = x.Amount.grosz(line); err != nil {
		return e, err
	}
	e.AmountGrosz *= e.Mark.sign()
	booked, value := x.BookedOn, x.ValueOn
	if booked == (xmlDay{}) {
		booked = value
	}
	if value == (xmlDay{}) {
		value = booked
	}
	if e.BookedOn, err = booked.date(line); err != nil {
		return e, err
	}
	if e.ValueDate, err = value.date(line); err != nil {
		return e, err
	}
	if len(x.Payments) == 1 {
		e.Title = x.Payments[0].title()
		x.Payments[0].name(&e)
		if reference := oneBlank(x.Payments[0].Reference); identifies(reference) && !identifies(e.BankReference) {
			e.BankReference = reference
		}
	}
	return e, nil
}

// split gives an entry for each payment of a booking of several, or nil if their amounts do not add up to that of the booking:
// then nobody knows who paid how much.
func (x xmlEntry) split(whole Entry, parts []place) []Entry {
	if len(x.Payments) < 2 || len(x.Payments) != len(parts) {
		return nil
	}
	entries := make([]Entry, len(parts))
	rest := whole.AmountGrosz
	for i, payment := range x.Payments {
		amount, mark := payment.Amount, payment.Mark
		if amount.Value == "" {
			amount = payment.Moved
		}
		if mark == "" {
			mark = x.Mark
		}
		e := whole
		var err error
		if e.Mark, err = xmlMark(parts[i].line, mark, x.Reversal); err != nil || amount.Currency != x.Amount.Currency {
			return nil
		}
		if e.AmountGrosz, err = amount.grosz(parts[i].line); err != nil {
			return nil
		}
		e.AmountGrosz *= e.Mark.sign()
		rest -= e.AmountGrosz
		e.Line, e.Title = parts[i].line, payment.title()
		payment.name(&e)
		if reference := oneBlank(payment.Reference); identifies(reference) {
			e.BankReference = reference
		}
		entries[i] = e
	}
	if rest != 0 {
		return nil
	}
	return entries
}

// name fills in the other side: who paid where money comes in or goes back, who was paid where it goes out.
func (p xmlPayment) name(e *Entry) {
	party, account := p.Debtor, p.DebtorAccount
	if e.Mark == Debit || e.Mark == ReversedDebit {
		party, account = p.Creditor, p.CreditorAccount
	}
	e.PayerName, e.PayerAccount = party.name(), accountIn(oneBlank(account.IBAN+account.Other))
	e.CustomerReference = oneBlank(p.EndToEnd)
	if to := accountIn(oneBlank(p.CreditorAccount.IBAN + p.CreditorAccount.Other)); e.Mark == Credit && validNRB(to) {
		e.PaidTo = to
	}
}

// xmlMark is the mark of MT940 for an indicator; a reversal that takes money is that of a credit.
func xmlMark(line int, indicator, reversal string) (Mark, error) {
	reversed := strings.TrimSpace(reversal)
	back := reversed == "true" || reversed == "1"
	switch strings.TrimSpace(indicator) {
	case "CRDT":
		if back {
			return ReversedDebit, nil
		}
		return Credit, nil
	case "DBIT":
		if back {
			return ReversedCredit, nil
		}
		return Debit, nil
	}
	return "", refuse(line, "%s is neither CRDT nor DBIT, so which way the money went cannot be told; %s", quote(indicator), again)
}

// grosz reads digits, a point and at most two decimals that are not zero.
func (a xmlAmount) grosz(line int) (int64, error) {
	if !currencyForm(a.Currency) {
		return 0, refuse(line, "currency %s is not three letters; %s", quote(a.Currency), again)
	}
	text := strings.TrimSpace(a.Value)
	whole, decimals, _ := strings.Cut(text, ".")
	if len(decimals) > 2 {
		decimals = decimals[:2] + strings.TrimRight(decimals[2:], "0")
	}
	if whole == "" || !onlyDigits(whole) || !onlyDigits(decimals) {
		return 0, refuse(line, "amount %s is not digits, a point and two decimals, like 1234.56; %s", quote(text), again)
	}
	return parseAmount(line, whole+","+decimals)
}

func currencyForm(text string) bool {
	return len(text) == 3 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
