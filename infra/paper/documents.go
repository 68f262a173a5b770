package paper

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"netrom.pl/portal/domain"
)

// Version of the documents: layout, words, fonts. It stands in the log beside their digests, so whatever changes a byte of a
// document that was issued is a new version, and this one stays able to be written.
const Version = 1

// Printer writes the documents. It is safe for concurrent use.
type Printer struct{}

// Version that a new document gets.
func (Printer) Version() int { return Version }

// Proforma writes an order's proforma again, as it was issued. It has one page at least, and as many as the lines need.
func (Printer) Proforma(order domain.OrderSubmitted, issued domain.ProformaIssued, language domain.Language) ([]byte, error) {
	if issued.Paper != Version {
		return nil, fmt.Errorf("write proforma %s: version %d of the documents is not known, only %d", issued.Number, issued.Paper, Version)
	}
	words, err := labelsOf(language)
	if err != nil {
		return nil, fmt.Errorf("write proforma %s: %w", issued.Number, err)
	}
	on, err := time.Parse(time.DateOnly, string(issued.IssuedOn))
	if err != nil {
		return nil, fmt.Errorf("write proforma %s: %w", issued.Number, err)
	}
	s := newSheet(words.proforma+" "+string(issued.Number), order.Bank.Recipient, string(language), on)
	s.head(words.proforma, string(issued.Number), []fact{{words.issuedOn, day(issued.IssuedOn)}, {words.order, order.Number.String()}, {words.dueOn, day(order.DueOn)}})
	s.parties(words, [2]party{{words.seller, order.Bank.Recipient, order.Bank.NIP, order.Bank.Account}, {words.buyer, issued.BuyerName, issued.BuyerNIP, ""}})
	s.line(margin, s.y, bodyWidth, words.amountsIn, regular, smallSize, right)
	s.y += 4

	rates := byRate(words, order.Lines)
	rows := make([]row, len(order.Lines))
	for i, line := range order.Lines {
		rows[i] = s.row(words, line)
	}
	spans := paginate(rows, bodyBottom-s.y, bodyBottom-margin, sumHeight*float64(1+len(rates))+paymentHeight)
	var sum domain.Amounts
	for i, at := range spans {
		if i > 0 {
			s.page()
		}
		last := i == len(spans)-1
		sum = s.table(words, rows, at, sum, last)
		if last {
			if err := s.payment(words, order, issued, rates); err != nil {
				return nil, fmt.Errorf("write proforma %s: %w", issued.Number, err)
			}
		}
		s.foot(words.proforma+" "+string(issued.Number)+", "+order.Bank.Recipient, fmt.Sprintf(words.page, i+1, len(spans)))
	}
	return s.finish()
}

// paymentHeight is the room for what stands below the table, beside the sums of each rate: the code and the notice.
const paymentHeight = 72.0

// ratesShown is how many rates of tax are summed up apart; the law has four.
const ratesShown = 8

// rateSum is what the lines of one rate of tax, or of all the others, come to.
type rateSum struct {
	name string
	domain.Amounts
}

// byRate sums up the lines of each rate, the highest first.
func byRate(words labels, lines []domain.Line) []rateSum {
	sums := map[domain.VATRate]domain.Amounts{}
	for _, line := range lines {
		sums[line.VATRate] = sums[line.VATRate].Plus(line.Amounts)
	}
	var list []rateSum
	for _, rate := range slices.SortedFunc(maps.Keys(sums), func(a, b domain.VATRate) int { return cmp.Compare(b, a) }) {
		if len(list) < ratesShown {
			list = append(list, rateSum{fmt.Sprintf("%s %d%%", words.rate, rate), sums[rate]})
			continue
		}
		list[ratesShown-1].name, list[ratesShown-1].Amounts = words.otherRates, list[ratesShown-1].Plus(sums[rate])
	}
	return list
}

// payment says what to pay, where and how, and that this is no invoice.
func (s *sheet) payment(words labels, order domain.OrderSubmitted, issued domain.ProformaIssued, rates []rateSum) error {
	for _, sum := range rates {
		s.sums(words, sum.name, sum.Amounts, regular)
	}
	s.y += 4
	top := s.y
	if paid := order.Total.Gross - issued.Open; paid != 0 {
		s.facts(margin, bodyWidth-codeSize-10, []fact{{words.paidBefore, paid.String()}}, textSize)
	}
	s.facts(margin, bodyWidth-codeSize-10, []fact{{words.toPay, max(issued.Open, 0).String()}}, textSize+3)
	s.y += 1.5
	s.facts(margin, bodyWidth-codeSize-10, []fact{{words.dueOn, day(order.DueOn)}, {words.recipient, order.Bank.Recipient},
		{words.account, order.Bank.Account.Grouped()}, {words.title, order.Title}}, textSize)
	below := s.y
	if code := order.Bank.TransferCode(issued.Open, order.Title); code != "" {
		x := margin + bodyWidth - codeSize
		if err := s.code(x, top, code); err != nil {
			return err
		}
		s.y = top + codeSize
		for _, line := range s.wrap(words.scan, codeSize, regular, smallSize) {
			s.line(x, s.y, codeSize, line, regular, smallSize, centre)
			s.y += smallSize * point * leading
		}
	}
	s.y = max(s.y, below) + 4
	s.paragraph(margin, bodyWidth, words.notAnInvoice, regular, textSize)
	return nil
}

// paymentsShown is how many payments a confirmation lists one by one; the ones before are summed up in one row.
const paymentsShown = 25

// PaymentConfirmation confirms that the money of an order has come; what was taken back stands below with a minus.
func (Printer) PaymentConfirmation(c domain.PaymentConfirmation, language domain.Language) ([]byte, error) {
	words, err := labelsOf(language)
	if err != nil {
		return nil, fmt.Errorf("write payment confirmation of %s: %w", c.Order.Number, err)
	}
	on, err := time.Parse(time.DateOnly, string(c.On))
	if err != nil {
		return nil, fmt.Errorf("write payment confirmation of %s: %w", c.Order.Number, err)
	}
	order, number := c.Order, c.Order.Number.String()
	s := newSheet(words.confirmation+" "+number, order.Bank.Recipient, string(language), on)
	s.head(words.confirmation, words.order+" "+number, []fact{{words.paidOn, day(c.On)}, {words.title, order.Title}})
	s.parties(words, [2]party{{words.seller, order.Bank.Recipient, order.Bank.NIP, order.Bank.Account}, {words.buyer, c.BuyerName, c.BuyerNIP, ""}})
	s.paragraph(margin, bodyWidth, words.confirmed, regular, textSize+1)
	s.y += 5
	facts := []fact{{words.valueOn, words.received}}
	payments := slices.Clone(order.Payments)
	for _, back := range order.TakenBack {
		payments = append(payments, domain.PaymentReceived{Amount: -back.Amount, ValueOn: back.ValueOn})
	}
	if earlier := len(payments) - paymentsShown; earlier > 0 {
		var sum domain.Money
		for _, payment := range payments[:earlier] {
			sum += payment.Amount
		}
		facts, payments = append(facts, fact{"… " + day(payments[earlier-1].ValueOn), sum.String()}), payments[earlier:]
	}
	for _, payment := range payments {
		facts = append(facts, fact{day(payment.ValueOn), payment.Amount.String()})
	}
	facts = append(facts, fact{words.sum, order.PaidAmount().String()}, fact{words.ordered, order.Total.Gross.String()})
	if order.Waived > 0 {
		facts = append(facts, fact{words.waived, order.Waived.String()})
	}
	if over := -order.Open(); over > 0 {
		facts = append(facts, fact{words.overpaid, over.String()})
	}
	s.facts(margin, bodyWidth*0.6, facts, textSize+1)
	s.foot(words.confirmation+" "+number+", "+order.Bank.Recipient, fmt.Sprintf(words.page, 1, 1))
	return s.finish()
}
