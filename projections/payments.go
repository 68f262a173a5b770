package projections

import (
	"time"

	"netrom.pl/portal/domain"
)

// TransferRow is money that came in. Order, Number and Rule are empty until it is matched.
type TransferRow struct {
	Transfer  domain.TransferID
	Amount    domain.Money
	ValueOn   domain.Day
	Title     string
	PayerName string
	Order     domain.OrderID
	Number    string
	Rule      string
	At        time.Time // when the portal learned of it
}
