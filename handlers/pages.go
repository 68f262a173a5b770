package handlers

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"mime"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"netrom.pl/portal/domain"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed static/*
var staticFiles embed.FS

// shared are the parts of which pages are made.
var shared = []string{"pages/layout.html", "pages/parts.html", "pages/lists.html"}

// pages by language and name, each with the layout around it.
var pages = readPages()

// readPages reads the embedded pages once for each language. They belong to the program, so a mistake in them ends it.
func readPages() map[domain.Language]map[string]*template.Template {
	files, err := pageFiles.ReadDir("pages")
	if err != nil {
		panic(err)
	}
	all := map[domain.Language]map[string]*template.Template{}
	for _, l := range languages {
		all[l] = map[string]*template.Template{}
		layout := template.New("").Funcs(wordsOnPages(spoken[l]))
		for _, name := range shared {
			parsePage(layout, spoken[l], name)
		}
		for _, file := range files {
			name := strings.TrimSuffix(file.Name(), ".html")
			if !slices.Contains(shared, "pages/"+file.Name()) {
				page := template.Must(layout.Clone())
				all[l][name] = parsePage(page.Funcs(writer{page, name, l}.functions()), spoken[l], "pages/"+file.Name())
			}
		}
	}
	return all
}

// What of a page is always the same: a text, and a state in words.
var (
	plainText = regexp.MustCompile(`\{\{t "([^"]+)"\}\}`)
	plainFact = regexp.MustCompile(`\{\{template "fact" \(fact "([a-z-]+)" \(t "([^"]+)"\)\)\}\}`)
)

// parsePage adds an embedded page to others. What is always the same is written into it now, because calling functions
// is most of what a page with a long table costs. Texts stand in elements and quoted attributes only.
func parsePage(to *template.Template, w *words, name string) *template.Template {
	source := plainFact.ReplaceAllStringFunc(embeddedPage(name), func(action string) string {
		found := plainFact.FindStringSubmatch(action)
		text, ok := w.ready[found[2]]
		if !ok {
			return action
		}
		var said strings.Builder
		if err := factPart.ExecuteTemplate(&said, "fact", fact{State: found[1], Icon: icons[found[1]], Text: text}); err != nil {
			panic(err)
		}
		return said.String()
	})
	source = plainText.ReplaceAllStringFunc(source, func(action string) string {
		if text, ok := w.ready[plainText.FindStringSubmatch(action)[1]]; ok {
			return template.HTMLEscapeString(text)
		}
		return action
	})
	template.Must(to.New(path.Base(name)).Parse(source))
	return to
}

// factPart has the part "fact", to be written into pages.
var factPart = template.Must(template.New("").Funcs(wordsOnPages(spoken[languages[0]])).Parse(embeddedPage("pages/parts.html")))

func embeddedPage(name string) string {
	raw, err := pageFiles.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// wordsOnPages are the functions that pages use; everything that a reader sees goes through them.
func wordsOnPages(w *words) template.FuncMap {
	return template.FuncMap{
		"t":       w.text,
		"edition": func(e domain.Edition) (string, error) { return w.text("edition." + string(e)) },
		"day":     w.day,
		"moment":  w.moment,
		"month":   w.month,
		"instant": w.instant,
		"span":    span,
		"age":     w.age,
		"iso":     func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
		"number":  func(index int) int { return index + 1 },
		"figure":  w.figure,
		"short":   w.short,
		"plain":   plainAmount,
		"money":   moneyIn,
		"faulty":  func(f frame, field string) bool { return f.AlertField == field },
		"fact":    func(state, text string) fact { return fact{State: state, Icon: icons[state], Text: text} },
		"column":  func(l list, name, text string) column { return columnOf(l, name, text, false) },
		"amount":  func(l list, name, text string) column { return columnOf(l, name, text, true) },
		"tab": func(p panel, page, path string) (tab, error) {
			text, err := w.text("title." + page)
			return tab{Path: path, Text: text, Here: p.Page == page}, err
		},
		"eventName": w.eventName,
		"rows":      writer{}.rows, // of no page: each has its own
		"part":      writer{}.part,
		"asset":     func(name string) string { return "/static/" + name + "?" + assets[name].etag[1:9] },
	}
}

// panel is what the tabs above a page go by.
type panel struct {
	Page string
	Role Role // of the reader; empty: it has no panel
}

// tab leads to a section of the panel.
type tab struct {
	Path string
	Text string
	Here bool
}

// column is a heading by which a list can be sorted.
type column struct {
	Text      string
	By        string // address of the list sorted by it
	Direction string // as aria-sort says it
	Amount    bool   // figures stand to the right
}

func columnOf(l list, name, text string, amount bool) column {
	return column{Text: text, By: l.By(name), Direction: l.Direction(name), Amount: amount}
}

// fact is a state in words, with what its looks go by.
type fact struct {
	State string
	Icon  string
	Text  string
}

// icons stand beside the words of a state, for those who look before they read.
var icons = map[string]string{
	string(domain.AwaitingPayment): "○", string(domain.PartlyPaid): "◐", string(domain.PaidStatus): "●", string(domain.Fulfilled): "✓",
	string(domain.CancelledStatus): "✕", string(domain.ExpiredStatus): "!", string(domain.LapsedStatus): "✕", "yes": "✓", "no": "○",
}

// figure is a count as people write it: in groups of three digits from five digits on.
func (w *words) figure(n int) string {
	gap := ","
	if w.language == domain.Polish {
		gap = "\u00a0"
	}
	text := strconv.Itoa(n)
	if len(text) < 5 {
		return text
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + gap + text[i:]
	}
	return text
}

// day as people write it: 06.12.2026, and in English 6 December 2026.
func (w *words) day(day domain.Day) string {
	at, err := time.Parse(time.DateOnly, string(day))
	if err != nil {
		return string(day)
	}
	if w.language == domain.Polish {
		return at.Format("02.01.2006")
	}
	return at.Format("2 January 2006")
}

// moment on a Polish clock.
func (w *words) moment(at time.Time) string {
	at = at.In(poland)
	return w.day(domain.Day(at.Format(time.DateOnly))) + " " + at.Format("15:04")
}

// instant is a moment on a Polish clock, to the millisecond.
func (w *words) instant(at time.Time) string {
	at = at.In(poland)
	return w.day(domain.Day(at.Format(time.DateOnly))) + " " + at.Format("15:04:05.000")
}

// age as people say it: whole minutes, hours or days.
func (w *words) age(age time.Duration) (string, error) {
	switch {
	case age < time.Hour:
		return w.text("age.minutes", "count", int(age/time.Minute))
	case age < 48*time.Hour:
		return w.text("age.hours", "count", int(age/time.Hour))
	}
	return w.text("age.days", "count", int(age/(24*time.Hour)))
}

// short is a moment as briefly as a picture has room for it.
func (w *words) short(at time.Time) string { return at.In(poland).Format("02.01. 15:04") }

// plainAmount is an amount as the form of a bank takes it: 1234,56.
func plainAmount(amount domain.Money) string {
	return fmt.Sprintf("%d,%02d", int64(amount)/100, int64(amount)%100)
}

// moneyIn a currency, by its code unless it is that of the portal.
func moneyIn(amount domain.Money, currency string) string {
	if currency == "PLN" {
		return amount.String()
	}
	return strings.TrimSuffix(amount.String(), "zł") + currency
}

// assets are the files that pages refer to, with a tag that changes with their contents.
var assets = func() map[string]*download {
	files, err := staticFiles.ReadDir("static")
	if err != nil {
		panic(err)
	}
	all := map[string]*download{}
	for _, file := range files {
		content, err := staticFiles.ReadFile("static/" + file.Name())
		if err != nil {
			panic(fmt.Sprintf("read static file %s: %v", file.Name(), err))
		}
		sum := sha256.Sum256(content)
		all[file.Name()] = &download{contentType: mime.TypeByExtension(path.Ext(file.Name())), content: content,
			etag: `"` + hex.EncodeToString(sum[:8]) + `"`, cacheControl: "public, max-age=31536000, immutable"}
	}
	return all
}()

func (s *Server) sendStatic(c *call) (reply, error) {
	name, err := c.name("file")
	if err != nil {
		return reply{}, err
	}
	file, ok := assets[name]
	if !ok {
		return reply{}, domain.Refusal{Code: domain.NotFound}
	}
	return reply{download: file}, nil
}

func (s *Server) tellLive(*call) (reply, error) {
	return reply{view: health{"live"}}, nil
}

// health is what a load balancer reads.
type health struct {
	Status string `json:"status"`
}

func (s *Server) tellReady(c *call) (reply, error) {
	if err := s.Ready(c.Context()); err != nil {
		s.Logger.Warn("not ready", "id", c.id, "error", err)
		return reply{status: 503, view: health{"not ready"}}, nil
	}
	return reply{view: health{"ready"}}, nil
}
