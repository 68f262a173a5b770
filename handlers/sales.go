package handlers

import (
	"context"
	"fmt"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// saleRow is an order with its buyer.
type saleRow struct {
	orderView
	Buyer     domain.CustomerID
	BuyerName string
}

// showSales lists the orders of everybody.
func (s *Server) showSales(c *call) (reply, error) {
	return showList(c, "sales", partsOfOrders, columnsOfOrders, func(ctx context.Context, wanted projections.Listing) ([]saleRow, int, error) {
		rows, total, err := s.Tables.AllOrders(ctx, wanted)
		var sales []saleRow
		for _, row := range rows {
			sales = append(sales, saleRow{orderViewOf(row), row.Buyer, row.BuyerName})
		}
		return sales, total, err
	})
}

// saleView is one order with everything that was written in its stream.
type saleView struct {
	saleRow
	Records []saleRecord
	Skipped []skippedTask
	Credit  domain.Money // of the buyer, from whatever order
	Sent    []sentFile   // although the bank took the money back
}

// saleRecord is an event of an order without its contents.
type saleRecord struct {
	Position domain.Position
	Type     string
	Actor    string
	At       time.Time
}

// skippedTask is a duty that somebody has given up.
type skippedTask struct {
	Task   string
	Reason string
	Actor  string
	At     time.Time
}

// showSale is one order as the vendor's people see it.
func (s *Server) showSale(c *call) (reply, error) {
	name, err := c.name("order")
	if err != nil {
		return reply{}, err
	}
	row, ok, err := s.Tables.AnyOrder(c.Context(), domain.OrderID(name))
	if err != nil {
		return reply{}, err
	}
	if !ok {
		return reply{}, c.missing()
	}
	view := saleView{saleRow: saleRow{orderViewOf(row), row.Buyer, row.BuyerName}}
	view.DocumentsAt = "/sales/" + string(row.Order)
	if view.FromCredit, err = s.fromCredit(c.Context(), row); err != nil {
		return reply{}, err
	}
	if view.Credit, err = s.creditOf(c.Context(), row.Buyer); err != nil {
		return reply{}, err
	}
	var order domain.Order
	reasons := map[string]skippedTask{}
	for record, err := range s.Log.Read(c.Context(), domain.OrderStream(row.Order), 0) {
		if err != nil {
			return reply{}, fmt.Errorf("read order: %w", err)
		}
		order.Evolve(record.Event)
		view.Records = append(view.Records, saleRecord{Position: record.Position, Type: record.Type, Actor: record.Metadata.Actor, At: record.Metadata.At})
		if e, skipped := record.Event.(domain.TaskSkipped); skipped {
			reasons[e.Task] = skippedTask{Task: e.Task, Reason: e.Reason, Actor: record.Metadata.Actor, At: record.Metadata.At}
		}
	}
	view.Sent = filesSentUnpaid(order)
	for _, task := range order.Skipped {
		view.Skipped = append(view.Skipped, reasons[task])
	}
	return reply{page: "sale", subject: row.Number.String(), view: view, notice: c.notice()}, nil
}
