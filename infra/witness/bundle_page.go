package witness

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"strings"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/domain"
)

// The page and the readme of each format.
var (
	//go:embed bundle-v1.html
	bundlePageV1 string
	//go:embed bundle-v1.txt
	bundleReadmeV1 string
	//go:embed bundle.html
	bundlePageV2 string
	//go:embed bundle.txt
	bundleReadmeV2 string

	bundleTemplateV1 = template.Must(template.New("bundle").Parse(bundlePageV1))
	bundleTemplateV2 = template.Must(template.New("bundle").Parse(bundlePageV2))
)

func (b *Bundle) readme() string {
	if b.format == bundleV1 {
		return bundleReadmeV1
	}
	return bundleReadmeV2
}

// bundlePageView is what the page of a bundle shows.
type bundlePageView struct {
	*Bundle
	Rows     []bundleRow
	Files    []bundleFile
	Releases []Release
	Letters  []BundleLetter
}

type bundleRow struct {
	Proof
	ID       string
	Moment   string // as the portal's clock saw it; empty when the metadata do not tell
	Actor    string
	Cause    domain.Position // 0: not in the bundle
	CauseID  string
	Data     string
	Metadata string
	Opened   string
	Name     string // of the proof's file
}

type bundleFile struct {
	Name string
	Of   domain.Position
}

// metadataOf reads what the portal writes beside an event. Source: docs/events.md.
type metadataOf struct {
	Actor     string    `json:"actor"`
	Causation string    `json:"$causationId"`
	At        time.Time `json:"at"`
}

// moment is when the event happened, as the portal's clock saw it; empty when its metadata do not tell.
func (p Proof) moment() string {
	var said metadataOf
	if json.Unmarshal(p.Metadata, &said) != nil || said.At.IsZero() {
		return ""
	}
	return said.At.UTC().Format(time.RFC3339)
}

// page writes the one page on which the bundle can be browsed. It depends on proven bytes, files and opened texts alone.
func (b *Bundle) page() ([]byte, error) {
	places := map[string]domain.Position{}
	for _, p := range b.Proofs {
		places[uuid.UUID(p.Entry.ID).String()] = p.Entry.Position
	}
	view := bundlePageView{Bundle: b, Releases: b.Releases(), Letters: b.Letters()}
	for i, p := range b.Proofs {
		var said metadataOf
		_ = json.Unmarshal(p.Metadata, &said) // what is no JSON is shown as it is
		row := bundleRow{Proof: p, ID: uuid.UUID(p.Entry.ID).String(), Actor: said.Actor, Moment: p.moment(), CauseID: said.Causation, Cause: places[said.Causation],
			Data: legible(p.Data), Metadata: legible(p.Metadata), Name: proofName(p.Entry.Position)}
		if b.Opened != nil {
			row.Opened = legible(b.Opened[i])
		}
		view.Rows = append(view.Rows, row)
	}
	for _, file := range b.Files {
		of, _ := b.EventOf(file)
		view.Files = append(view.Files, bundleFile{Name: file.Name, Of: of.Entry.Position})
	}
	layout := bundleTemplateV2
	if b.format == bundleV1 {
		layout = bundleTemplateV1
	}
	var page bytes.Buffer
	err := layout.Execute(&page, view)
	return page.Bytes(), err
}

// legible indents JSON and shows everything else as it is, without what cannot be shown.
func legible(content []byte) string {
	var indented bytes.Buffer
	if json.Indent(&indented, content, "", "  ") == nil {
		return indented.String()
	}
	return strings.ToValidUTF8(string(content), "\ufffd")
}
