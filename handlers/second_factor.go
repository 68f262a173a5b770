package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"netrom.pl/portal/domain"
)

// SecondFactors are what the vendor's own people show beside their password; customers have none. ToEnrol answers the
// secret in base32 that an account is to enter into an app, and nothing once it is in use. Enrol and Check answer ErrCode
// whatever the reason. A code works once, and so does each of the recovery codes that Enrol answers.
type SecondFactors interface {
	ToEnrol(ctx context.Context, account string) (secret string, err error)
	Enrol(ctx context.Context, account, code string) (recovery []string, err error)
	Check(ctx context.Context, account, code string) error
}

// ErrCode says that a code does not count.
var ErrCode = errors.New("the code does not count")

// codeMax is the longest text that is looked at as a code, in bytes: recovery codes are the longest.
const codeMax = 64

// secondFactorPath is where everybody goes who has shown the password only.
const secondFactorPath = "/second-factor"

// secondFactorView is the form for a code; with a secret it enrols.
type secondFactorView struct {
	Next   string
	Secret string  // in groups of four, to be typed; empty: enrolled already
	QR     *matrix // nil: enrolled already
}

// showSecondFactor asks for a code, and at the first login shows what to enter into the app.
func (s *Server) showSecondFactor(c *call) (reply, error) {
	if !c.account.Half {
		return reply{location: afterLogin(c.account.Role)}, nil
	}
	return s.askForCode(c, localPath(c.URL.Query().Get("next")))
}

func (s *Server) askForCode(c *call, next string) (reply, error) {
	view := secondFactorView{Next: next}
	secret, err := s.SecondFactors.ToEnrol(c.Context(), c.account.ID)
	if err != nil || secret == "" {
		return reply{page: "second-factor", view: view}, err
	}
	for rest := secret; rest != ""; {
		group := rest[:min(4, len(rest))]
		rest = rest[len(group):]
		view.Secret = strings.TrimSpace(view.Secret + " " + group)
	}
	view.QR, err = matrixOf(enrolmentURI(s.Vendor.Name, secret))
	return reply{page: "second-factor", view: view}, err
}

// enrolmentURI is what a QR code tells an authenticator app. It names the vendor and nobody else.
// Source: Google Authenticator, Key URI Format.
func enrolmentURI(vendor, secret string) string {
	name := url.PathEscape(vendor)
	return "otpauth://totp/" + name + "?secret=" + secret + "&issuer=" + strings.ReplaceAll(name, "&", "%26")
}

// checkSecondFactor makes a half login a whole one, under a new token.
func (s *Server) checkSecondFactor(c *call) (reply, error) {
	if !c.account.Half {
		return reply{location: afterLogin(c.account.Role)}, nil
	}
	form, err := c.form()
	if err != nil {
		return reply{}, err
	}
	next := localPath(form.Get("next"))
	recovery, err := s.showCode(c, c.account, form.Get("code"))
	if errors.Is(err, ErrCode) {
		answer, err := s.askForCode(c, next)
		answer.refusal = &domain.Refusal{Code: wrongCode}
		return answer, err
	}
	if err != nil {
		return reply{}, err
	}
	if err := s.endSession(c.Context(), s.token(c)); err != nil {
		return reply{}, err
	}
	c.account.Half = false
	token, err := s.Sessions.StartSession(c.Context(), c.account)
	if err != nil {
		return reply{}, err
	}
	answer := reply{location: localOr(next, afterLogin(c.account.Role)), cookies: []*http.Cookie{s.cookie(s.sessionCookie(), token, 0)}}
	if recovery != nil {
		answer.location, answer.page = "", "recovery-codes"
		answer.view = recoveryView{Codes: recovery, Next: localOr(next, afterLogin(c.account.Role))}
	}
	return answer, nil
}

// recoveryView shows recovery codes for the only time.
type recoveryView struct {
	Codes []string
	Next  string
}

// showCode checks a code, or enrols with it; then there are recovery codes.
func (s *Server) showCode(c *call, account Account, code string) (recovery []string, err error) {
	if code == "" || len(code) > codeMax {
		return nil, ErrCode
	}
	secret, err := s.SecondFactors.ToEnrol(c.Context(), account.ID)
	switch {
	case err != nil:
		return nil, err
	case secret != "":
		return s.SecondFactors.Enrol(c.Context(), account.ID, code)
	}
	return nil, s.SecondFactors.Check(c.Context(), account.ID, code)
}

// checkCodeOf a program: the vendor's own people enrol on the pages, and then send a code with each login.
func (s *Server) checkCodeOf(c *call, account Account, code string) error {
	secret, err := s.SecondFactors.ToEnrol(c.Context(), account.ID)
	if err != nil {
		return err
	}
	if secret != "" || code == "" {
		return domain.Refusal{Code: secondFactorNeeded}
	}
	_, err = s.showCode(c, account, code)
	if errors.Is(err, ErrCode) {
		return domain.Refusal{Code: wrongCode}
	}
	return err
}
