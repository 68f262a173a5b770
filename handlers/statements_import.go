package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"unicode/utf8"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections"
)

// Limits of one import of statements on the pages. The command line takes larger files.
const (
	statementBytesMax   = 4 << 20 // of all files of an import
	statementFilesMax   = 20
	statementEntriesMax = 5_000 // of all files
	fileNameMax         = 100   // characters that are shown
	entriesShown        = 1_000 // on a preview

	multipartBytesMax = statementBytesMax + 64<<10 // with what stands around the files
)

// statementImport is what an import of files does, or would do.
type statementImport struct {
	Upload   string // names the files that are kept for the confirmation
	Done     bool   // it is booked; otherwise it is a preview
	Files    []importedFile
	Entries  []importedEntry // the first entriesShown
	Sums     []importSum
	Hidden   int // entries that are not shown
	position domain.Position
}

// importedFile is one of the files.
type importedFile struct {
	Name       string
	Digest     string // SHA-256, hexadecimal
	Problem    string // why nothing can be imported; empty: it can
	Line       int    // of the problem; 0: the file as a whole
	Detail     string // of the problem, in English; may be empty
	Statements []importedStatement
}

// importedStatement is a statement in one of the files.
type importedStatement struct {
	domain.StatementImported
	Currency string
	Known    bool // it was imported before
}

// importedEntry is an entry and what becomes of it.
type importedEntry struct {
	File     string
	Currency string
	BankEntry
	Booking Booking // zero value: the entry is left alone
}

// What becomes of an entry.
const (
	fateBooked    = "booked"
	fateKnown     = "known"
	fateUnmatched = "unmatched"
	fateLeft      = "left"
)

// Fate of the entry.
func (e importedEntry) Fate() string {
	switch {
	case e.Left != "":
		return fateLeft
	case e.Booking.Match == nil:
		return fateUnmatched
	case e.Booking.Known:
		return fateKnown
	}
	return fateBooked
}

// importSum adds up the entries with the same fate.
type importSum struct {
	Fate   string
	Count  int
	Amount domain.Money
}

// Ready tells whether the import may be confirmed.
func (i statementImport) Ready() bool {
	return len(i.Files) > 0 && !slices.ContainsFunc(i.Files, func(f importedFile) bool { return f.Problem != "" })
}

// AllKnown tells whether everything in the files was imported before.
func (i statementImport) AllKnown() bool {
	for _, file := range i.Files {
		if slices.ContainsFunc(file.Statements, func(s importedStatement) bool { return !s.Known }) {
			return false
		}
	}
	return i.Booked() == 0
}

// Booked counts what goes, or went, on orders.
func (i statementImport) Booked() int { return i.sum(fateBooked).Count }

func (i statementImport) sum(fate string) importSum {
	for _, sum := range i.Sums {
		if sum.Fate == fate {
			return sum
		}
	}
	return importSum{Fate: fate}
}

func (i *statementImport) add(entry importedEntry) {
	at := slices.IndexFunc(i.Sums, func(s importSum) bool { return s.Fate == entry.Fate() })
	if i.Sums[at].Count++; entry.Left != LeftForeign {
		i.Sums[at].Amount += entry.Received.Amount
	}
	if len(i.Entries) < entriesShown {
		i.Entries = append(i.Entries, entry)
	} else {
		i.Hidden++
	}
}

// readFiles reads all files, and says of each why it cannot be read.
func (s *Server) readFiles(c *call, files []StatementFile) (statementImport, [][]BankStatement, error) {
	result := statementImport{Sums: []importSum{{Fate: fateBooked}, {Fate: fateKnown}, {Fate: fateUnmatched}, {Fate: fateLeft}}}
	all := make([][]BankStatement, len(files))
	entries := 0
	for i, file := range files {
		digest := sha256.Sum256(file.Content)
		shown := importedFile{Name: file.Name, Digest: hex.EncodeToString(digest[:])}
		var err error
		var problem *FileProblem
		if all[i], err = s.Statements(file.Content); errors.As(err, &problem) {
			shown.Line, shown.Detail, shown.Problem = problem.Line, problem.Detail, c.say("upload."+problem.Remedy)
		} else if err != nil {
			return result, nil, fmt.Errorf("read statements: %w", err)
		}
		for _, statement := range all[i] {
			entries += len(statement.Entries)
		}
		if entries > statementEntriesMax && shown.Problem == "" {
			shown.Problem = c.say("upload.too-many", "max", statementEntriesMax)
		}
		result.Files = append(result.Files, shown)
	}
	return result, all, nil
}

// bookFiles books the files on a log; on a rehearsal that is a preview. A statement that contradicts an earlier one is a
// problem of its file.
func (s *Server) bookFiles(ctx context.Context, c *call, log domain.Log, files []StatementFile) (statementImport, error) {
	result, all, err := s.readFiles(c, files)
	if err != nil || !result.Ready() {
		return result, err
	}
	cashier := NewCashier(log)
	for i := range result.Files {
		for _, statement := range all[i] {
			err := s.bookOne(ctx, c, cashier, &result, &result.Files[i], statement)
			if refusal, no := domain.IsRefusal(err); no {
				result.Files[i].Problem = c.sentence(refusal)
				break
			}
			if err != nil {
				return result, err
			}
		}
	}
	return result, nil
}

func (s *Server) bookOne(ctx context.Context, c *call, cashier *Cashier, result *statementImport, file *importedFile, statement BankStatement) error {
	known, err := domain.Load[domain.Statement](ctx, cashier.log, domain.StatementStream(statement.Statement))
	if err != nil {
		return err
	}
	bookings, departures, err := cashier.BookAll(ctx, s.cause(c, "import"), statement)
	if err != nil {
		return err
	}
	file.Statements = append(file.Statements, importedStatement{statement.StatementImported, statement.Currency, known.State.Statement != ""})
	for _, entry := range statement.Entries {
		shown := importedEntry{File: file.Name, Currency: statement.Currency, BankEntry: entry}
		if entry.Left == "" {
			shown.Booking, bookings = bookings[0], bookings[1:]
		}
		for _, gone := range departures {
			switch {
			case gone.ReversalReceived.Reversal != entry.Received.Transfer:
			case gone.Refund > 0:
				shown.Left = LeftRefund
			case gone.Reversal && gone.Transfer != "":
				shown.Left = LeftTaken
			}
		}
		result.add(shown)
	}
	return nil
}

// statementsView is the page with the imported statements, and what an import would do or has done.
type statementsView struct {
	listView[projections.StatementRow]
	Import *statementImport // nil: none is going on

	FilesMax, MiBMax, EntriesMax int
}

const statementsPath = "/statements"

// showStatements lists the imported statements for accounting.
func (s *Server) showStatements(c *call) (reply, error) {
	return s.statementsPage(c, nil)
}

func (s *Server) statementsPage(c *call, done *statementImport) (reply, error) {
	answer, err := showList(c, "statements", []string{partGaps}, nil, s.Tables.AllStatements)
	if rows, ok := answer.view.(listView[projections.StatementRow]); ok {
		answer.view = statementsView{listView: rows, Import: done, FilesMax: statementFilesMax, MiBMax: statementBytesMax >> 20, EntriesMax: statementEntriesMax}
	}
	return answer, err
}

// previewStatements reads files and shows what their import would do. It writes nothing; the files are kept for a while
// for the confirmation.
func (s *Server) previewStatements(c *call) (reply, error) {
	files, err := c.statementFiles()
	if err == nil {
		return s.importStatements(c, files, false)
	}
	return s.uploadRefused(c, err)
}

// confirmStatements books what a preview has shown, all of it or nothing. Pressing twice books nothing twice.
func (s *Server) confirmStatements(c *call) (reply, error) {
	form, err := c.form()
	if err != nil {
		return reply{}, err
	}
	files, ok := s.uploads.find(c.account.ID, form.Get("upload"), c.at)
	if !ok {
		return s.uploadRefused(c, domain.Refusal{Code: uploadExpired})
	}
	return s.importStatements(c, files, true)
}

func (s *Server) uploadRefused(c *call, err error) (reply, error) {
	refusal, no := domain.IsRefusal(err)
	if !no {
		return reply{}, err
	}
	answer, err := s.statementsPage(c, nil)
	answer.refusal, answer.field = &refusal, "files"
	return answer, err
}

// importStatements tries the import on a rehearsal, and books it if that is wished and nothing stands in the way. One
// import runs at a time, so that many large files cannot take all memory and processors.
func (s *Server) importStatements(c *call, files []StatementFile, book bool) (reply, error) {
	select {
	case s.importing <- struct{}{}:
		defer func() { <-s.importing }()
	case <-c.Context().Done():
		return reply{}, c.Context().Err()
	}
	result, err := s.bookFiles(c.Context(), c, domain.Rehearse(s.Log), files)
	if err == nil && book && result.Ready() {
		watched := &lastPosition{Log: s.Log}
		result, err = s.bookFiles(context.WithoutCancel(c.Context()), c, watched, files) // whoever leaves does not stop it halfway
		result.Done, result.position = true, watched.last
	}
	if err != nil {
		return reply{}, err
	}
	if !result.Done && result.Ready() {
		result.Upload = c.id
		s.uploads.keep(c.id, c.account.ID, files, c.at)
	}
	if result.position != 0 {
		if err := s.seen(c.Context(), result.position, viewsOfStatements...); errors.Is(err, projections.ErrNotYet) {
			c.late = true
		} else if err != nil {
			return reply{}, err
		}
	}
	answer, err := s.statementsPage(c, &result)
	answer.position = result.position
	if !result.Ready() {
		answer.status = http.StatusUnprocessableEntity
	}
	return answer, err
}

// lastPosition is a log that remembers how far it was written. For one goroutine.
type lastPosition struct {
	domain.Log
	last domain.Position
}

// Append is [domain.Log.Append].
func (l *lastPosition) Append(ctx context.Context, stream string, expected domain.Revision, events []domain.Proposed) (domain.Position, error) {
	position, err := l.Log.Append(ctx, stream, expected, events)
	l.last = max(l.last, position)
	return position, err
}

// statementFiles reads the files of an upload, and nothing that a browser sends with none chosen.
func (c *call) statementFiles() ([]StatementFile, error) {
	if !c.sends("multipart/form-data") {
		return nil, domain.Refusal{Code: unsupportedContent, Facts: map[string]string{"wanted": "multipart/form-data"}}
	}
	reader, err := c.MultipartReader()
	if err != nil {
		return nil, unreadable(err)
	}
	var files []StatementFile
	left := statementBytesMax
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, tooLargeAs(unreadable(err), statementBytesMax>>10)
		}
		if part.FormName() != "files" || part.FileName() == "" {
			continue
		}
		if len(files) == statementFilesMax {
			return nil, domain.Refusal{Code: tooManyFiles, Facts: map[string]string{"max": fmt.Sprint(statementFilesMax)}}
		}
		content, err := io.ReadAll(io.LimitReader(part, int64(left)+1))
		if err != nil {
			return nil, tooLargeAs(unreadable(err), statementBytesMax>>10)
		}
		if left -= len(content); left < 0 {
			return nil, domain.Refusal{Code: requestTooLarge, Facts: map[string]string{"max": fmt.Sprint(statementBytesMax >> 10)}}
		}
		files = append(files, StatementFile{Name: shownName(part.FileName()), Content: content})
	}
	if len(files) == 0 {
		return nil, domain.Refusal{Code: noFileChosen}
	}
	return files, nil
}

// tooLargeAs names the limit of this very request.
func tooLargeAs(err error, maxKiB int) error {
	if refusal, no := domain.IsRefusal(err); no && refusal.Code == requestTooLarge {
		return domain.Refusal{Code: requestTooLarge, Facts: map[string]string{"max": fmt.Sprint(maxKiB)}}
	}
	return err
}

// shownName is the name of a file as a page can show it.
func shownName(name string) string {
	if !utf8.ValidString(name) {
		name = "?"
	}
	if runes := []rune(name); len(runes) > fileNameMax {
		return string(runes[:fileNameMax]) + "…"
	}
	return name
}
