package handlers

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"netrom.pl/portal/domain"
)

// Limits of an import of customers. A page sends its text once more to confirm, with up to three bytes for each one.
const (
	importBytesMax = 80 << 10
	importRowsMax  = 500
)

// importColumns of the first line, in any order; the ones after requiredColumns may be left out.
var importColumns = []string{"code", "name", "nip", "email", "language", "distributor", "distributor_code", "user"}

const requiredColumns = 5

// importPreview is what an import would do, before anything is written.
type importPreview struct {
	Text    string // as it was read, to be sent again with the confirmation
	Rows    []importRow
	Errors  []importError
	New     int // rows that nobody knows yet
	Columns []string

	BytesMaxKiB, RowsMax int
}

// Ready tells whether the import may be confirmed.
func (p importPreview) Ready() bool { return len(p.Rows) > 0 && len(p.Errors) == 0 }

// importError names the place of something that stands in the way of an import.
type importError struct {
	Line   int    // of the text, from 1
	Column string // empty: the whole line
	Text   string // a sentence for the reader
}

// importRow is one customer to be registered.
type importRow struct {
	Line            int
	Code            string
	Command         domain.RegisterCustomer
	DistributorCode string
	User            string
	Known           bool // registered already, with the same facts
}

func emptyImport() importPreview {
	return importPreview{Columns: importColumns, BytesMaxKiB: importBytesMax >> 10, RowsMax: importRowsMax}
}

func (s *Server) showImport(*call) (reply, error) {
	return reply{page: "customers-import", view: emptyImport()}, nil
}

// previewImport reads a file or a pasted text and shows what it would do. It writes nothing.
func (s *Server) previewImport(c *call) (reply, error) {
	text, err := c.importText()
	if err != nil {
		return s.importRefused(err)
	}
	preview, err := s.readImport(c, text)
	if err != nil {
		return s.importRefused(err)
	}
	answer := reply{page: "customers-import", view: preview}
	if !preview.Ready() {
		answer.status = 422
	}
	return answer, nil
}

func (s *Server) importRefused(err error) (reply, error) {
	if refusal, no := domain.IsRefusal(err); no {
		return reply{page: "customers-import", view: emptyImport(), refusal: &refusal}, nil
	}
	return reply{}, err
}

// importText is what was uploaded, or what was typed.
func (c *call) importText() ([]byte, error) {
	if !c.sends("multipart/form-data") {
		form, err := c.form()
		return []byte(form.Get("text")), err
	}
	return c.upload(importBytesMax)
}

// upload reads the file of a form; a file of more bytes is refused.
func (c *call) upload(bytesMax int) ([]byte, error) {
	reader, err := c.MultipartReader()
	if err != nil {
		return nil, domain.Refusal{Code: unsupportedContent, Facts: map[string]string{"wanted": "multipart/form-data"}}
	}
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, domain.Refusal{Code: malformedRequest}
		}
		if err != nil {
			return nil, unreadable(err)
		}
		if part.FormName() != "file" {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(part, int64(bytesMax)+1))
		if err != nil {
			return nil, unreadable(err)
		}
		if len(text) > bytesMax {
			return nil, domain.Refusal{Code: requestTooLarge, Facts: map[string]string{"max": strconv.Itoa(bytesMax >> 10)}}
		}
		return text, nil
	}
}

// readImport says for each row what it would do, and for each mistake where it stands. Spreadsheets on a Polish Windows
// write their own code page: what is no UTF-8 is read as that.
func (s *Server) readImport(c *call, raw []byte) (importPreview, error) {
	preview := emptyImport()
	if len(raw) > importBytesMax {
		return preview, domain.Refusal{Code: requestTooLarge, Facts: map[string]string{"max": strconv.Itoa(importBytesMax >> 10)}}
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if !utf8.Valid(raw) {
		decoded, err := charmap.Windows1250.NewDecoder().Bytes(raw)
		if err != nil {
			return preview, domain.Refusal{Code: malformedRequest}
		}
		raw = decoded
	}
	preview.Text = string(raw)
	sheet := importSheet{c: c, preview: &preview, codes: map[string]int{}, users: map[string]int{}}
	sheet.read(preview.Text)
	if len(preview.Errors) > 0 {
		return preview, nil
	}
	if err := s.checkImport(c, &preview); err != nil {
		return preview, err
	}
	return preview, nil
}

// importSheet reads a text of rows.
type importSheet struct {
	c       *call
	preview *importPreview
	columns []string       // of the sheet, in its order
	codes   map[string]int // line of each code
	users   map[string]int // line of each user name
}

func (p *importPreview) wrong(line int, column, text string) {
	p.Errors = append(p.Errors, importError{Line: line, Column: column, Text: text})
}

func (sheet *importSheet) read(text string) {
	reader := csv.NewReader(strings.NewReader(text))
	if first, _, _ := strings.Cut(text, "\n"); strings.Count(first, ";") >= strings.Count(first, ",") {
		reader.Comma = ';'
	}
	for {
		fields, err := reader.Read()
		var broken *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			if sheet.columns == nil || len(sheet.preview.Rows) == 0 && len(sheet.preview.Errors) == 0 {
				sheet.preview.wrong(1, "", sheet.c.say("import.empty"))
			}
			return
		case errors.As(err, &broken) && !errors.Is(err, csv.ErrFieldCount):
			sheet.preview.wrong(broken.Line, "", sheet.c.say("import.quotes"))
			return
		case errors.As(err, &broken):
			sheet.preview.wrong(broken.Line, "", sheet.c.say("import.cells", "found", len(fields), "wanted", len(sheet.columns)))
		case sheet.columns == nil:
			if sheet.header(fields); len(sheet.preview.Errors) > 0 {
				return
			}
		case len(sheet.preview.Rows) == importRowsMax:
			line, _ := reader.FieldPos(0)
			sheet.preview.wrong(line, "", sheet.c.say("import.rows", "max", importRowsMax))
			return
		default:
			line, _ := reader.FieldPos(0)
			sheet.row(line, fields)
		}
	}
}

func (sheet *importSheet) header(fields []string) {
	for _, name := range fields {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(importColumns, name) || slices.Contains(sheet.columns, name) {
			sheet.preview.wrong(1, name, sheet.c.say("import.column"))
		}
		sheet.columns = append(sheet.columns, name)
	}
	for _, name := range importColumns[:requiredColumns] {
		if !slices.Contains(sheet.columns, name) {
			sheet.preview.wrong(1, name, sheet.c.say("import.column-missing"))
		}
	}
}

// row checks what can be told from the row itself.
func (sheet *importSheet) row(line int, fields []string) {
	cell := func(column string) string {
		if i := slices.Index(sheet.columns, column); i >= 0 {
			return strings.TrimSpace(fields[i])
		}
		return ""
	}
	row := importRow{Line: line, Code: cell("code"), DistributorCode: cell("distributor_code"), User: cell("user")}
	for column, seen := range map[string]map[string]int{"code": sheet.codes, "user": sheet.users} {
		name := strings.ToLower(cell(column))
		if other, twice := seen[name]; twice && name != "" {
			sheet.preview.wrong(line, column, sheet.c.say("import.twice", "line", other))
		}
		seen[name] = line
	}
	if row.Code == "" || len(row.Code) > domain.IdentityMax {
		sheet.preview.wrong(line, "code", sheet.c.sentence(domain.Refusal{Code: domain.InvalidInput,
			Facts: map[string]string{"field": "code", "limit": strconv.Itoa(domain.IdentityMax)}}))
	}
	distributor := strings.ToLower(cell("distributor"))
	if !slices.Contains([]string{"", "yes", "no", "tak", "nie"}, distributor) {
		sheet.preview.wrong(line, "distributor", sheet.c.say("import.yes-or-no"))
	}
	nip, err := domain.ParseNIP(cell("nip"))
	if err != nil {
		nip = domain.NIP(cell("nip")) // which the domain refuses
	}
	row.Command = domain.RegisterCustomer{Customer: domain.CustomerIDOf(row.Code), Name: cell("name"), NIP: nip, Email: cell("email"),
		Language: domain.Language(strings.ToLower(cell("language"))), Distributor: distributor == "yes" || distributor == "tak"}
	sheet.preview.Rows = append(sheet.preview.Rows, row)
}

// checkImport asks the domain and the vault what they would say to each row, without writing anything.
func (s *Server) checkImport(c *call, preview *importPreview) error {
	registered := map[domain.CustomerID]domain.Customer{}
	for i := range preview.Rows {
		row := &preview.Rows[i]
		known, err := s.knownCustomer(c.Context(), row.Command.Customer)
		if err != nil {
			return err
		}
		row.Known = known.ID != ""
		if !row.Known {
			preview.New++
		}
		events, err := row.Command.Decide(known)
		if refusal, no := domain.IsRefusal(err); no {
			preview.wrong(row.Line, refusal.Facts["field"], c.sentence(refusal))
			continue
		}
		for _, event := range events {
			known.Evolve(event)
		}
		registered[known.ID] = known
	}
	for _, row := range preview.Rows {
		if err := s.checkBonds(c, preview, row, registered); err != nil {
			return err
		}
	}
	return nil
}

// checkBonds checks what a row says of others: whose client it is, and whose user name it wants.
func (s *Server) checkBonds(c *call, preview *importPreview, row importRow, registered map[domain.CustomerID]domain.Customer) error {
	customer, sound := registered[row.Command.Customer]
	if sound && row.DistributorCode != "" {
		id := domain.CustomerIDOf(row.DistributorCode)
		distributor, inSheet := registered[id]
		if !inSheet {
			var err error
			if distributor, err = s.knownCustomer(c.Context(), id); err != nil {
				return err
			}
		}
		_, err := domain.AssignDistributor{Customer: customer.ID, Distributor: distributor}.Decide(customer)
		if refusal, no := domain.IsRefusal(err); no {
			if refusal.Code == domain.NotFound {
				refusal.Code = domain.NotADistributor
			}
			preview.wrong(row.Line, "distributor_code", c.sentence(refusal))
		}
	}
	if row.User == "" {
		return nil
	}
	owner, taken, err := s.Logins.FindLogin(c.Context(), row.User)
	if err == nil && taken && owner != row.Command.Customer {
		err = ErrUserNameTaken
	}
	refusal, no := domain.IsRefusal(refuseUserName(err))
	if no {
		preview.wrong(row.Line, "user", c.sentence(refusal))
		return nil
	}
	return err
}

func (s *Server) knownCustomer(ctx context.Context, id domain.CustomerID) (domain.Customer, error) {
	known, err := domain.Load[domain.Customer](ctx, s.Log, domain.CustomerStream(id))
	return known.State, err
}

// confirmImport reads the same text again and does what its preview has shown. A row that is registered already changes
// nothing, so an import that broke in between is repeated as a whole.
func (s *Server) confirmImport(c *call) (reply, error) {
	text, err := c.importText()
	if err != nil {
		return s.importRefused(err)
	}
	preview, err := s.readImport(c, text)
	if err != nil {
		return s.importRefused(err)
	}
	if !preview.Ready() {
		return reply{page: "customers-import", view: preview, status: 422}, nil
	}
	last := domain.Position(0)
	for _, step := range []func(*call, importRow) (domain.Position, error){s.importCustomer, s.importBond, s.importLogin} {
		for _, row := range preview.Rows {
			position, err := step(c, row)
			if err != nil {
				return reply{}, fmt.Errorf("import line %d: %w", row.Line, err)
			}
			last = max(last, position)
		}
	}
	return reply{location: "/customers?done=imported", position: last}, nil
}

func (s *Server) importCustomer(c *call, row importRow) (domain.Position, error) {
	outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "register"), row.Command)
	return outcome.Position, err
}

func (s *Server) importBond(c *call, row importRow) (domain.Position, error) {
	if row.DistributorCode == "" {
		return 0, nil
	}
	distributor, err := s.knownCustomer(c.Context(), domain.CustomerIDOf(row.DistributorCode))
	if err != nil {
		return 0, err
	}
	outcome, err := domain.Execute(c.Context(), s.Log, s.cause(c, "distributor"),
		domain.AssignDistributor{Customer: row.Command.Customer, Distributor: distributor})
	return outcome.Position, err
}

func (s *Server) importLogin(c *call, row importRow) (domain.Position, error) {
	if row.User == "" {
		return 0, nil
	}
	customer, err := s.knownCustomer(c.Context(), row.Command.Customer)
	if err != nil {
		return 0, err
	}
	return s.grantLogin(c, customer, row.User)
}
