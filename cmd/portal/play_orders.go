package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"netrom.pl/portal/infra/mail"

	"netrom.pl/portal/domain"
)

func (p *play) look(ctx context.Context) (string, error) {
	programs, err := p.customer.programs(ctx)
	if err != nil {
		return "", err
	}
	updates, err := p.customer.updates(ctx)
	if err != nil {
		return "", err
	}
	fresh, err := p.customer.newPrograms(ctx)
	if err != nil {
		return "", err
	}
	if len(programs) == 0 || len(updates) == 0 || len(fresh) == 0 {
		return "", fmt.Errorf("%d programs, %d updates, %d new programs", len(programs), len(updates), len(fresh))
	}
	return fmt.Sprintf("%d programs, %d updates, %d new programs", len(programs), len(updates), len(fresh)), nil
}

func (p *play) multiStationTooEarly(ctx context.Context) (string, error) {
	updates, err := p.customer.updates(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(updates, func(o offer) bool {
		return o.ToMultiStation && !o.Possible && o.Licence == p.granted[domain.CustomerIDOf(customerCode)]
	})
	if i < 0 {
		return "", errors.New("the multi-station update of the older version is not shown with its reason")
	}
	return refusedWith(http.StatusConflict, p.customer.addToCart(ctx, updates[i].ID))
}

func (p *play) clientRefused(ctx context.Context) (string, error) {
	licence := p.granted[domain.CustomerIDOf(clientCode)]
	updates, err := p.client.updates(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(updates, func(o offer) bool { return o.Licence == licence && !o.ToMultiStation })
	if i < 0 || updates[i].Possible {
		return "", errors.New("the client does not see its update as not orderable")
	}
	return refusedWith(http.StatusConflict, p.client.addToCart(ctx, updates[i].ID))
}

func (p *play) distributorLooks(ctx context.Context) (string, error) {
	programs, err := p.distributor.programs(ctx)
	if err != nil {
		return "", err
	}
	updates, err := p.distributor.updates(ctx)
	if err != nil {
		return "", err
	}
	for _, code := range []string{clientCode, otherClientCode} {
		licence := p.granted[domain.CustomerIDOf(code)]
		if !slices.ContainsFunc(programs, func(o ownedProgram) bool { return o.Licence == licence }) ||
			!slices.ContainsFunc(updates, func(o offer) bool { return o.Licence == licence && o.Possible }) {
			return "", fmt.Errorf("the licence of client %s is missing", code)
		}
	}
	return fmt.Sprintf("%d programs, %d updates", len(programs), len(updates)), nil
}

func (p *play) customerOrders(ctx context.Context) (string, error) {
	fresh, err := p.customer.newPrograms(ctx)
	if err != nil {
		return "", err
	}
	order, err := p.orderUpdates(ctx, p.customer, []string{fresh[0].ID}, customerCode)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("order %s, %s", order.Number, order.Gross), nil
}

func (p *play) distributorOrders(ctx context.Context) (string, error) {
	order, err := p.orderUpdates(ctx, p.distributor, nil, clientCode, otherClientCode)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("order %s, %d positions, %s", order.Number, len(order.Lines), order.Gross), nil
}

// orderUpdates ticks the updates of the licences that were granted to these customers, and more, and submits the cart twice.
func (p *play) orderUpdates(ctx context.Context, buyer *shopper, more []string, codes ...string) (placedOrder, error) {
	updates, err := buyer.updates(ctx)
	if err != nil {
		return placedOrder{}, err
	}
	ticked := more
	for _, code := range codes {
		i := slices.IndexFunc(updates, func(o offer) bool { return o.Licence == p.granted[domain.CustomerIDOf(code)] && o.Possible })
		if i < 0 {
			return placedOrder{}, fmt.Errorf("no update is offered for the licence of %s", code)
		}
		ticked = append(ticked, updates[i].ID)
	}
	if err := buyer.addToCart(ctx, ticked...); err != nil {
		return placedOrder{}, err
	}
	key := uuid.NewString()
	order, err := buyer.submit(ctx, key)
	if err != nil {
		return order, err
	}
	again, err := buyer.submit(ctx, key)
	if err != nil {
		return order, err
	}
	if again.ID != order.ID || again.Number != order.Number || len(order.Lines) < len(ticked) {
		return order, fmt.Errorf("the second submission answered order %s, the first %s", again.Number, order.Number)
	}
	p.bought = append(p.bought, order)
	return order, nil
}

func (p *play) confirmations(ctx context.Context) (string, error) {
	var found []string
	for _, order := range p.bought {
		letter, err := p.letter.await(ctx, 0, func(m mail.Letter) bool { return strings.Contains(m.Text, order.Title) })
		if err != nil {
			return "", fmt.Errorf("wait for the confirmation of order %s: %w", order.Number, err)
		}
		for _, fact := range []string{order.Number, order.Gross.String(), p.portal.vendor.Terms.Bank.Account.Grouped()} {
			if !strings.Contains(letter.Text, fact) {
				return "", fmt.Errorf("the confirmation of order %s does not say %q", order.Number, fact)
			}
		}
		found = append(found, order.Title)
	}
	return strings.Join(found, ", "), nil
}
