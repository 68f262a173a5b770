package projections

import (
	"time"

	"netrom.pl/portal/domain"
)

// TaskRow is something that is owed. Which of the identities are filled depends on the kind: Order, Customer and Buyer
// for an order and for a submission to be placed, Customer for a login letter (Task.ID is "login-" and the account,
// Task.Copy the number of its link), Transfer and Order for a payment to be booked.
type TaskRow struct {
	Stream   string
	Order    domain.OrderID
	Customer domain.CustomerID
	Buyer    domain.CustomerID
	Transfer domain.TransferID
	Task     domain.Task
	Since    time.Time // when it came to be owed
	DueAt    time.Time // Since, or after a failure the moment of the next try
}
