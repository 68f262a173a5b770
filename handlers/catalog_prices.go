package handlers

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"netrom.pl/portal/domain"
)

// catalogueView is the list of all programs, with the form of a new one.
type catalogueView struct {
	Programs []domain.Program
	Form     url.Values
}

// showCatalogue lists the programs for the operator.
func (s *Server) showCatalogue(c *call) (reply, error) {
	programs, err := s.Tables.Catalogue(c.Context())
	return reply{page: "catalogue", view: catalogueView{Programs: programs, Form: c.PostForm}, notice: c.notice()}, err
}

// What of the catalogue's forms refusals are about.
var (
	programFields = fieldIDs{"program": "program", "name": "name", domain.AlreadyExists: "program"}
	versionFields = fieldIDs{"edition": "released-edition", "version": "version", domain.AlreadyExists: "version"}
	priceFields   = fieldIDs{"edition": "edition", "from": "from", "version": "to", domain.VersionNotReleased: "to", "net": "net", "vat_rate": "vat_rate"}
)

// listProgram puts a program into the catalogue.
func (s *Server) listProgram(c *call) (reply, error) {
	form, err := c.form()
	if err != nil {
		return reply{}, err
	}
	id := domain.ProgramID(strings.TrimSpace(form.Get("program")))
	if !isName(string(id)) {
		err = invalidInput("program", "24")
	}
	var outcome domain.Outcome
	if err == nil {
		outcome, err = domain.Execute(c.Context(), s.Log, s.cause(c, "list"), domain.ListProgram{Program: id, Name: strings.TrimSpace(form.Get("name"))})
	}
	if refusal, no := domain.IsRefusal(err); no {
		answer, err := s.showCatalogue(c)
		answer.refusal = &refusal
		return answer.about(programFields), err
	}
	if err != nil {
		return reply{}, err
	}
	return reply{location: "/catalogue/" + string(id) + "?done=listed", position: outcome.Position}, nil
}

// programView is one program with its versions, prices and everything that was decided about them.
type programView struct {
	domain.Program
	Editions []domain.Edition
	Changes  []programChange // newest first
	Form     url.Values
}

// programChange is an event of a program as an operator reads it.
type programChange struct {
	At      time.Time
	Actor   string
	Type    string
	Edition domain.Edition
	From    domain.Version
	To      domain.Version
	Net     domain.Money // 0: none was set
	Before  domain.Money // price of the same step until then; 0: none
	VATRate domain.VATRate
}

// IsPrice tells whether the change is about the price list.
func (c programChange) IsPrice() bool { return c.Net != 0 || c.Before != 0 }

// showProgram is one program of the catalogue.
func (s *Server) showProgram(c *call) (reply, error) {
	name, err := c.name("program")
	if err != nil {
		return reply{}, err
	}
	return s.programPage(c, domain.ProgramID(name))
}

func (s *Server) programPage(c *call, id domain.ProgramID) (reply, error) {
	view := programView{Editions: []domain.Edition{domain.SingleStation, domain.MultiStation}, Form: c.PostForm}
	for record, err := range s.Log.Read(c.Context(), domain.ProgramStream(id), 0) {
		if err != nil {
			return reply{}, fmt.Errorf("read program: %w", err)
		}
		change := programChange{At: record.Metadata.At, Actor: record.Metadata.Actor, Type: record.Type}
		switch e := record.Event.(type) {
		case domain.VersionReleased:
			change.Edition, change.To = e.Edition, e.Version
		case domain.PriceSet:
			change.Edition, change.From, change.To, change.Net, change.VATRate = e.Edition, e.From, e.To, e.Net, e.VATRate
			change.Before = view.Prices[e.Entry()].Net
		case domain.PriceWithdrawn:
			price := view.Prices[e.Entry]
			change.Edition, change.From, change.To, change.Before, change.VATRate = price.Edition, price.From, price.To, price.Net, price.VATRate
		}
		view.Evolve(record.Event)
		view.Changes = append(view.Changes, change)
	}
	if view.ID == "" {
		return reply{}, domain.Refusal{Code: domain.NotFound}
	}
	slices.Reverse(view.Changes)
	return reply{page: "catalogue-program", subject: view.Name, view: view, notice: c.notice()}, nil
}

// releaseVersion makes a version deliverable.
func (s *Server) releaseVersion(c *call) (reply, error) {
	return s.changeProgram(c, "released", versionFields, func(id domain.ProgramID, form url.Values) (domain.Command[domain.Program], error) {
		return domain.ReleaseVersion{Program: id, Edition: domain.Edition(form.Get("edition")), Version: domain.Version(strings.TrimSpace(form.Get("version")))}, nil
	})
}

// setPrice puts a step on the price list, or changes its price.
func (s *Server) setPrice(c *call) (reply, error) {
	return s.changeProgram(c, "priced", priceFields, func(id domain.ProgramID, form url.Values) (domain.Command[domain.Program], error) {
		net, err := domain.ParseMoney(form.Get("net"))
		if err != nil {
			return nil, invalidInput("net", domain.UnitPriceMax.String())
		}
		rate, err := strconv.Atoi(form.Get("vat_rate"))
		if err != nil {
			return nil, invalidInput("vat_rate", "100")
		}
		return domain.SetPrice{Price: domain.Price{Program: id, Edition: domain.Edition(form.Get("edition")), Net: net, VATRate: domain.VATRate(rate),
			From: domain.Version(strings.TrimSpace(form.Get("from"))), To: domain.Version(strings.TrimSpace(form.Get("to")))}}, nil
	})
}

// withdrawPrice takes a step off the price list.
func (s *Server) withdrawPrice(c *call) (reply, error) {
	return s.changeProgram(c, "withdrawn", nil, func(id domain.ProgramID, form url.Values) (domain.Command[domain.Program], error) {
		return domain.WithdrawPrice{Program: id, Entry: domain.EntryID(form.Get("entry"))}, nil
	})
}

// changeProgram does what a form of the program's page asks for, and shows that page again.
func (s *Server) changeProgram(c *call, done string, fields fieldIDs, wish func(domain.ProgramID, url.Values) (domain.Command[domain.Program], error)) (reply, error) {
	name, err := c.name("program")
	if err != nil {
		return reply{}, err
	}
	form, err := c.form()
	if err != nil {
		return reply{}, err
	}
	command, err := wish(domain.ProgramID(name), form)
	var outcome domain.Outcome
	if err == nil {
		outcome, err = domain.Execute(c.Context(), s.Log, s.cause(c, done), command)
	}
	if refusal, no := domain.IsRefusal(err); no {
		answer, err := s.programPage(c, domain.ProgramID(name))
		answer.refusal = &refusal
		return answer.about(fields), err
	}
	if err != nil {
		return reply{}, err
	}
	return reply{location: "/catalogue/" + name + "?done=" + done, position: outcome.Position}, nil
}
