package projections

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"netrom.pl/portal/domain"
)

var errPending = errors.New("projections: in the making")

var programs, entitlements, carts, orders, customers, payments, tasks View

type Session struct{}

func kindOf(err error) string { return err.Error() }

type Tables struct{}

func Run(ctx context.Context, db *sqlx.DB, log domain.Log, view View, o Options) error { return errPending }
func Settle(ctx context.Context, db *sqlx.DB, at domain.Position, views ...string) error {
	return errPending
}
func Dump(ctx context.Context, db *sqlx.DB) (map[string]string, error) { return nil, errPending }
func Compare(live, rebuilt map[string]string) []string                 { return nil }
func Rebuild(ctx context.Context, db *sqlx.DB, log domain.Log, schema string) error {
	return errPending
}
func OpenTables(ctx context.Context, db *sqlx.DB) (*Tables, error) { return nil, errPending }
func (t *Tables) Close() error                                     { return nil }
func (t *Tables) Entitlements(ctx context.Context, viewer domain.CustomerID) ([]Entitlement, error) {
	return nil, errPending
}
func (t *Tables) Entitlement(ctx context.Context, viewer domain.CustomerID, licence domain.LicenceID) (Entitlement, bool, error) {
	return Entitlement{}, false, errPending
}
func (t *Tables) Updates(ctx context.Context, viewer domain.CustomerID) ([]Offer, error) {
	return nil, errPending
}
func (t *Tables) NewPrograms(ctx context.Context) ([]Offer, error) { return nil, errPending }
func (t *Tables) Wishes(ctx context.Context, buyer domain.CustomerID, picks []Pick) (domain.Customer, []domain.Wish, error) {
	return domain.Customer{}, nil, errPending
}
func (t *Tables) Cart(ctx context.Context, buyer domain.CustomerID) (CartPage, error) {
	return CartPage{}, errPending
}
func (t *Tables) Orders(ctx context.Context, buyer domain.CustomerID) ([]OrderRow, error) {
	return nil, errPending
}
func (t *Tables) Order(ctx context.Context, viewer domain.CustomerID, id domain.OrderID) (OrderRow, bool, error) {
	return OrderRow{}, false, errPending
}
func (t *Tables) Customer(ctx context.Context, id domain.CustomerID) (CustomerRow, bool, error) {
	return CustomerRow{}, false, errPending
}
func (t *Tables) Customers(ctx context.Context) ([]CustomerRow, error) { return nil, errPending }
func (t *Tables) Clients(ctx context.Context, distributor domain.CustomerID) ([]CustomerRow, error) {
	return nil, errPending
}
func (t *Tables) Transfers(ctx context.Context, unmatchedOnly bool) ([]TransferRow, error) {
	return nil, errPending
}
func (t *Tables) Due(ctx context.Context, now time.Time, limit int) ([]TaskRow, error) {
	return nil, errPending
}
func (t *Tables) Tasks(ctx context.Context) ([]TaskRow, error) { return nil, errPending }
func (t *Tables) NextDue(ctx context.Context) (time.Time, bool, error) {
	return time.Time{}, false, errPending
}
func (t *Tables) Totals(ctx context.Context) (Totals, error) { return Totals{}, errPending }
