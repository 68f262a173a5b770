package handlers

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"netrom.pl/portal/domain"
)

//go:embed messages/*.json
var messageFiles embed.FS

// languages of the portal, the first one when nothing is known of the reader.
var languages = []domain.Language{domain.Polish, domain.English}

// words are the texts of one language.
type words struct {
	language  domain.Language
	tag       language.Tag
	ready     map[string]string // texts without gaps
	gapped    map[string]gapped // texts with gaps and nothing more complicated
	localizer *i18n.Localizer   // for all others
}

var spoken = readWords()

// readWords reads the embedded message files. They belong to the program, so a mistake in them ends it.
func readWords() map[domain.Language]*words {
	all := map[domain.Language]*words{}
	for _, l := range languages {
		bundle := i18n.NewBundle(language.MustParse(string(l)))
		bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
		file, err := bundle.LoadMessageFileFS(messageFiles, "messages/"+string(l)+".json")
		if err != nil {
			panic(fmt.Sprintf("read texts in %s: %v", l, err))
		}
		w := &words{language: l, tag: language.MustParse(string(l)), ready: map[string]string{}, gapped: map[string]gapped{}, localizer: i18n.NewLocalizer(bundle, string(l))}
		for _, message := range file.Messages {
			forms, simple := gappedOf(message)
			switch {
			case message.Few == "" && message.One == "" && !strings.Contains(message.Other, "{{"):
				w.ready[message.ID] = message.Other
			case simple:
				w.gapped[message.ID] = forms
			}
		}
		all[l] = w
	}
	return all
}

// text says a message; facts come in pairs of name and value and fill its gaps, "count" chooses its plural form.
// A message that is not there is a mistake in the program.
func (w *words) text(id string, facts ...any) (string, error) {
	if ready, ok := w.ready[id]; ok {
		return ready, nil
	}
	if text, ok := w.gapped[id].fill(w.tag, facts); ok {
		return text, nil
	}
	data := map[string]any{}
	for i := 0; i+1 < len(facts); i += 2 {
		data[fmt.Sprint(facts[i])] = facts[i+1]
	}
	text, err := w.localizer.Localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: data, PluralCount: data["count"]})
	if err != nil {
		return "", fmt.Errorf("say %s in %s: %w", id, w.language, err)
	}
	return text, nil
}

// say is a message in the reader's language.
func (c *call) say(id string, facts ...any) string {
	text, err := spoken[c.language].text(id, facts...)
	if err != nil {
		panic(err)
	}
	return text
}

// sentence is a refusal in the reader's language.
func (c *call) sentence(refusal domain.Refusal) string { return Sentence(refusal, c.language) }

// Sentence is a refusal in one of the portal's languages. Programs say it on the command line.
func Sentence(refusal domain.Refusal, l domain.Language) string {
	var facts []any
	for name, value := range refusal.Facts {
		if name == "until" {
			value = spoken[l].day(domain.Day(value))
		}
		facts = append(facts, strings.ReplaceAll(name, "-", "_"), value)
	}
	text, err := spoken[l].text("refusal."+refusal.Code, facts...)
	if err != nil {
		panic(err) // every refusal has its words; a test counts them
	}
	if row := refusal.Facts["row"]; row != "" { // of a form with several
		if row, err = spoken[l].text("transfer.row", "row", row); err != nil {
			panic(err)
		}
		text = row + " " + text
	}
	return text
}

// languageCookie is what a browser keeps of the reader's choice.
const languageCookie = "language"

// chooseLanguage goes by what the reader chose in this browser, then by its account. Programs say it in a header.
func chooseLanguage(c *call) domain.Language {
	if c.route.Door == api {
		if accepted := c.Header.Get("Accept-Language"); accepted != "" && len(accepted) < 200 {
			_, i := language.MatchStrings(language.NewMatcher([]language.Tag{language.Polish, language.English}), accepted)
			return languages[i]
		}
	} else if cookie, err := c.Cookie(languageCookie); err == nil {
		if chosen, ok := knownLanguage(cookie.Value); ok {
			return chosen
		}
	}
	if l, ok := knownLanguage(string(c.account.Language)); ok {
		return l
	}
	return languages[0]
}

func knownLanguage(text string) (domain.Language, bool) {
	for _, l := range languages {
		if string(l) == text {
			return l, true
		}
	}
	return "", false
}

func otherLanguage(l domain.Language) domain.Language {
	if l == domain.Polish {
		return domain.English
	}
	return domain.Polish
}

// languageParameter asks in a page's query for another language.
const languageParameter = "lang"

const yearSeconds = 365 * 24 * 60 * 60

// switchLanguage answers a page that is asked for in another language: the browser keeps the choice and asks again.
func (s *Server) switchLanguage(c *call) (reply, bool) {
	query := c.URL.Query()
	chosen, ok := knownLanguage(query.Get(languageParameter))
	if !ok || c.route.Door != page || c.Method != http.MethodGet {
		return reply{}, false
	}
	query.Del(languageParameter)
	target := *c.URL
	target.RawQuery = query.Encode()
	return reply{location: target.RequestURI(), cookies: []*http.Cookie{s.cookie(languageCookie, string(chosen), yearSeconds)}}, true
}
