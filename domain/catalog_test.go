package domain

import (
	"slices"
	"strings"
	"testing"
)

func TestListProgram(t *testing.T) {
	list := ListProgram{Program: "magazyn", Name: "Magazyn"}
	listed := ProgramListed{Program: "magazyn", Name: "Magazyn"}
	t.Run("is listed once", func(t *testing.T) {
		given[Program](t).when(list).then(listed).when(list).then()
	})
	t.Run("the code belongs to the first name", func(t *testing.T) {
		given[Program](t, listed).when(ListProgram{Program: "magazyn", Name: "Kadry"}).refused(AlreadyExists, "what", "magazyn")
	})
	for _, code := range []ProgramID{"", "m", "Magazyn", "ma-gazyn", "1magazyn", "magazyn\n", ProgramID(strings.Repeat("m", 25))} {
		t.Run("malformed code "+string(code), func(t *testing.T) {
			given[Program](t).when(ListProgram{Program: code, Name: "Magazyn"}).refused(InvalidInput, "field", "program", "limit", "24")
		})
	}
	for _, name := range []string{"", strings.Repeat("x", NameMax+1), "a\nb", "a\x7fb", "a\xffb"} {
		t.Run("malformed name", func(t *testing.T) {
			given[Program](t).when(ListProgram{Program: "magazyn", Name: name}).refused(InvalidInput, "field", "name", "limit", "200")
		})
	}
}

func TestReleaseVersion(t *testing.T) {
	listed := ProgramListed{Program: "magazyn", Name: "Magazyn"}
	release := func(edition Edition, version Version) ReleaseVersion {
		return ReleaseVersion{Program: "magazyn", Edition: edition, Version: version}
	}
	t.Run("is released once", func(t *testing.T) {
		given[Program](t, listed).when(release(SingleStation, "3.0")).
			then(VersionReleased{Program: "magazyn", Edition: SingleStation, Version: "3.0"}).
			when(release(MultiStation, "3.0")).
			then(VersionReleased{Program: "magazyn", Edition: MultiStation, Version: "3.0"})
	})
	t.Run("the same version has one spelling", func(t *testing.T) {
		given[Program](t, magazynListed...).when(release(SingleStation, "3")).refused(AlreadyExists, "what", "3.0")
	})
	t.Run("of an unknown program", func(t *testing.T) {
		given[Program](t).when(release(SingleStation, "3.0")).refused(ProgramNotListed, "program", "magazyn")
	})
	t.Run("of an unknown edition", func(t *testing.T) {
		given[Program](t, listed).when(release("home", "3.0")).refused(InvalidInput, "field", "edition", "limit", "single, multi")
	})
	for _, version := range []Version{"", "v3", "3.", ".3", "3.0.0.0.0", "03", "-1", "3.0 ", "1234567"} {
		t.Run("malformed "+string(version), func(t *testing.T) {
			given[Program](t, listed).when(release(SingleStation, version)).refused(InvalidInput, "field", "version", "limit", "1.2.3.4")
		})
	}
}

func TestVersionsAreComparedNumberByNumber(t *testing.T) {
	ascending := []Version{"0", "0.9", "2", "2.0.1", "2.9", "2.10", "10.0", "10.0.0.1"}
	for i, a := range ascending {
		for j, b := range ascending {
			if got := a.Compare(b); got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("%s compared with %s: %d", a, b, got)
			}
		}
	}
	if Version("3").Compare("3.0.0") != 0 {
		t.Error("3 and 3.0.0 differ")
	}
	program := magazynWith(VersionReleased{Program: "magazyn", Edition: SingleStation, Version: "2.10"})
	if got := program.Highest(SingleStation); got != "3.0" {
		t.Errorf("highest is %s", got)
	}
	if got := (Program{}).Highest(SingleStation); got != "" {
		t.Errorf("highest of nothing is %s", got)
	}
}

func TestSetPrice(t *testing.T) {
	t.Run("is set once", func(t *testing.T) {
		given[Program](t, magazynListed[:5]...).when(SetPrice{newMagazyn}).then(PriceSet{newMagazyn})
	})
	t.Run("another price keeps the entry", func(t *testing.T) {
		dearer := newMagazyn
		dearer.Net++
		s := given[Program](t, magazynListed...).when(SetPrice{dearer}).then(PriceSet{dearer})
		if program := s.fold(s.past); len(program.Prices) != len(magazyn.Prices) || program.Prices[newMagazyn.Entry()] != dearer {
			t.Errorf("price list is %+v", program.Prices)
		}
	})
	t.Run("of an unknown program", func(t *testing.T) {
		given[Program](t).when(SetPrice{newMagazyn}).refused(ProgramNotListed, "program", "magazyn")
	})
	t.Run("of the first version 0", func(t *testing.T) {
		price := newMagazyn
		price.To = "0"
		given[Program](t, magazynListed[0], VersionReleased{Program: "magazyn", Edition: SingleStation, Version: "0"}).
			when(SetPrice{price}).then(PriceSet{price})
	})
	for name, c := range map[string]struct {
		change func(*Price)
		code   string
		facts  []string
	}{
		"not released":         {func(p *Price) { p.To = "4.0" }, VersionNotReleased, []string{"program", "Magazyn", "version", "4.0"}},
		"no edition":           {func(p *Price) { p.Edition = "" }, InvalidInput, []string{"field", "edition", "limit", "single, multi"}},
		"downwards":            {func(p *Price) { p.From = "4.0" }, InvalidInput, []string{"field", "from", "limit", "3.0"}},
		"in place":             {func(p *Price) { p.From = "3.0" }, InvalidInput, []string{"field", "from", "limit", "3.0"}},
		"in place, respelled":  {func(p *Price) { p.From, p.Edition = "3", MultiStation }, InvalidInput, []string{"field", "from", "limit", "3.0"}},
		"from nonsense":        {func(p *Price) { p.From = "x" }, InvalidInput, []string{"field", "from", "limit", "3.0"}},
		"multi-station anew":   {func(p *Price) { p.From, p.Edition = "", MultiStation }, InvalidInput, []string{"field", "from", "limit", "3.0"}},
		"free":                 {func(p *Price) { p.Net = 0 }, InvalidInput, []string{"field", "net", "limit", UnitPriceMax.String()}},
		"negative":             {func(p *Price) { p.Net = -1 }, InvalidInput, []string{"field", "net", "limit", UnitPriceMax.String()}},
		"beyond the limit":     {func(p *Price) { p.Net = UnitPriceMax + 1 }, InvalidInput, []string{"field", "net", "limit", UnitPriceMax.String()}},
		"negative tax":         {func(p *Price) { p.VATRate = -1 }, InvalidInput, []string{"field", "vat_rate", "limit", "100"}},
		"more tax than price":  {func(p *Price) { p.VATRate = 101 }, InvalidInput, []string{"field", "vat_rate", "limit", "100"}},
		"to a malformed thing": {func(p *Price) { p.To = "3.0-new" }, InvalidInput, []string{"field", "version", "limit", "1.2.3.4"}},
	} {
		t.Run(name, func(t *testing.T) {
			price := singleUpdate
			c.change(&price)
			given[Program](t, magazynListed...).when(SetPrice{price}).refused(c.code, c.facts...)
		})
	}
}

func TestDearestPositionIsCounted(t *testing.T) {
	item := Item{Edition: MultiStation, Stations: StationsMax, Net: UnitPriceMax, VATRate: 100}
	if got := item.Amounts(); got.Net <= 0 || got.Gross != 2*got.Net {
		t.Errorf("the dearest position comes to %+v", got)
	}
	if sum := (item.Amounts().Gross) * CartItemsMax * 2; sum/CartItemsMax/2 != item.Amounts().Gross {
		t.Error("the dearest cart overflows")
	}
}

func TestWithdrawPrice(t *testing.T) {
	withdraw := WithdrawPrice{Program: "magazyn", Entry: newMagazyn.Entry()}
	given[Program](t, magazynListed...).when(withdraw).then(PriceWithdrawn{Program: "magazyn", Entry: newMagazyn.Entry()})
	given[Program](t).when(withdraw).then()
}

func TestEntriesNeverShareAnIdentity(t *testing.T) {
	seen := map[EntryID]Price{}
	for _, edition := range []Edition{SingleStation, MultiStation} {
		for _, from := range []Version{"", "1", "1.2", "12"} {
			for _, to := range []Version{"1", "1.2", "2", "12"} {
				price := Price{Program: "magazyn", Edition: edition, From: from, To: to}
				if other, taken := seen[price.Entry()]; taken {
					t.Errorf("%+v and %+v are both %s", price, other, price.Entry())
				}
				seen[price.Entry()] = price
			}
		}
	}
}

// R9: what is sold as new is the highest released version.
func TestNewOffer(t *testing.T) {
	if offer, ok := magazyn.NewOffer(); !ok || offer != newMagazyn {
		t.Errorf("offered is %+v", offer)
	}
	if offer, ok := magazynWith(PriceWithdrawn{Program: "magazyn", Entry: newMagazyn.Entry()}).NewOffer(); !ok || offer != oldNewMagazyn {
		t.Errorf("after the highest was withdrawn, offered is %+v", offer)
	}
	tenth := newMagazyn
	tenth.To = "10.0"
	if offer, ok := magazynWith(VersionReleased{"magazyn", SingleStation, "10.0"}, PriceSet{tenth}).NewOffer(); !ok || offer != tenth {
		t.Errorf("after 10.0 was released, offered is %+v", offer)
	}
	if offer, ok := fold[Program](magazynListed[:5]).NewOffer(); ok {
		t.Errorf("without prices, offered is %+v", offer)
	}
	if offer, ok := (Program{}).NewOffer(); ok {
		t.Errorf("of nothing, offered is %+v", offer)
	}
}

func TestPriceListIsOrdered(t *testing.T) {
	want := []Price{oldNewMagazyn, newMagazyn, singleUpdate, multiUpdate, toMultiStation}
	for range 20 { // maps iterate in another order each time
		if got := magazyn.PriceList(); !slices.Equal(got, want) {
			t.Fatalf("price list is %+v", got)
		}
	}
}
