package handlers

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"netrom.pl/portal/domain"
)

// reply is what an action wants to be said; how is decided in one place, by the door through which the request came.
type reply struct {
	status   int             // 0: 200, or what the refusal says
	page     string          // template of the page; programs get view alone
	subject  string          // what this very page is about, after its title
	view     any             // what the page shows and what a program is told
	notice   string          // good news above the page
	refusal  *domain.Refusal // bad news above the page; a program gets it as a problem, with view as its member
	field    string          // id of what on the page the bad news are about; empty: nothing in particular
	member   string          // name of view in that problem; empty: the problem says it all
	location string          // page to go on with instead of showing one; for programs where the result is
	position domain.Position // of the event that the request led to
	cookies  []*http.Cookie
	download *download
	stream   func(http.ResponseWriter) error // writes for as long as it likes; what it returns it has said before it wrote anything
}

// download is something that is neither page nor JSON.
type download struct {
	contentType  string
	name         string // to save it under; empty: to be looked at
	content      []byte
	cacheControl string // empty: not to be kept
	etag         string
	policy       string // Content-Security-Policy; empty: the usual one
}

// The ways in which the door itself says no; their sentences stand with those of the domain.
const (
	malformedRequest   = "malformed-request"
	unsupportedContent = "unsupported-content"
	requestTooLarge    = "request-too-large"
	methodNotAllowed   = "method-not-allowed"
	crossOrigin        = "cross-origin"
	loginNeeded        = "login-needed"
	notAllowed         = "not-allowed"
	notYetVisible      = "not-yet-visible"
	wrongCredentials   = "wrong-credentials"
	secondFactorNeeded = "second-factor-needed"
	wrongCode          = "wrong-code"
	passwordsDiffer    = "passwords-differ"
	weakPassword       = "weak-password"
	linkUsed           = "link-used"
	emailsDiffer       = "emails-differ"
	nothingTicked      = "nothing-ticked"
	submissionMissing  = "submission-missing"
	userNameUnsuitable = "user-name-unsuitable"
	userNameTaken      = "user-name-taken"
	tooManyWatchers    = "too-many-watchers"
	tooManyRequests    = "too-many-requests"
	emailUnusual       = "email-unusual"
	booksTooLarge      = "books-too-large"
	notSigned          = "not-signed"
	uploadExpired      = "upload-expired"
	tooManyFiles       = "too-many-files"
	noFileChosen       = "no-file-chosen"
	orderUnknown       = "order-unknown"
	notNRB             = "not-nrb"
	contended          = "contended" // others kept changing the same thing
	broken             = "broken"    // something does not work; never a refusal of the domain
)

// statuses of refusals; what is not listed is a conflict with how things stand.
var statuses = map[string]int{
	malformedRequest:   http.StatusBadRequest,
	submissionMissing:  http.StatusBadRequest,
	loginNeeded:        http.StatusUnauthorized,
	wrongCredentials:   http.StatusUnauthorized,
	secondFactorNeeded: http.StatusUnauthorized,
	wrongCode:          http.StatusUnauthorized,
	notAllowed:         http.StatusForbidden,
	crossOrigin:        http.StatusForbidden,
	domain.NotFound:    http.StatusNotFound,
	methodNotAllowed:   http.StatusMethodNotAllowed,
	requestTooLarge:    http.StatusRequestEntityTooLarge,
	unsupportedContent: http.StatusUnsupportedMediaType,
	notYetVisible:      http.StatusServiceUnavailable,
	broken:             http.StatusInternalServerError,

	domain.InvalidInput:       http.StatusUnprocessableEntity,
	domain.StationsOutOfRange: http.StatusUnprocessableEntity,
	passwordsDiffer:           http.StatusUnprocessableEntity,
	weakPassword:              http.StatusUnprocessableEntity,
	linkUsed:                  http.StatusUnprocessableEntity,
	emailsDiffer:              http.StatusUnprocessableEntity,
	nothingTicked:             http.StatusUnprocessableEntity,
	userNameUnsuitable:        http.StatusUnprocessableEntity,
	emailUnusual:              http.StatusUnprocessableEntity,
	uploadExpired:             http.StatusUnprocessableEntity,
	tooManyFiles:              http.StatusUnprocessableEntity,
	noFileChosen:              http.StatusUnprocessableEntity,
	orderUnknown:              http.StatusUnprocessableEntity,
	notNRB:                    http.StatusUnprocessableEntity,
	tooManyWatchers:           http.StatusTooManyRequests,
	tooManyRequests:           http.StatusTooManyRequests,
}

func statusOf(refusal domain.Refusal) int {
	if status, ok := statuses[refusal.Code]; ok {
		return status
	}
	return http.StatusConflict
}

// say answers the request: the one place that knows HTML, JSON, redirects and errors.
func (s *Server) say(w http.ResponseWriter, c *call, answer reply, err error) {
	if err == nil {
		if err = s.write(w, c, answer); err == nil {
			return
		}
	}
	refusal, no := domain.IsRefusal(err)
	switch {
	case no:
	case errors.Is(err, domain.ErrConflict):
		refusal = domain.Refusal{Code: contended}
	default:
		refusal = domain.Refusal{Code: broken, Facts: map[string]string{"id": c.id}}
		if c.Context().Err() == nil { // otherwise nobody waits for the answer any more
			s.Logger.Error("request broke", "id", c.id, "route", c.route.Path, "error", err)
		}
	}
	s.refuse(w, c, refusal)
}

// write sends a reply, or returns an error before anything was sent.
func (s *Server) write(w http.ResponseWriter, c *call, answer reply) error {
	s.writeHeaders(w, c, answer)
	switch {
	case answer.stream != nil && c.Method == http.MethodHead:
		w.Header().Set("Content-Type", "text/event-stream")
		return nil
	case answer.stream != nil:
		return answer.stream(w)
	case answer.download != nil:
		sendFile(w, c, answer.download)
		return nil
	case c.route.Door == api && answer.refusal != nil:
		return writeProblem(w, c, *answer.refusal, answer.member, answer.view)
	case c.route.Door != page:
		return writeJSON(w, answer)
	case answer.location != "":
		w.Header().Set("Location", answer.location)
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	return s.writePage(w, c, answer)
}

func (s *Server) writeHeaders(w http.ResponseWriter, c *call, answer reply) {
	for _, cookie := range answer.cookies {
		http.SetCookie(w, cookie)
	}
	if answer.position == 0 {
		return
	}
	position := strconv.FormatUint(uint64(answer.position), 10)
	if c.route.Door == page {
		const secondsMax = 60 // by then every table that works has seen it
		http.SetCookie(w, s.cookie(consistencyCookie, position, secondsMax))
	} else {
		w.Header().Set(consistencyHeader, position)
	}
}

func writeJSON(w http.ResponseWriter, answer reply) error {
	if answer.location != "" && answer.view != nil {
		w.Header().Set("Location", answer.location)
	}
	if answer.view == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return writeBody(w, "application/json", answer.status, answer.view)
}

func writeBody(w http.ResponseWriter, contentType string, status int, view any) error {
	body, err := json.Marshal(view)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	send(w, contentType, status, append(body, '\n'))
	return nil
}

// send writes a finished body. An error of the connection concerns nobody who could do anything about it.
func send(w http.ResponseWriter, contentType string, status int, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(max(status, http.StatusOK))
	_, _ = w.Write(body)
}

func sendFile(w http.ResponseWriter, c *call, file *download) {
	h := w.Header()
	if file.cacheControl != "" {
		h.Set("Cache-Control", file.cacheControl)
	}
	if file.policy != "" {
		h.Set("Content-Security-Policy", file.policy)
	}
	if file.name != "" {
		h.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(file.name))
	}
	if file.etag != "" {
		h.Set("ETag", file.etag)
		if c.Header.Get("If-None-Match") == file.etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	send(w, file.contentType, http.StatusOK, file.content)
}

// refuse says no: a program gets a problem, a reader a page with a sentence, or the login if only that is missing.
func (s *Server) refuse(w http.ResponseWriter, c *call, refusal domain.Refusal) {
	switch refusal.Code {
	case loginNeeded:
		if c.route.Door == page {
			http.SetCookie(w, s.cookie(s.sessionCookie(), "", -1))
			w.Header().Set("Location", loginFor(c))
			w.WriteHeader(http.StatusSeeOther)
			return
		}
		w.Header().Set("WWW-Authenticate", "Bearer")
	case secondFactorNeeded:
		if c.route.Door == page {
			w.Header().Set("Location", secondFactorFor(wishedPage(c)))
			w.WriteHeader(http.StatusSeeOther)
			return
		}
		w.Header().Set("WWW-Authenticate", "Bearer")
	case methodNotAllowed:
		w.Header().Set("Allow", s.allowed(c.Request))
	case notYetVisible, tooManyRequests:
		w.Header().Set("Retry-After", "1")
	}
	var err error
	if c.route.Door == page {
		err = s.writePage(w, c, reply{page: "refused", refusal: &refusal})
	} else {
		err = writeProblem(w, c, refusal, "", nil)
	}
	if err != nil {
		s.Logger.Error("error page broke", "id", c.id, "error", err)
		send(w, "text/plain; charset=utf-8", http.StatusInternalServerError, []byte(c.id+"\n"))
	}
}

// loginFor is the login page that leads back to the wished page.
func loginFor(c *call) string {
	if wished := wishedPage(c); wished != "" {
		return "/login?" + url.Values{"next": {wished}}.Encode()
	}
	return "/login"
}

// wishedPage is the page to come back to after the login, empty if there is none.
func wishedPage(c *call) string {
	if c.Method == http.MethodGet && c.URL.Path != "/" {
		return c.URL.RequestURI()
	}
	return ""
}

// headingOf an error page goes by what kind of no it is.
func headingOf(refusal domain.Refusal) string {
	switch statusOf(refusal) {
	case http.StatusNotFound:
		return "heading.not-found"
	case http.StatusForbidden, http.StatusUnauthorized:
		return "heading.not-allowed"
	case http.StatusInternalServerError, http.StatusServiceUnavailable:
		return "heading.broken"
	}
	return "heading.refused"
}

// writeProblem says no to a program. Source: RFC 9457.
func writeProblem(w http.ResponseWriter, c *call, refusal domain.Refusal, member string, view any) error {
	status := statusOf(refusal)
	problem := map[string]any{
		"type":   "urn:netrom:portal:" + refusal.Code,
		"title":  c.say(headingOf(refusal)),
		"status": status,
		"code":   refusal.Code,
		"detail": c.sentence(refusal),
	}
	if member != "" {
		problem[member] = view
	}
	return writeBody(w, "application/problem+json", status, problem)
}

// frame is everything that layout.html shows around a page.
type frame struct {
	Title        string
	Page         string
	Language     domain.Language
	Other        domain.Language
	Switch       string // address of this page in the other language, or of the start if it cannot be asked for again
	Account      Account
	CustomerName string
	Vendor       Vendor
	HasMailbox   bool
	Late         bool
	Notice       string
	Alert        string
	AlertField   string // id of what the alert is about
	View         any
}

// Panel is what the tabs go by. Who has shown no second factor yet has none.
func (f frame) Panel() panel {
	if f.Account.Half {
		return panel{Page: f.Page}
	}
	return panel{Page: f.Page, Role: f.Account.Role}
}

// switchTo is the address of the page in the other language, relative to it, so that it never leads anywhere else.
func switchTo(c *call) string {
	query, path := url.Values{}, "/"
	if c.Method != http.MethodPost {
		query, path = c.URL.Query(), ""
	}
	query.Set(languageParameter, string(otherLanguage(c.language)))
	return path + "?" + query.Encode()
}

// bodies are buffers of pages that were sent; the largest pages hold a few hundred KiB.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (s *Server) writePage(w http.ResponseWriter, c *call, answer reply) error {
	f := frame{Page: answer.page, Language: c.language, Other: otherLanguage(c.language), Account: c.account, Vendor: s.Vendor,
		HasMailbox: s.Mailbox != nil, Late: c.late, Notice: answer.notice, View: answer.view, Switch: switchTo(c)}
	status := answer.status
	if answer.refusal != nil {
		f.Alert, f.AlertField, status = c.sentence(c.labelled(*answer.refusal)), cmp.Or(answer.field, fieldsOf[answer.refusal.Code]), statusOf(*answer.refusal)
	}
	title := "title." + answer.page
	if answer.page == "refused" {
		title = headingOf(*answer.refusal)
	}
	f.Title = strings.TrimSpace(c.say(title) + " " + answer.subject)
	if c.account.Customer != "" && answer.page != "refused" {
		company, err := s.companyOf(c)
		if err != nil {
			return err
		}
		f.CustomerName = company.Name
	}
	body := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	template := pages[c.language][answer.page]
	if template == nil {
		return errors.New("no page " + answer.page)
	}
	if err := template.ExecuteTemplate(body, "layout.html", f); err != nil {
		return fmt.Errorf("write page %s: %w", answer.page, err)
	}
	send(w, "text/html; charset=utf-8", status, body.Bytes())
	return nil
}
