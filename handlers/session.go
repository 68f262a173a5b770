package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"netrom.pl/portal/domain"
)

// Role says what an account is for.
type Role string

// The roles. A distributor is a customer.
const (
	CustomerRole   Role = "customer"
	AccountingRole Role = "accounting"
	AuditorRole    Role = "auditor"
	OperatorRole   Role = "operator"
)

// Account is who is logged in. Customer is empty for the vendor's own people.
type Account struct {
	ID       string
	Role     Role
	Customer domain.CustomerID
	Language domain.Language
	Half     bool // has shown the password and not yet the second factor
}

// Accounts knows who may log in. Authenticate answers ErrCredentials whatever the reason; a device is what DeviceToken has
// answered after an earlier login with the same user name, so that strangers who guess cannot make its holder wait. RedeemLink sets the
// password of the account that the one-time link belongs to, ends its sessions and answers its identity; it answers ErrLink for a link that is used, too old or
// unknown, and ErrPassword, leaving the link usable, for a password that is too short or too long.
type Accounts interface {
	Authenticate(ctx context.Context, user, password, device string) (Account, error)
	DeviceToken(user string) (string, error)
	RedeemLink(ctx context.Context, link, password string) (account string, err error)
}

// needsSecondFactor tells who has to show more than a password.
func (a Account) needsSecondFactor() bool { return a.Role != CustomerRole }

// Sessions remembers who is logged in, and whether only by half. Session answers ErrNoSession for a token that is ended, too old or unknown;
// changes of the account are effective with the next call. SessionLives tells whether it would know the token, without noting that it was used.
type Sessions interface {
	StartSession(ctx context.Context, account Account) (token string, err error)
	Session(ctx context.Context, token string) (Account, error)
	SessionLives(ctx context.Context, token string) (bool, error)
	EndSession(ctx context.Context, token string) error
}

// The answers of Accounts and Sessions that are nobody's fault.
var (
	ErrCredentials = errors.New("unknown user name or wrong password")
	ErrNoSession   = errors.New("no such session")
	ErrLink        = errors.New("the one-time link cannot be used")
	ErrPassword    = errors.New("the password is too short or too long")
)

// Lengths of what people type at the login, in bytes; beyond them it is wrong without a look.
const (
	userNameMax = 128
	passwordMax = 1024
	tokenMax    = 512
)

// sessionCookie is the name under which a browser keeps its session: with https it is bound to this very host.
func (s *Server) sessionCookie() string {
	if s.HTTPS {
		return "__Host-session"
	}
	return "session"
}

// deviceCookie is the name under which a browser keeps that somebody has logged in with it.
func (s *Server) deviceCookie() string {
	if s.HTTPS {
		return "__Host-device"
	}
	return "device"
}

// device that a browser shows at the login; programs have none.
func (s *Server) device(c *call) string {
	if cookie, err := c.Cookie(s.deviceCookie()); err == nil && c.route.Door == page && len(cookie.Value) <= tokenMax {
		return cookie.Value
	}
	return ""
}

func (s *Server) cookie(name, value string, seconds int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: s.HTTPS, SameSite: http.SameSiteLaxMode}
}

// token is what the caller shows to be known: programs in a header, browsers in a cookie.
func (s *Server) token(c *call) string {
	if c.route.Door == api {
		scheme, token, _ := strings.Cut(c.Header.Get("Authorization"), " ")
		if strings.EqualFold(scheme, "Bearer") && len(token) <= tokenMax {
			return token
		}
		return ""
	}
	if cookie, err := c.Cookie(s.sessionCookie()); err == nil && len(cookie.Value) <= tokenMax {
		return cookie.Value
	}
	return ""
}

// identify finds out who asks and in which language to answer.
func (s *Server) identify(c *call) error {
	defer func() { c.language = chooseLanguage(c) }()
	token := s.token(c)
	if token == "" || c.route.Door == plain {
		return nil
	}
	account, err := s.Sessions.Session(c.Context(), token)
	if err != nil && !errors.Is(err, ErrNoSession) {
		return err
	}
	if err == nil {
		c.account = account
	}
	return nil
}

// afterLogin is where each role begins.
func afterLogin(role Role) string {
	switch role {
	case AccountingRole:
		return "/transfers"
	case AuditorRole:
		return "/tasks"
	case OperatorRole:
		return "/customers"
	}
	return "/programs"
}

func (s *Server) showStart(c *call) (reply, error) {
	if c.account.ID == "" {
		return reply{location: "/login"}, nil
	}
	if c.account.Half {
		return reply{location: secondFactorPath}, nil
	}
	return reply{location: afterLogin(c.account.Role)}, nil
}

type loginView struct {
	Next string
	User string
	Demo []DemoLogin
}

func (s *Server) showLogin(c *call) (reply, error) {
	next := localPath(c.URL.Query().Get("next"))
	if c.account.ID != "" && !c.account.Half {
		return reply{location: localOr(next, afterLogin(c.account.Role))}, nil
	}
	demo, err := s.demoLogins(c)
	if err != nil {
		return reply{}, err
	}
	answer := reply{page: "login", view: loginView{Next: next, Demo: demo}}
	if c.URL.Query().Has("password-set") {
		answer.notice = c.say("password.done")
	}
	return answer, nil
}

// demoLogins are the demonstration's logins, staff with the code of this moment.
func (s *Server) demoLogins(c *call) ([]DemoLogin, error) {
	logins := slices.Clone(s.Demo)
	for i := range logins {
		if logins[i].NextCode == nil {
			continue
		}
		var err error
		if logins[i].Code, err = logins[i].NextCode(c.Context()); err != nil {
			return nil, fmt.Errorf("show demo code: %w", err)
		}
	}
	return logins, nil
}

// localPath is the path if it leads to a page of this portal, and nothing else.
func localPath(path string) string {
	target, err := url.Parse(path)
	if err != nil || target.IsAbs() || target.Host != "" || target.User != nil || !strings.HasPrefix(path, "/") ||
		strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") {
		return ""
	}
	return path
}

func localOr(path, otherwise string) string {
	if path == "" {
		return otherwise
	}
	return path
}

// logIn by the LOGOWANIE block. Source: R1.
func (s *Server) logIn(c *call) (reply, error) {
	form, err := c.form()
	if err != nil {
		return reply{}, err
	}
	user, next := form.Get("user"), localPath(form.Get("next"))
	account, err := s.authenticate(c, user, form.Get("password"))
	if refusal, no := domain.IsRefusal(err); no {
		demo, err := s.demoLogins(c)
		return reply{page: "login", view: loginView{Next: next, User: user, Demo: demo}, refusal: &refusal}, err
	}
	if err != nil {
		return reply{}, err
	}
	account.Half = account.needsSecondFactor()
	token, err := s.Sessions.StartSession(c.Context(), account)
	if err != nil {
		return reply{}, err
	}
	if old := s.token(c); old != "" {
		if err := s.endSession(c.Context(), old); err != nil {
			return reply{}, err
		}
	}
	device, err := s.Accounts.DeviceToken(user)
	if err != nil {
		return reply{}, err
	}
	answer := reply{location: localOr(next, afterLogin(account.Role)),
		cookies: []*http.Cookie{s.cookie(s.sessionCookie(), token, 0), s.cookie(s.deviceCookie(), device, yearSeconds)}}
	if account.Half {
		answer.location = secondFactorFor(next)
	}
	return answer, nil
}

// secondFactorFor is the page that asks for a code and then leads to the wished page.
func secondFactorFor(next string) string {
	if next == "" {
		return secondFactorPath
	}
	return secondFactorPath + "?" + url.Values{"next": {next}}.Encode()
}

// authenticate checks user name and password.
func (s *Server) authenticate(c *call, user, password string) (Account, error) {
	no := domain.Refusal{Code: wrongCredentials}
	if user == "" || password == "" || len(user) > userNameMax || len(password) > passwordMax {
		return Account{}, no
	}
	account, err := s.Accounts.Authenticate(c.Context(), user, password, s.device(c))
	if errors.Is(err, ErrCredentials) {
		return Account{}, no
	}
	return account, err
}

func (s *Server) logOut(c *call) (reply, error) {
	if token := s.token(c); token != "" {
		if err := s.endSession(c.Context(), token); err != nil {
			return reply{}, err
		}
	}
	gone := []*http.Cookie{s.cookie(s.sessionCookie(), "", -1), s.cookie(consistencyCookie, "", -1)}
	return reply{location: "/login", cookies: gone}, nil
}

// startSession logs a program in.
func (s *Server) startSession(c *call) (reply, error) {
	var in struct {
		User     string `json:"user"`
		Password string `json:"password"`
		Code     string `json:"code"` // of the vendor's own people
	}
	if err := c.read(&in, false); err != nil {
		return reply{}, err
	}
	account, err := s.authenticate(c, in.User, in.Password)
	if err != nil {
		return reply{}, err
	}
	if account.needsSecondFactor() {
		if err := s.checkCodeOf(c, account, in.Code); err != nil {
			return reply{}, err
		}
	}
	token, err := s.Sessions.StartSession(c.Context(), account)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, view: struct {
		Token string `json:"token"`
	}{token}}, nil
}

type passwordView struct {
	Link string
}

func (s *Server) showPassword(c *call) (reply, error) {
	link, err := c.name("link")
	if err != nil {
		return reply{}, err
	}
	return reply{page: "password", view: passwordView{Link: link}}, nil
}

// setPassword redeems a one-time link. Whoever has it must log in afterwards like everybody else.
func (s *Server) setPassword(c *call) (reply, error) {
	link, err := c.name("link")
	if err != nil {
		return reply{}, err
	}
	form, err := c.form()
	if err != nil {
		return reply{}, err
	}
	refused := func(code string) (reply, error) {
		return reply{page: "password", view: passwordView{Link: link}, refusal: &domain.Refusal{Code: code}}, nil
	}
	password := form.Get("password")
	if password != form.Get("password_again") {
		return refused(passwordsDiffer)
	}
	if len(password) > passwordMax {
		return refused(weakPassword)
	}
	account, err := s.Accounts.RedeemLink(c.Context(), link, password)
	switch {
	case errors.Is(err, ErrLink):
		return refused(linkUsed)
	case errors.Is(err, ErrPassword):
		return refused(weakPassword)
	case err != nil:
		return reply{}, err
	}
	s.dismiss(account)
	return reply{location: "/login?password-set"}, nil
}
