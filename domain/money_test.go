package domain

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestParseMoney(t *testing.T) {
	for text, want := range map[string]Money{
		"1234,56":                     123456,
		"1234.56":                     123456,
		"1 234,56":                    123456,
		"1\u00a0234,56":               123456,
		"12\u202f345\u00a0678,9":      1234567890,
		"0":                           0,
		"0,01":                        1,
		"99,9":                        9990,
		" 7 ":                         700,
		"100 000 000 000,00":          MoneyMax,
		"000000000000000000000001,00": 100,
	} {
		got, err := ParseMoney(text)
		if err != nil || got != want {
			t.Errorf("ParseMoney(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]error{
		"":                           ErrMoneyForm,
		" ":                          ErrMoneyForm,
		",50":                        ErrMoneyForm,
		"12,":                        ErrMoneyForm,
		"12,345":                     ErrMoneyForm,
		"1.234,56":                   ErrMoneyForm,
		"1,2,3":                      ErrMoneyForm,
		"-1":                         ErrMoneyForm,
		"+1":                         ErrMoneyForm,
		"12 zł":                      ErrMoneyForm,
		"1 23,45":                    ErrMoneyForm,
		"1  234,00":                  ErrMoneyForm,
		"1234 567,00":                ErrMoneyForm,
		"1,2 3":                      ErrMoneyForm,
		"1e3":                        ErrMoneyForm,
		"0x10":                       ErrMoneyForm,
		"١٢":                         ErrMoneyForm,
		strings.Repeat("0", 65):      ErrMoneyForm,
		"100000000000,01":            ErrMoneyRange,
		"99999999999999999999999999": ErrMoneyRange,
	} {
		if got, err := ParseMoney(text); !errors.Is(err, want) || got != 0 {
			t.Errorf("ParseMoney(%q) = %d, %v; want %v", text, got, err, want)
		}
	}
}

func TestMoneyIsShown(t *testing.T) {
	for _, c := range []struct {
		money         Money
		text, decimal string
	}{
		{0, "0,00_zł", "0.00"},
		{1, "0,01_zł", "0.01"},
		{-5, "-0,05_zł", "-0.05"},
		{9999, "99,99_zł", "99.99"},
		{99999, "999,99_zł", "999.99"},
		{123456, "1_234,56_zł", "1234.56"},
		{1234567, "12_345,67_zł", "12345.67"},
		{-123456789, "-1_234_567,89_zł", "-1234567.89"},
		{math.MinInt64, "-92_233_720_368_547_758,08_zł", "-92233720368547758.08"},
	} {
		if got := strings.ReplaceAll(c.money.String(), "\u00a0", "_"); got != c.text {
			t.Errorf("%d is shown as %q; want %q", int64(c.money), got, c.text)
		}
		if got := c.money.Decimal(); got != c.decimal {
			t.Errorf("%d as decimal is %q; want %q", int64(c.money), got, c.decimal)
		}
	}
}

func TestTax(t *testing.T) {
	for _, c := range []struct {
		net  Money
		rate VATRate
		want Money
	}{
		{10000, 23, 2300},
		{50, 23, 12}, // 11.5 goes up
		{-50, 23, -12},
		{2, 23, 0},
		{3, 23, 1},
		{10, 5, 1},
		{9, 5, 0},
		{123456, 8, 9876},
		{123456, 0, 0},
		{MoneyMax, 100, MoneyMax},
	} {
		if got := c.rate.Of(c.net); got != c.want {
			t.Errorf("%d%% of %d = %d; want %d", c.rate, c.net, got, c.want)
		}
	}
}

// The rounding agrees with exact arithmetic on the whole range of int64.
func TestTaxIsExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		net, rate := Money(random.Uint64()>>random.IntN(64)), VATRate(random.IntN(101))
		exact := new(big.Int).Mul(big.NewInt(int64(net)), big.NewInt(2*int64(rate)))
		exact.Add(exact, big.NewInt(100*int64(exact.Sign())))
		exact.Quo(exact, big.NewInt(200))
		if got := rate.Of(net); int64(got) != exact.Int64() {
			t.Fatalf("%d%% of %d = %d; want %s", rate, net, got, exact)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		price Money
		n     int
		want  Money
		err   error
	}{
		{199900, 3, 599700, nil},
		{199900, 0, 0, nil},
		{-5, 2, -10, nil},
		{MoneyMax, 1, MoneyMax, nil},
		{MoneyMax, -1, -MoneyMax, nil},
		{MoneyMax, 2, 0, ErrMoneyRange},
		{-MoneyMax, 2, 0, ErrMoneyRange},
		{math.MinInt64, -1, 0, ErrMoneyRange},
		{MoneyMax, math.MaxInt, 0, ErrMoneyRange},
		{1 << 32, 1 << 32, 0, ErrMoneyRange},
	} {
		if got, err := c.price.Times(c.n); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%d times %d = %d, %v; want %d, %v", c.price, c.n, got, err, c.want, c.err)
		}
	}
}

func TestAmounts(t *testing.T) {
	sum := AmountsOf(50, 23).Plus(AmountsOf(50, 23)).Plus(Amounts{})
	if want := (Amounts{Net: 100, VAT: 24, Gross: 124}); sum != want {
		t.Errorf("two lines of 50 at 23%% = %+v; want %+v: tax is rounded per line", sum, want)
	}
	written, err := json.Marshal(sum)
	if err != nil || string(written) != `{"net":100,"vat":24,"gross":124}` {
		t.Errorf("amounts in JSON: %s, %v", written, err)
	}
}

func FuzzParseMoney(f *testing.F) {
	f.Add("1 234,56")
	f.Add("0.1")
	f.Add("100 000 000 000,01")
	f.Fuzz(func(t *testing.T, text string) {
		money, err := ParseMoney(text)
		if err != nil {
			return
		}
		if money < 0 || money > MoneyMax {
			t.Fatalf("ParseMoney(%q) = %d, out of range", text, money)
		}
		shown := strings.TrimSuffix(money.String(), "\u00a0zł")
		for _, again := range []string{shown, money.Decimal()} {
			if got, err := ParseMoney(again); err != nil || got != money {
				t.Fatalf("ParseMoney(%q) = %d, %v; want %d", again, got, err, money)
			}
		}
	})
}
