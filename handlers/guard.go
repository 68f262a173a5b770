package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/gorilla/mux"
)

// contentPolicy lets a page use nothing but what this portal serves itself. Source: Content Security Policy Level 3.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP is the outermost layer: an identity for the request, the headers that stand on every answer, one line in
// the log, and an answer even when something panics.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{id: s.NewID(), at: s.Now().UTC()}
	c.Request = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
	answer := &answerWriter{ResponseWriter: w}
	s.setHeaders(w.Header())
	defer s.logRequest(c, answer)
	defer func() {
		if cause := recover(); cause != nil {
			s.survive(answer, c, cause)
		}
	}()
	s.guarded.ServeHTTP(answer, c.Request)
}

func (s *Server) setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if s.HTTPS {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// survive answers a request whose action panicked.
func (s *Server) survive(w *answerWriter, c *call, cause any) {
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	s.Logger.Error("request panicked", "id", c.id, "route", c.route.Path, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
	c.language = chooseLanguage(c)
	s.say(w, c, reply{}, errPanicked)
}

var errPanicked = errors.New("the action panicked")

// logRequest writes what happened without saying anything about anybody: no path with its identities, no query, no address.
func (s *Server) logRequest(c *call, w *answerWriter) {
	s.Logger.Info("request", "id", c.id, "method", c.Method, "route", c.route.Path, "actor", c.account.ID,
		"status", w.status, "duration", s.Now().Sub(c.at))
}

// answerWriter remembers the status of an answer.
type answerWriter struct {
	http.ResponseWriter
	status int
}

func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Write(body []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(body)
}

// Unwrap is for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// allowed lists the methods that the request's path knows.
func (s *Server) allowed(r *http.Request) string {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		var match mux.RouteMatch
		if s.router.Match(other, &match) && match.MatchErr == nil {
			methods = append(methods, method)
		}
	}
	return strings.Join(methods, ", ")
}
