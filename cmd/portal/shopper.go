package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"netrom.pl/portal/domain"
)

// shopper speaks to the portal's API over HTTP as a program of a customer would.
type shopper struct {
	base  string // without a slash at the end
	token string
	seen  string // consistency token of the last command
	// forgetful shoppers do not wait for the read models to show what they did.
	forgetful bool
}

// problem is a refusal as the API says it. Source: RFC 9457.
type problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func (p problem) Error() string {
	return fmt.Sprintf("status %d, %s: %s %s", p.Status, p.Code, p.Title, p.Detail)
}

type ownedProgram struct {
	Licence   domain.LicenceID `json:"licence"`
	Program   string           `json:"program"`
	Paid      bool             `json:"paid"`
	Activated bool             `json:"activated"`
}

type offer struct {
	ID             string           `json:"id"`
	Licence        domain.LicenceID `json:"licence"`
	ProgramName    string           `json:"program_name"`
	ToMultiStation bool             `json:"to_multi_station"`
	Possible       bool             `json:"possible"`
	Reason         *problem         `json:"reason"`
}

type placedOrder struct {
	ID     domain.OrderID     `json:"id"`
	Number string             `json:"number"`
	Status domain.OrderStatus `json:"status"`
	Gross  domain.Money       `json:"gross"`
	Open   domain.Money       `json:"open"`
	Title  string             `json:"title"`
	Lines  []struct {
		Licence  domain.LicenceID `json:"licence"`
		FileSent bool             `json:"file_sent"`
	} `json:"lines"`
}

// answerMax bounds what is read of an answer, in bytes.
const answerMax = 32 << 20

// call sends a request and reads the answer into into; a refusal comes back as a problem.
func (s *shopper) call(ctx context.Context, method, path string, body, into any, headers ...string) error {
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("write request: %w", err)
		}
		sent = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, sent)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if s.token != "" {
		request.Header.Set("Authorization", "Bearer "+s.token)
	}
	if s.seen != "" {
		request.Header.Set("Consistency-Token", s.seen)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, answerMax))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if token := response.Header.Get("Consistency-Token"); token != "" && !s.forgetful {
		s.seen = token
	}
	if response.StatusCode >= http.StatusBadRequest {
		refused := problem{Status: response.StatusCode}
		if err := json.Unmarshal(raw, &refused); err != nil {
			return fmt.Errorf("%s %s: status %d with an unreadable body", method, path, response.StatusCode)
		}
		return refused
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s %s: read answer: %w", method, path, err)
	}
	return nil
}

func (s *shopper) logIn(ctx context.Context, user, password string) error {
	var answer struct {
		Token string `json:"token"`
	}
	err := s.call(ctx, http.MethodPost, "/api/session", map[string]string{"user": user, "password": password}, &answer)
	s.token = answer.Token
	return err
}

func (s *shopper) programs(ctx context.Context) ([]ownedProgram, error) {
	var answer struct {
		Programs []ownedProgram `json:"programs"`
	}
	err := s.call(ctx, http.MethodGet, "/api/programs", nil, &answer)
	return answer.Programs, err
}

func (s *shopper) updates(ctx context.Context) ([]offer, error) {
	var answer struct {
		Updates []offer `json:"updates"`
	}
	err := s.call(ctx, http.MethodGet, "/api/updates", nil, &answer)
	return answer.Updates, err
}

func (s *shopper) newPrograms(ctx context.Context) ([]offer, error) {
	var answer struct {
		Offers []offer `json:"new_programs"`
	}
	err := s.call(ctx, http.MethodGet, "/api/new-programs", nil, &answer)
	return answer.Offers, err
}

func (s *shopper) addToCart(ctx context.Context, offers ...string) error {
	return s.call(ctx, http.MethodPost, "/api/cart/items", map[string]any{"offers": offers}, nil)
}

func (s *shopper) submit(ctx context.Context, key string) (placedOrder, error) {
	var order placedOrder
	err := s.call(ctx, http.MethodPost, "/api/orders", nil, &order, "Idempotency-Key", key)
	return order, err
}

func (s *shopper) order(ctx context.Context, id domain.OrderID) (placedOrder, error) {
	var order placedOrder
	err := s.call(ctx, http.MethodGet, "/api/orders/"+string(id), nil, &order)
	return order, err
}

func (s *shopper) orders(ctx context.Context) ([]placedOrder, error) {
	var answer struct {
		Orders []placedOrder `json:"orders"`
	}
	err := s.call(ctx, http.MethodGet, "/api/orders", nil, &answer)
	return answer.Orders, err
}
