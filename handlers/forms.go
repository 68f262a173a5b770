package handlers

import (
	"cmp"
	"maps"
	"slices"

	"netrom.pl/portal/domain"
)

// fieldIDs are those of a form, by what refusals are about: the field that they name, or their code.
type fieldIDs map[string]string

// about notes to which field of its form a reply's refusal leads, if it is about one.
func (r reply) about(fields fieldIDs) reply {
	if r.refusal != nil {
		r.field = cmp.Or(fields[r.refusal.Facts["field"]], fields[r.refusal.Code])
	}
	return r
}

// fieldsOf refusals that are about the same field on every page that has it.
var fieldsOf = map[string]string{wrongCredentials: "user", weakPassword: "password", passwordsDiffer: "password_again"}

// namedFields have a name that people read above them on the pages, under input. in the messages.
var namedFields = []string{"code", "name", "nip", "email", "language", "user", "edition", "version", "net", "vat_rate", "from", "order", "amount", "reason", "paid_on", "payee_account", "payee_name", "program", "licence_code"}

// labelled calls the field that a refusal is about as the pages do.
func (c *call) labelled(refusal domain.Refusal) domain.Refusal {
	if field := refusal.Facts["field"]; slices.Contains(namedFields, field) {
		refusal.Facts = maps.Clone(refusal.Facts)
		refusal.Facts["field"] = c.say("input." + field)
	}
	return refusal
}
