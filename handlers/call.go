package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// call is one request on its way through the door.
type call struct {
	*http.Request
	id       string    // of the request; the correlation of everything that it causes
	at       time.Time // the only look at the clock during this request
	route    route
	account  Account // zero value: nobody is logged in
	language domain.Language
	late     bool // the tables have not yet seen what this reader did last
	company  *projections.CustomerRow
}

type callKey struct{}

// callOf gives the call that ServeHTTP has put beside the request.
func callOf(r *http.Request) *call { return r.Context().Value(callKey{}).(*call) }

// customer is the company for which the account acts.
func (c *call) customer() domain.CustomerID { return c.account.Customer }

// companyOf the asker, read once for each request.
func (s *Server) companyOf(c *call) (projections.CustomerRow, error) {
	if c.company == nil {
		company, _, err := s.Tables.Customer(c.Context(), c.customer())
		if err != nil {
			return company, fmt.Errorf("read customer: %w", err)
		}
		c.company = &company
	}
	return *c.company, nil
}

// idMax is the longest identity that anybody may ask for, in bytes.
const idMax = 128

// name is the identity in the request's path. One that is too long or has strange letters in it cannot exist.
func (c *call) name(variable string) (string, error) {
	name := mux.Vars(c.Request)[variable]
	if !isName(name) {
		return "", domain.Refusal{Code: domain.NotFound}
	}
	return name, nil
}

func isName(text string) bool {
	if text == "" || len(text) > idMax || text[0] == '.' {
		return false
	}
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-._:", r):
		default:
			return false
		}
	}
	return true
}

// form reads a submitted page.
func (c *call) form() (url.Values, error) {
	if !c.sends("application/x-www-form-urlencoded") {
		return nil, domain.Refusal{Code: unsupportedContent, Facts: map[string]string{"wanted": "application/x-www-form-urlencoded"}}
	}
	if err := c.ParseForm(); err != nil {
		return nil, unreadable(err)
	}
	return c.PostForm, nil
}

// read decodes the request's JSON. Fields that nobody knows are refused, so that a misspelt one is not taken for an
// absent one. With optional, no body at all leaves the zero value.
func (c *call) read(into any, optional bool) error {
	body, err := io.ReadAll(c.Body)
	switch {
	case err != nil:
		return unreadable(err)
	case len(body) == 0 && optional:
		return nil
	case !c.sends("application/json"):
		return domain.Refusal{Code: unsupportedContent, Facts: map[string]string{"wanted": "application/json"}}
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return unreadable(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return domain.Refusal{Code: malformedRequest}
	}
	return nil
}

func (c *call) sends(wanted string) bool {
	kind, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	return err == nil && kind == wanted
}

func unreadable(err error) error {
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return domain.Refusal{Code: requestTooLarge, Facts: map[string]string{"max": strconv.Itoa(bodyMax >> 10)}}
	}
	return domain.Refusal{Code: malformedRequest}
}

// How far the reader has got: a browser keeps it in a cookie, a program in a header.
const (
	consistencyCookie = "consistency"
	consistencyHeader = "Consistency-Token"
)

// position up to which the reader wants to see the log; 0 if it does not say.
func (c *call) position() (domain.Position, error) {
	text := c.Header.Get(consistencyHeader)
	if c.route.Door == page {
		if cookie, err := c.Cookie(consistencyCookie); err == nil {
			text = cookie.Value
		}
	}
	if text == "" {
		return 0, nil
	}
	position, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, domain.Refusal{Code: malformedRequest}
	}
	return domain.Position(position), nil
}

// settle waits until the tables that the route reads have seen what its reader did last. A page is shown all the same
// when that takes too long, and says so; a program is asked to come again.
func (s *Server) settle(c *call) error {
	position, err := c.position()
	if err != nil || position == 0 || len(c.route.Views) == 0 {
		return err
	}
	err = s.seen(c.Context(), position, c.route.Views...)
	if errors.Is(err, projections.ErrNotYet) && c.route.Door == page {
		c.late = true
		return nil
	}
	if errors.Is(err, projections.ErrNotYet) {
		return domain.Refusal{Code: notYetVisible}
	}
	return err
}

func (s *Server) seen(ctx context.Context, position domain.Position, views ...string) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	return s.Settle(ctx, position, views...)
}
