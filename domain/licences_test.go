package domain

import (
	"regexp"
	"testing"
)

// ordered is a new copy of Magazyn 3.0 for Alfa that waits for the money of an order.
func ordered(id LicenceID, order OrderID) LicenceOrdered {
	return LicenceOrdered{Licence: id, Customer: "alfa", Program: "magazyn", Edition: SingleStation, Version: "3.0", Stations: 1, Order: order}
}

// heldBy is an update of a licence to single-station 3.0 that waits for the money of an order.
func heldBy(order OrderID, licence LicenceID) UpdateOrdered {
	return UpdateOrdered{Licence: licence, Edition: SingleStation, Version: "3.0", Stations: 1, Order: order}
}

func TestGrantLicence(t *testing.T) {
	grant := GrantLicence{Licence: "l-1", Customer: "alfa", Program: magazyn, Edition: SingleStation, Version: "2.0", Stations: 1, Activated: true}
	granted := LicenceGranted{Licence: "l-1", Customer: "alfa", Program: "magazyn", Edition: SingleStation, Version: "2.0", Stations: 1, Activated: true}
	with := func(change func(*GrantLicence)) GrantLicence {
		c := grant
		change(&c)
		return c
	}
	t.Run("is owned, paid and activated", func(t *testing.T) {
		s := given[Licence](t).when(grant).then(granted)
		if l := s.fold(s.past); !l.Exists() || !l.Paid || !l.Activated || !l.Granted || l.Pending != nil {
			t.Errorf("licence is %+v", l)
		}
	})
	t.Run("again after an update changes nothing", func(t *testing.T) {
		given[Licence](t, granted, heldBy("o-1", "l-1"), LicencePaid{Licence: "l-1", Order: "o-1"}).when(grant).then()
	})
	t.Run("the identity is taken", func(t *testing.T) {
		given[Licence](t, granted).when(with(func(c *GrantLicence) { c.Customer = "beta" })).refused(AlreadyExists, "what", "l-1")
		given[Licence](t, granted).when(with(func(c *GrantLicence) { c.Program = Program{ID: "kadry"} })).refused(AlreadyExists, "what", "l-1")
	})
	t.Run("no identity", func(t *testing.T) {
		given[Licence](t).when(with(func(c *GrantLicence) { c.Licence = "" })).refused(InvalidInput, "field", "licence", "limit", "100")
		given[Licence](t).when(with(func(c *GrantLicence) { c.Customer = "" })).refused(InvalidInput, "field", "customer", "limit", "100")
	})
	t.Run("of no program", func(t *testing.T) {
		given[Licence](t).when(with(func(c *GrantLicence) { c.Program = Program{} })).refused(ProgramNotListed)
	})
	t.Run("of no version", func(t *testing.T) {
		given[Licence](t).when(with(func(c *GrantLicence) { c.Version = "9" })).refused(VersionNotReleased, "program", "Magazyn", "version", "9")
	})
	t.Run("stations of one edition and the other", func(t *testing.T) {
		given[Licence](t).when(with(func(c *GrantLicence) { c.Stations = 2 })).refused(StationsOutOfRange, "min", "1", "max", "1")
		given[Licence](t).when(with(func(c *GrantLicence) { c.Stations = 0 })).refused(StationsOutOfRange, "min", "1", "max", "1")
		multi := func(n int) GrantLicence {
			return with(func(c *GrantLicence) { c.Edition, c.Stations = MultiStation, n })
		}
		given[Licence](t).when(multi(1)).refused(StationsOutOfRange, "min", "2", "max", "999")
		given[Licence](t).when(multi(1000)).refused(StationsOutOfRange, "min", "2", "max", "999")
		given[Licence](t).when(multi(2)).happened()
		given[Licence](t).when(multi(999)).happened()
	})
}

func TestOrderedCopy(t *testing.T) {
	line := linesOf(t, "o-1", alfa, wishNew)[0]
	hold := OrderLicence{Order: "o-1", Line: line}
	copied := ordered(line.Licence, "o-1")
	withdrawn := LicenceOrderWithdrawn{Licence: line.Licence, Order: "o-1"}
	t.Run("is held, paid and owned", func(t *testing.T) {
		s := given[Licence](t).when(hold).then(copied)
		if l := s.fold(s.past); !l.Exists() || l.Paid || l.Pending.Order != "o-1" {
			t.Errorf("ordered licence is %+v", l)
		}
		s.when(MarkLicencePaid{Order: "o-1", Licence: line.Licence}).then(LicencePaid{Licence: line.Licence, Order: "o-1"})
		if l := s.fold(s.past); !l.Exists() || !l.Paid || l.Pending != nil || l.Version != "3.0" || l.Activated {
			t.Errorf("paid licence is %+v", l)
		}
		s.when(hold).then()
	})
	t.Run("is gone after the order gave it up", func(t *testing.T) {
		s := given[Licence](t, copied).when(WithdrawLicenceOrder{Order: "o-1", Licence: line.Licence}).then(withdrawn)
		if l := s.fold(s.past); l.Exists() || Updates(magazyn, l) != nil {
			t.Errorf("withdrawn licence is %+v", l)
		}
		s.when(MarkLicencePaid{Order: "o-1", Licence: line.Licence}).then().
			when(hold).refused(OrderNotOpen) // a late hand must not take it again
	})
}

func TestUpdateHoldsTheLicence(t *testing.T) {
	line := linesOf(t, "o-1", alfa, wishUpdate)[0]
	hold := OrderLicence{Order: "o-1", Line: line}
	copied := owned("l-alfa", "alfa", SingleStation, "2.0", 1)
	copied.Activated = true
	held, done := heldBy("o-1", "l-alfa"), LicencePaid{Licence: "l-alfa", Order: "o-1"}
	t.Run("until it is paid", func(t *testing.T) {
		s := given[Licence](t, copied).when(hold).then(held)
		if l := s.fold(s.past); l.Version != "2.0" || !l.Paid || !l.Activated {
			t.Errorf("before the money the licence is %+v", l)
		}
		s.when(MarkLicencePaid{Order: "o-1", Licence: "l-alfa"}).then(done)
		if l := s.fold(s.past); l.Version != "3.0" || !l.Paid || l.Activated || l.Pending != nil {
			t.Errorf("after the money the licence is %+v", l)
		}
	})
	t.Run("until it is withdrawn", func(t *testing.T) {
		s := given[Licence](t, copied, held).when(WithdrawLicenceOrder{Order: "o-1", Licence: "l-alfa"}).
			then(LicenceOrderWithdrawn{Licence: "l-alfa", Order: "o-1"})
		if l := s.fold(s.past); !l.Exists() || l.Version != "2.0" || !l.Paid || !l.Activated || l.Pending != nil {
			t.Errorf("after the withdrawal the licence is %+v", l)
		}
		s.when(hold).refused(OrderNotOpen).when(OrderLicence{Order: "o-2", Line: line}).then(heldBy("o-2", "l-alfa"))
	})
	t.Run("against every other order", func(t *testing.T) {
		given[Licence](t, copied, held).
			when(OrderLicence{Order: "o-2", Line: line}).refused(UpdateAlreadyOrdered, "order", "o-1").
			when(MarkLicencePaid{Order: "o-2", Licence: "l-alfa"}).then().
			when(WithdrawLicenceOrder{Order: "o-2", Licence: "l-alfa"}).then()
	})
	t.Run("of a version that it has left", func(t *testing.T) {
		given[Licence](t, copied, held, done).when(OrderLicence{Order: "o-2", Line: line}).refused(VersionIsOlder)
	})
	t.Run("of an edition that it has left", func(t *testing.T) {
		step := linesOf(t, "o-2", alfa, wishToMulti)[0]
		grown := UpdateOrdered{Licence: "l-alfa-3", Edition: MultiStation, Version: "3.0", Stations: 5, Order: "o-1"}
		given[Licence](t, owned("l-alfa-3", "alfa", SingleStation, "3.0", 1), grown, LicencePaid{Licence: "l-alfa-3", Order: "o-1"}).
			when(OrderLicence{Order: "o-2", Line: step}).refused(VersionIsOlder)
	})
	t.Run("of nothing", func(t *testing.T) {
		given[Licence](t).when(hold).refused(NotFound)
		given[Licence](t).when(MarkLicencePaid{Order: "o-1", Licence: "l-alfa"}).then().
			when(WithdrawLicenceOrder{Order: "o-1", Licence: "l-alfa"}).then()
	})
	t.Run("to many stations", func(t *testing.T) {
		s := given[Licence](t, owned("l-alfa-3", "alfa", SingleStation, "3.0", 1)).
			when(OrderLicence{Order: "o-1", Line: linesOf(t, "o-1", alfa, wishToMulti)[0]}).
			then(UpdateOrdered{Licence: "l-alfa-3", Edition: MultiStation, Version: "3.0", Stations: 5, Order: "o-1"}).
			when(MarkLicencePaid{Order: "o-1", Licence: "l-alfa-3"}).happened()
		if l := s.fold(s.past); l.Edition != MultiStation || l.Stations != 5 || l.Version != "3.0" {
			t.Errorf("licence is %+v", l)
		}
	})
}

// R6, R7: what AKTUALIZACJE shows for one licence.
func TestUpdates(t *testing.T) {
	no := func(code string, facts ...string) *Refusal {
		r := refuse(code, facts...)
		return &r
	}
	held := no(UpdateAlreadyOrdered, "order", "o-1")
	for name, c := range map[string]struct {
		program Program
		licence Licence
		want    map[EntryID]*Refusal
	}{
		"below the highest": {magazyn, alfaOld,
			map[EntryID]*Refusal{singleUpdate.Entry(): nil, toMultiStation.Entry(): no(MultiStationNeedsLatest, "version", "3.0")}},
		"the highest":   {magazyn, alfaNew, map[EntryID]*Refusal{toMultiStation.Entry(): nil}},
		"multi-station": {magazyn, alfaMulti, map[EntryID]*Refusal{multiUpdate.Entry(): nil}},
		"up to date":    {magazyn, licenceOf(owned("l", "alfa", MultiStation, "3.0", 2)), map[EntryID]*Refusal{}},
		"ordered, unpaid": {magazyn, licenceOf(owned("l", "alfa", SingleStation, "2.0", 1), heldBy("o-1", "l")),
			map[EntryID]*Refusal{singleUpdate.Entry(): held, toMultiStation.Entry(): held}},
		"ordered and paid": {magazyn, licenceOf(owned("l", "alfa", SingleStation, "2.0", 1), heldBy("o-1", "l"), LicencePaid{"l", "o-1"}),
			map[EntryID]*Refusal{toMultiStation.Entry(): nil}},
		"a new copy, unpaid":  {magazyn, licenceOf(ordered("l", "o-1")), map[EntryID]*Refusal{toMultiStation.Entry(): no(LicenceNotPaid)}},
		"a new copy, paid":    {magazyn, licenceOf(ordered("l", "o-1"), LicencePaid{"l", "o-1"}), map[EntryID]*Refusal{toMultiStation.Entry(): nil}},
		"a copy that is gone": {magazyn, licenceOf(ordered("l", "o-1"), LicenceOrderWithdrawn{"l", "o-1"}), map[EntryID]*Refusal{}},
		"no licence":          {magazyn, Licence{}, map[EntryID]*Refusal{}},
		"a higher version without the step": {magazynWith(VersionReleased{"magazyn", SingleStation, "4.0"}), alfaNew,
			map[EntryID]*Refusal{}},
		"no price list": {fold[Program](magazynListed[:5]), alfaOld, map[EntryID]*Refusal{}},
	} {
		t.Run(name, func(t *testing.T) {
			updates := Updates(c.program, c.licence)
			if len(updates) != len(c.want) {
				t.Errorf("updates are %+v", updates)
			}
			for _, update := range updates {
				want, listed := c.want[update.Entry()]
				if !listed || (want == nil) != (update.Obstacle == nil) {
					t.Errorf("%s: obstacle %v, want %v", update.Entry(), update.Obstacle, want)
				} else if want != nil && (want.Code != update.Obstacle.Code || want.Facts["order"] != update.Obstacle.Facts["order"] || want.Facts["version"] != update.Obstacle.Facts["version"]) {
					t.Errorf("%s: obstacle %+v, want %+v", update.Entry(), *update.Obstacle, *want)
				}
			}
		})
	}
}

func TestSerial(t *testing.T) {
	seen := map[string]LicenceID{}
	for _, id := range []LicenceID{"", "l-1", "l-2", "l-alfa"} {
		serial := id.Serial()
		if !regexp.MustCompile(`^[A-Z2-7]{4}-[A-Z2-7]{4}-[A-Z2-7]{4}$`).MatchString(serial) || id.Serial() != serial {
			t.Errorf("serial of %q is %s", id, serial)
		}
		if other, taken := seen[serial]; taken {
			t.Errorf("%q and %q share %s", id, other, serial)
		}
		seen[serial] = id
	}
	if got := LicenceID("l-1").Serial(); got != "BW2W-E3MV-Z65I" {
		t.Errorf("the serial of l-1 has changed to %s", got)
	}
}
