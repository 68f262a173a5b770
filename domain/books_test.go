package domain

import "testing"

var octoberClosed = PeriodClosed{Year: 2026, Through: "2026-10-31"}

func TestClosePeriod(t *testing.T) {
	given[ClosedPeriods](t).when(ClosePeriod{Through: "2026-10-31", Today: "2026-11-01"}).then(octoberClosed)
	given[ClosedPeriods](t, octoberClosed).when(ClosePeriod{Through: "2026-11-30", Today: "2026-12-24"}).then(PeriodClosed{Year: 2026, Through: "2026-11-30"})
	given[ClosedPeriods](t, octoberClosed).when(ClosePeriod{Through: "2026-09-30", Today: "2026-11-01"}).then()
	given[ClosedPeriods](t).when(ClosePeriod{Through: "2026-10-31", Today: "2026-10-31"}).refused(PeriodNotOver, "day", "2026-10-31")
	for _, day := range []Day{"", "2026-10-30", "2026-13-31", "nonsense"} {
		given[ClosedPeriods](t).when(ClosePeriod{Through: day, Today: "2030-01-01"}).refused(InvalidInput, "field", "month", "limit", "2026-11")
	}
	given[ClosedPeriods](t).when(ClosePeriod{Through: "2028-02-29", Today: "2028-03-01"}).then(PeriodClosed{Year: 2028, Through: "2028-02-29"})
}

func TestSealPeriod(t *testing.T) {
	sealed := PeriodSealed{Year: 2026, Through: "2026-10-31", Position: 7, Entries: 3, Turnover: 100, Digest: "d"}
	given[ClosedPeriods](t).when(SealPeriod{sealed}).refused(NotFound)
	given[ClosedPeriods](t, octoberClosed).when(SealPeriod{sealed}).then(sealed)
	other := sealed
	other.Digest = "another"
	given[ClosedPeriods](t, octoberClosed, sealed).when(SealPeriod{other}).then()
}
