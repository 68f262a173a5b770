package handlers

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// invoiceUploadMax is the largest file that the page takes, in bytes; larger ones are for the program accounts.
const invoiceUploadMax = 200 << 10

// InvoiceFormats of the hand-over, by the names in addresses.
var InvoiceFormats = []string{"csv", "xlsx", "json"}

// invoicesView is accounting's page of the hand-over.
type invoicesView struct {
	Months   []invoiceMonth // the newest first
	Formats  []string
	Mistakes []InvoiceMistake
	KiBMax   int
}

// invoiceMonth is a month in which money came.
type invoiceMonth struct {
	projections.MonthRow
	First domain.Day
}

func (s *Server) showInvoices(c *call) (reply, error) {
	view, err := s.invoices(c)
	answer := reply{page: "invoices", view: view}
	if done, err := strconv.Atoi(c.URL.Query().Get("recorded")); err == nil && done >= 0 && done <= InvoiceRowsMax {
		answer.notice = c.say("invoices.recorded", "count", done)
	}
	return answer, err
}

func (s *Server) invoices(c *call) (invoicesView, error) {
	view := invoicesView{Formats: InvoiceFormats, KiBMax: invoiceUploadMax >> 10}
	rows, err := s.Tables.Months(c.Context())
	for _, row := range slices.Backward(rows) {
		if row.Payments > 0 {
			view.Months = append(view.Months, invoiceMonth{row, domain.Day(row.Month + "-01")})
		}
	}
	return view, err
}

// downloadInvoices hands out the hand-over of a month.
func (s *Server) downloadInvoices(c *call) (reply, error) {
	month, err := c.name("month")
	if err != nil {
		return reply{}, err
	}
	format, err := c.name("format")
	if err != nil {
		return reply{}, err
	}
	if _, err := time.Parse("2006-01", month); err != nil || !slices.Contains(InvoiceFormats, format) {
		return reply{}, domain.Refusal{Code: domain.NotFound}
	}
	orders, err := s.Tables.OrdersPaidIn(c.Context(), domain.Month(month))
	if err != nil {
		return reply{}, err
	}
	handover, err := HandoverOf(c.Context(), s.Log, domain.Month(month), orders)
	if err != nil {
		return reply{}, err
	}
	file, err := handover.Write(format, s.Workbook)
	if err != nil {
		return reply{}, fmt.Errorf("write invoices of %s as %s: %w", month, format, err)
	}
	return reply{download: &download{contentType: invoiceTypes[format], name: "invoices-" + month + "." + format, content: file}}, nil
}

// invoiceTypes are the media types of the formats.
var invoiceTypes = map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/json",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}

// importInvoices takes the numbers of invoices back, all or none.
func (s *Server) importInvoices(c *call) (reply, error) {
	text, err := c.upload(invoiceUploadMax)
	if err != nil {
		return reply{}, err
	}
	entries, mistakes := ReadInvoices(text, c.language)
	done, position := 0, domain.Position(0)
	if len(mistakes) == 0 {
		if done, position, mistakes, err = RecordInvoices(c.Context(), s.Log, s.cause(c, "invoices"), entries, c.language); err != nil {
			return reply{}, err
		}
	}
	if len(mistakes) == 0 {
		return reply{location: fmt.Sprintf("/invoices?recorded=%d", done), position: position}, nil
	}
	view, err := s.invoices(c)
	view.Mistakes = mistakes
	return reply{page: "invoices", view: view, status: http.StatusUnprocessableEntity}, err
}
