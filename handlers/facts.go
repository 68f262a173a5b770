package handlers

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"netrom.pl/portal/domain"
)

// readersMax is how many streams are read side by side for one request.
const readersMax = 8

// fold reads many streams, each once, and answers their states.
func fold[K comparable, S any, P domain.State[S]](ctx context.Context, log domain.Log, keys map[K]string) (map[K]S, error) {
	var mu sync.Mutex
	states := make(map[K]S, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readersMax)
	for key, stream := range keys {
		group.Go(func() error {
			loaded, err := domain.Load[S, P](ctx, log, stream)
			mu.Lock()
			defer mu.Unlock()
			states[key] = loaded.State
			return err
		})
	}
	return states, group.Wait()
}

// cartFacts is what the log says at this moment of everything in a cart: nothing here comes from a read model, because
// an order follows from it.
type cartFacts struct {
	buyer  domain.Customer
	wishes map[domain.ItemID]domain.Wish
}

func (s *Server) factsOf(ctx context.Context, buyer domain.CustomerID, cart domain.Cart) (cartFacts, error) {
	customers := map[domain.CustomerID]string{buyer: domain.CustomerStream(buyer)}
	programs, licences := map[domain.ProgramID]string{}, map[domain.LicenceID]string{}
	for _, item := range cart.Items {
		customers[item.Client] = domain.CustomerStream(item.Client)
		programs[item.Program] = domain.ProgramStream(item.Program)
		if item.Licence != "" {
			licences[item.Licence] = domain.LicenceStream(item.Licence)
		}
	}
	knownCustomers, err := fold[domain.CustomerID, domain.Customer](ctx, s.Log, customers)
	if err != nil {
		return cartFacts{}, err
	}
	knownPrograms, err := fold[domain.ProgramID, domain.Program](ctx, s.Log, programs)
	if err != nil {
		return cartFacts{}, err
	}
	knownLicences, err := fold[domain.LicenceID, domain.Licence](ctx, s.Log, licences)
	if err != nil {
		return cartFacts{}, err
	}
	facts := cartFacts{buyer: knownCustomers[buyer], wishes: map[domain.ItemID]domain.Wish{}}
	for _, item := range cart.Items {
		facts.wishes[item.ID] = domain.Wish{Item: item.ID, Entry: item.Entry(), Client: knownCustomers[item.Client],
			Program: knownPrograms[item.Program], Licence: knownLicences[item.Licence], Stations: item.Stations}
	}
	return facts, nil
}

// licenceFor gives a licence and its owner as the log knows them, if the viewer may see it: the owner, and the
// owner's distributor (R5). Source: R4, R5.
func (s *Server) licenceFor(ctx context.Context, viewer domain.CustomerID, id domain.LicenceID) (domain.Licence, domain.Customer, error) {
	licence, err := domain.Load[domain.Licence](ctx, s.Log, domain.LicenceStream(id))
	if err != nil {
		return domain.Licence{}, domain.Customer{}, err
	}
	if !licence.State.Exists() {
		return domain.Licence{}, domain.Customer{}, domain.Refusal{Code: domain.NotFound}
	}
	owner, err := domain.Load[domain.Customer](ctx, s.Log, domain.CustomerStream(licence.State.Customer))
	if err != nil {
		return domain.Licence{}, domain.Customer{}, err
	}
	if viewer == "" || owner.State.ID != viewer && owner.State.Distributor != viewer {
		return domain.Licence{}, domain.Customer{}, domain.Refusal{Code: domain.NotFound}
	}
	return licence.State, owner.State, nil
}
