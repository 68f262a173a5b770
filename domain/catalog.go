package domain

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ProgramID is the vendor's short code of a program, such as "magazyn".
type ProgramID string

// Edition says on how many computers a program may run.
type Edition string

// The editions: one computer, or many.
const (
	SingleStation Edition = "single"
	MultiStation  Edition = "multi"
)

// Version is a released version: one to four numbers with dots between them.
type Version string

// UnitPriceMax is the highest price on the list, in grosz: the largest number of stations at that price stays below [MoneyMax].
const UnitPriceMax = MoneyMax / StationsMax

// EntryID names an entry of the price list: program, edition, from and to version.
type EntryID string

var (
	programPattern = regexp.MustCompile(`^[a-z][a-z0-9]{1,23}$`)
	versionPattern = regexp.MustCompile(`^(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){0,3}$`)
)

// Compare orders versions number by number; a missing number counts as zero.
func (v Version) Compare(other Version) int {
	a, b := strings.Split(string(v), "."), strings.Split(string(other), ".")
	for i := range max(len(a), len(b)) {
		if c := cmp.Compare(number(a, i), number(b, i)); c != 0 {
			return c
		}
	}
	return 0
}

func number(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	n, _ := strconv.Atoi(parts[i]) // the pattern admits nothing else
	return n
}

// Price is an entry of the price list. From is empty for a new program. An entry of the multi-station edition whose
// From and To are equal leads from the single-station version to the multi-station edition of the same version (R7).
// Net is the price of one licence, or of one station in the multi-station edition.
type Price struct {
	Program ProgramID `json:"program"`
	Edition Edition   `json:"edition"`
	From    Version   `json:"from"`
	To      Version   `json:"to"`
	Net     Money     `json:"net"`
	VATRate VATRate   `json:"vat_rate"`
}

// Entry is the identity of the price's place on the list; a new price for the same step keeps it.
func (p Price) Entry() EntryID {
	from := p.From
	if from == "" {
		from = "new"
	}
	return EntryID(string(p.Program) + "-" + string(p.Edition) + "-" + string(from) + "-" + string(p.To))
}

// IsNew tells a new program from an update.
func (p Price) IsNew() bool { return p.From == "" }

// ToMultiStation tells whether the step leads from the single-station to the multi-station edition.
func (p Price) ToMultiStation() bool { return p.Edition == MultiStation && p.From == p.To }

// ProgramListed puts a program into the catalogue.
type ProgramListed struct {
	Program ProgramID `json:"program"`
	Name    string    `json:"name"`
}

// VersionReleased makes a version of an edition deliverable.
type VersionReleased struct {
	Program ProgramID `json:"program"`
	Edition Edition   `json:"edition"`
	Version Version   `json:"version"`
}

// PriceSet puts an entry on the price list or changes its price.
type PriceSet struct {
	Price
}

// PriceWithdrawn takes an entry off the price list.
type PriceWithdrawn struct {
	Program ProgramID `json:"program"`
	Entry   EntryID   `json:"entry"`
}

// Program is an entry of the catalogue with its released versions and prices.
type Program struct {
	ID       ProgramID             `json:"id"`
	Name     string                `json:"name"`
	Released map[Edition][]Version `json:"released"` // ascending
	Prices   map[EntryID]Price     `json:"prices"`
}

// Evolve folds an event of a program stream.
func (p *Program) Evolve(event Event) {
	switch e := event.(type) {
	case ProgramListed:
		p.ID, p.Name = e.Program, e.Name
		p.Released, p.Prices = map[Edition][]Version{}, map[EntryID]Price{}
	case VersionReleased:
		p.Released[e.Edition] = append(p.Released[e.Edition], e.Version)
		slices.SortFunc(p.Released[e.Edition], Version.Compare)
	case PriceSet:
		p.Prices[e.Entry()] = e.Price
	case PriceWithdrawn:
		delete(p.Prices, e.Entry)
	}
}

// Highest is the highest released version of an edition, empty if none is.
func (p Program) Highest(edition Edition) Version {
	if released := p.Released[edition]; len(released) > 0 {
		return released[len(released)-1]
	}
	return ""
}

// PriceList is the program's entries in a stable order.
func (p Program) PriceList() []Price {
	return slices.SortedFunc(maps.Values(p.Prices), func(a, b Price) int {
		return cmp.Or(cmp.Compare(b.Edition, a.Edition), a.To.Compare(b.To), a.From.Compare(b.From), cmp.Compare(a.From, b.From))
	})
}

// NewOffer is the entry under which the program can be bought anew: the one that leads to the highest released
// version among the entries for new programs. Source: R9.
func (p Program) NewOffer() (Price, bool) {
	var offer Price
	found := false
	for _, price := range p.PriceList() {
		if price.IsNew() && p.isReleased(price.Edition, price.To) && (!found || price.To.Compare(offer.To) > 0) {
			offer, found = price, true
		}
	}
	return offer, found
}

func (p Program) isReleased(edition Edition, version Version) bool {
	return slices.Contains(p.Released[edition], version)
}

// ProgramStream is where a program's events are.
func ProgramStream(id ProgramID) string { return "program-" + string(id) }

// ListProgram puts a program into the catalogue. Listing it again under the same name changes nothing.
type ListProgram struct {
	Program ProgramID
	Name    string
}

// Stream of the program.
func (c ListProgram) Stream() string { return ProgramStream(c.Program) }

// Decide refuses malformed codes and a second program under the same code.
func (c ListProgram) Decide(p Program) ([]Event, error) {
	if !programPattern.MatchString(string(c.Program)) {
		return nil, refuse(InvalidInput, "field", "program", "limit", "24")
	}
	if err := checkText("name", c.Name, NameMax); err != nil {
		return nil, err
	}
	if p.ID != "" && p.Name != c.Name {
		return nil, refuse(AlreadyExists, "what", string(c.Program))
	}
	if p.ID != "" {
		return nil, nil
	}
	return []Event{ProgramListed{Program: c.Program, Name: c.Name}}, nil
}

// ReleaseVersion makes a version deliverable. Releasing it again changes nothing.
type ReleaseVersion struct {
	Program ProgramID
	Edition Edition
	Version Version
}

// Stream of the program.
func (c ReleaseVersion) Stream() string { return ProgramStream(c.Program) }

// Decide refuses unknown programs, malformed versions and another spelling of a released one, such as 3 for 3.0.
func (c ReleaseVersion) Decide(p Program) ([]Event, error) {
	if p.ID == "" {
		return nil, refuse(ProgramNotListed, "program", string(c.Program))
	}
	if err := checkVersion(c.Edition, c.Version); err != nil {
		return nil, err
	}
	same := func(released Version) bool { return released.Compare(c.Version) == 0 }
	if i := slices.IndexFunc(p.Released[c.Edition], same); i >= 0 {
		if released := p.Released[c.Edition][i]; released != c.Version {
			return nil, refuse(AlreadyExists, "what", string(released))
		}
		return nil, nil
	}
	return []Event{VersionReleased(c)}, nil
}

func checkVersion(edition Edition, version Version) error {
	if edition != SingleStation && edition != MultiStation {
		return refuse(InvalidInput, "field", "edition", "limit", "single, multi")
	}
	if !versionPattern.MatchString(string(version)) {
		return refuse(InvalidInput, "field", "version", "limit", "1.2.3.4")
	}
	return nil
}

// SetPrice puts an entry on the price list or changes its price. The same price again changes nothing.
type SetPrice struct {
	Price
}

// Stream of the program.
func (c SetPrice) Stream() string { return ProgramStream(c.Program) }

// Decide accepts prices of released versions only; new programs are sold in the single-station edition (R7).
func (c SetPrice) Decide(p Program) ([]Event, error) {
	if p.ID == "" {
		return nil, refuse(ProgramNotListed, "program", string(c.Program))
	}
	if err := c.check(p); err != nil {
		return nil, err
	}
	if current, ok := p.Prices[c.Entry()]; ok && current == c.Price {
		return nil, nil
	}
	return []Event{PriceSet(c)}, nil
}

func (c SetPrice) check(p Program) error {
	if err := checkVersion(c.Edition, c.To); err != nil {
		return err
	}
	if !p.isReleased(c.Edition, c.To) {
		return refuse(VersionNotReleased, "program", p.Name, "version", string(c.To))
	}
	step := c.From.Compare(c.To)
	switch {
	case c.From == "" && c.Edition == MultiStation,
		c.From != "" && !versionPattern.MatchString(string(c.From)),
		c.From != "" && step > 0,
		c.From != "" && step == 0 && !c.ToMultiStation():
		return refuse(InvalidInput, "field", "from", "limit", string(c.To))
	case c.Net <= 0 || c.Net > UnitPriceMax:
		return refuse(InvalidInput, "field", "net", "limit", UnitPriceMax.String())
	case c.VATRate < 0 || c.VATRate > 100:
		return refuse(InvalidInput, "field", "vat_rate", "limit", "100")
	}
	return nil
}

// WithdrawPrice takes an entry off the price list. Withdrawing it again changes nothing.
type WithdrawPrice struct {
	Program ProgramID
	Entry   EntryID
}

// Stream of the program.
func (c WithdrawPrice) Stream() string { return ProgramStream(c.Program) }

// Decide withdraws what is on the list.
func (c WithdrawPrice) Decide(p Program) ([]Event, error) {
	if _, ok := p.Prices[c.Entry]; !ok {
		return nil, nil
	}
	return []Event{PriceWithdrawn(c)}, nil
}
