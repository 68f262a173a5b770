package projections

import (
	"netrom.pl/portal/domain"
)

// CartPage is a cart as its buyer sees it.
type CartPage struct {
	Version int // to be named when the cart is submitted
	Items   []CartItem
	Notices []CartNotice
	Total   domain.Amounts
	Pending domain.OrderID // submitted, but not placed yet; empty if none
}

// CartItem is a position with the names behind its identities.
type CartItem struct {
	domain.Item
	ClientName  string
	ProgramName string
	Serial      string // empty for a new program
	Amounts     domain.Amounts
}

// CartNotice says what happened to a position: a new price, or a reason why it is gone.
type CartNotice struct {
	CartItem
	Old    domain.Money
	Reason *domain.Refusal
}
