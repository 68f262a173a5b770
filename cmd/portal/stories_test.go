package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"netrom.pl/portal/domain"
)

// story is what somebody lives through in a browser.
type story struct {
	name string
	tell func(*stage, *testing.T)
}

// TestStories tells each rule of the portal as a story, and then takes the main way as different people must be able to.
// Source: R1-R14.
func TestStories(t *testing.T) {
	s := openStage(t)
	stories := []story{
		{"R1 only registered customers come in, with the user name and the link from their letter", (*stage).r1},
		{"R2 after the login there are PROGRAMY, AKTUALIZACJE, NOWE PROGRAMY and KOSZYK", (*stage).r2},
		{"R3 every owned program says whether it is activated and whether it is paid", (*stage).r3},
		{"R4 the address of the activation file is shown and can be corrected", (*stage).r4},
		{"R5 and R6 a distributor sees the programs and updates of all its clients, and of nobody else", (*stage).r5},
		{"R7 the multi-station edition only from the highest single-station version", (*stage).r7},
		{"R8 who has a distributor cannot order an update, and is told whom to ask; the distributor can", (*stage).r8},
		{"R9 NOWE PROGRAMY has every program that can be bought", (*stage).r9},
		{"R10 ticked positions come into the cart by «Zaznaczone pozycje do koszyka»", (*stage).r10},
		{"R11 the cart is checked, and «Wyślij» submits the order", (*stage).r11},
		{"R12 the order is confirmed by e-mail with the data for the transfer", (*stage).r12},
		{"R13 first the order, then the money, then the program", (*stage).r13},
		{"R14 no activation file before the whole payment, then at once to the address of R4", (*stage).r14},
		{"the checkbox in the head of a table ticks all rows", (*stage).ticksAll},
		{"buttons copy what people carry to their bank", (*stage).copies},
		{"the printed order has all that is needed to pay it", (*stage).prints},
	}
	for _, way := range ways {
		stories = append(stories, story{"the main way " + way.name, way.story})
	}
	for _, story := range stories {
		t.Run(story.name, func(t *testing.T) { story.tell(s, t) })
	}
}

func (s *stage) r1(t *testing.T) {
	v := s.window(t)
	for _, path := range []string{"/programs", "/updates", "/new-programs", "/cart", "/orders", "/transfers", "/customers", "/log"} {
		v.open(path)
		v.sees("LOGOWANIE", "tylko dla naszych zarejestrowanych klientów", "poczta@netrom.pl")
		v.lacks("PROGRAMY")
	}
	v.enter("nobody-of-ours", "Zaloguj")
	v.sees("Jest problem", "Nieznana nazwa użytkownika lub błędne hasło.")

	c := s.customer(t, "Młyn Zielony")
	if err := newImporter(s.portal.base).load(t.Context(), importFile{Customers: []importCustomer{c}}); err != nil {
		t.Fatal(err)
	}
	letter := s.letter(t, c.Email, "Dostęp do portalu")
	if !strings.Contains(letter.Text, "Nazwa użytkownika: "+c.User) {
		t.Errorf("the letter does not say the user name:\n%s", letter.Text)
	}
	_, link, _ := strings.Cut(letter.Text, s.portal.vendor.URL)
	link, _, _ = strings.Cut(link, "\n")
	v.open(link)
	v.fill("password", "zielony młyn nad rzeką")
	v.fill("password_again", "zielony młyn nad rzeka")
	v.press("Ustal hasło")
	v.sees("Hasła różnią się od siebie")
	v.fill("password", "zielony młyn nad rzeką")
	v.fill("password_again", "zielony młyn nad rzeką")
	v.press("Ustal hasło")
	v.sees("Hasło zostało ustalone", "LOGOWANIE")
	v.password = "zielony młyn nad rzeką"
	v.enter(c.User, "Zaloguj")
	v.sees("Młyn Zielony", "PROGRAMY", "Nie mają Państwo jeszcze żadnego programu.")
	v.press("Wyloguj")
	v.open("/programs")
	v.sees("LOGOWANIE")
	v.open(link)
	v.fill("password", "another password, much later")
	v.fill("password_again", "another password, much later")
	v.press("Ustal hasło")
	v.lacks("Hasło zostało ustalone")
}

func (s *stage) r2(t *testing.T) {
	c := s.company(t, "Cztery Sekcje", nil, owns("magazyn", "3.0"))
	v := s.window(t)
	v.open("/login")
	if tabs := ask[int](v, `document.querySelectorAll(".tabs a").length`); tabs != 0 {
		t.Errorf("%d tabs before the login", tabs)
	}
	v.enter(c.User, "Zaloguj")
	if v.path() != "/programs" {
		t.Errorf("the login leads to %s", v.path())
	}
	tabs := ask[[]string](v, `[...document.querySelectorAll(".tabs a")].map((tab) => tab.textContent)`)
	if want := []string{"PROGRAMY", "AKTUALIZACJE", "NOWE PROGRAMY", "KOSZYK"}; len(tabs) < 4 || !slices.Equal(tabs[:4], want) {
		t.Errorf("the tabs are %q, want %q", tabs, want)
	}
	for _, tab := range tabs {
		v.press(tab)
		here := ask[[]string](v, `[...document.querySelectorAll('.tabs [aria-current="page"]')].map((tab) => tab.textContent)`)
		title := ask[string](v, `document.querySelector("h1").textContent`)
		if len(here) != 1 || here[0] != tab || title != tab {
			t.Errorf("behind the tab %s is %q, marked are %q", tab, title, here)
		}
	}
}

func (s *stage) r3(t *testing.T) {
	waiting := owns("kadry", "2026.2")
	waiting.Activated = false
	c := s.company(t, "Dwa Programy", nil, owns("magazyn", "1.0"), waiting)
	v := s.window(t)
	v.logIn(c.User)
	v.sees("2 programy")
	if row := v.row("Magazyn", "1.0"); !strings.Contains(row, "opłacony") || !strings.Contains(row, "aktywowany") || strings.Contains(row, "nieaktywowany") {
		t.Errorf("the activated program: %q", row)
	}
	if row := v.row("Kadry i Płace", "2026.2"); !strings.Contains(row, "opłacony") || !strings.Contains(row, "nieaktywowany") {
		t.Errorf("the program that is not activated: %q", row)
	}
	v.buyNew("Faktura")
	v.open("/programs")
	if row := v.row("Faktura"); !strings.Contains(row, "nieopłacony") || !strings.Contains(row, "nieaktywowany") {
		t.Errorf("the program that is ordered and not paid: %q", row)
	}
}

func (s *stage) r4(t *testing.T) {
	c := s.company(t, "Adres Poprawny", nil, owns("magazyn", "2.0"))
	v := s.window(t)
	v.logIn(c.User)
	v.sees("Prosimy sprawdzić, czy podany adres e-mail jest poprawny", c.Email)
	v.press("Popraw adres")
	v.fill("email", "aktywacja@poprawny.example")
	v.fill("email_again", "aktywacja@poprawy.example")
	v.press("Zapisz adres")
	v.sees("Jest problem")
	v.do(chromedp.Click(`//*[@id="problem"]//a`)) // the summary leads to the field
	if focused := ask[string](v, `document.activeElement.id`); focused != "email_again" {
		t.Errorf("the summary leads to %q", focused)
	}
	v.do(chromedp.SetValue(chromedp.CSS("#email_again"), "aktywacja@poprawny.example"))
	v.press("Zapisz adres")
	v.sees("Adres jest na serwerze poprawny.example") // not the company's own: a slip, perhaps
	v.do(chromedp.Click(chromedp.CSS("#meant")))
	v.press("Zapisz adres")
	v.sees("Adres e-mail został poprawiony.", "aktywacja@poprawny.example")
	order := v.buyUpdate("Magazyn", "2.0 → 3.0")
	s.pay(t, order, 0)
	s.letter(t, "aktywacja@poprawny.example", "Plik aktywacyjny: Magazyn")
	if wrong := s.lettersTo(t, c.Email, "Plik aktywacyjny"); len(wrong) != 0 {
		t.Error("the file also went to the old address")
	}
}

func (s *stage) r5(t *testing.T) {
	distributor := s.company(t, "Hurt Programów", func(c *importCustomer) { c.Distributor = true }, owns("faktura", "4.1"))
	of := func(c *importCustomer) { c.DistributorCode = distributor.Code }
	s.company(t, "Klient Pierwszy", of, owns("magazyn", "1.0"))
	s.company(t, "Klient Drugi", of, owns("srodki", "1.4"))
	s.company(t, "Obca Firma", nil, owns("kadry", "2026.1"))
	v := s.window(t)
	v.logIn(distributor.User)
	v.sees("Hurt Programów", "Klient Pierwszy", "Magazyn", "Klient Drugi", "Środki Trwałe")
	v.lacks("Obca Firma", "Kadry")
	v.press("AKTUALIZACJE")
	v.sees("Hurt Programów", "4.1 → 5.0", "Klient Pierwszy", "1.0 → 2.0", "1.0 → 3.0", "Klient Drugi", "1.4 → 2.0")
	v.lacks("Obca Firma", "2026.1")
}

func (s *stage) r7(t *testing.T) {
	c := s.company(t, "Wiele Stanowisk", nil, owns("magazyn", "2.0"), owns("faktura", "5.0"))
	v := s.window(t)
	v.logIn(c.User)
	v.open("/updates")
	early := v.row("Magazyn", "wielostanowiskowa")
	if !strings.Contains(early, "możliwa dopiero z najwyższej wersji jednostanowiskowej (3.0)") {
		t.Errorf("the reason is missing: %q", early)
	}
	if boxes := ask[int](v, `[...document.querySelectorAll("tbody tr")].filter((row) => row.innerText.includes("Magazyn") && row.innerText.includes("wielo") && row.querySelector("input")).length`); boxes != 0 {
		t.Error("the early update can be ticked")
	}
	v.do(chromedp.SetValue(`//tr[contains(., "Faktura")]//input[@type="number"]`, "4"))
	v.tick("Faktura", "5.0 → wielostanowiskowa")
	v.press("Zaznaczone pozycje do koszyka")
	v.press("KOSZYK")
	v.sees("396,00 zł") // 4 × 99,00
	order := v.buyUpdate("Magazyn", "2.0 → 3.0")
	s.pay(t, order, 0)
	v.open("/updates")
	if row := v.row("Magazyn", "3.0 → wielostanowiskowa"); !strings.Contains(row, "można zamówić") {
		t.Errorf("after the update to the highest version: %q", row)
	}
}

func (s *stage) r8(t *testing.T) {
	distributor := s.company(t, "Nasz Dystrybutor", func(c *importCustomer) { c.Distributor = true })
	client := s.company(t, "Klient Dystrybutora", func(c *importCustomer) { c.DistributorCode = distributor.Code }, owns("magazyn", "2.0"))
	v := s.window(t)
	v.logIn(client.User)
	v.press("AKTUALIZACJE")
	v.sees("Aktualizacje zamawia dla Państwa dystrybutor, Nasz Dystrybutor, i z nim prosimy się skontaktować.", "2.0 → 3.0")
	if boxes := ask[int](v, `document.querySelectorAll("tbody input").length`); boxes != 0 {
		t.Errorf("%d rows can be ticked", boxes)
	}
	of := s.window(t)
	of.logIn(distributor.User)
	order := of.buyUpdate("Magazyn", "2.0 → 3.0")
	s.pay(t, order, 0)
	s.letter(t, client.Email, "Plik aktywacyjny: Magazyn")
	v.open("/programs")
	if row := v.row("Magazyn"); !strings.Contains(row, "3.0") {
		t.Errorf("the client has %q", row)
	}
}

func (s *stage) r9(t *testing.T) {
	c := s.company(t, "Nowy Klient", nil)
	v := s.window(t)
	v.logIn(c.User)
	v.press("NOWE PROGRAMY")
	v.sees("4 nowe programy")
	for program, price := range map[string]string{"Magazyn": "899,00 zł", "Faktura": "499,00 zł", "Kadry i Płace": "1 290,00 zł", "Środki Trwałe": "690,00 zł"} {
		if row := strings.ReplaceAll(v.row(program), "\u00a0", " "); !strings.Contains(row, price) {
			t.Errorf("%s is offered as %q", program, row)
		}
	}
}

func (s *stage) r10(t *testing.T) {
	c := s.company(t, "Zaznaczone Pozycje", nil, owns("magazyn", "2.0"))
	v := s.window(t)
	v.logIn(c.User)
	v.press("AKTUALIZACJE")
	v.press("Zaznaczone pozycje do koszyka")
	v.sees("Jest problem") // nothing is ticked
	v.tick("Magazyn", "2.0 → 3.0")
	v.press("Zaznaczone pozycje do koszyka")
	v.sees("Dodano do koszyka 1 pozycję.")
	v.press("NOWE PROGRAMY")
	v.tick("Faktura")
	v.tick("Kadry")
	v.press("Zaznaczone pozycje do koszyka")
	v.sees("Dodano do koszyka 2 pozycje.")
	v.press("KOSZYK")
	v.sees("3 pozycje", "Magazyn", "2.0 → 3.0", "Faktura", "Kadry i Płace")
}

func (s *stage) r11(t *testing.T) {
	c := s.company(t, "Pełny Koszyk", nil, owns("magazyn", "2.0"))
	v := s.window(t)
	v.logIn(c.User)
	v.press("KOSZYK")
	v.sees("Koszyk jest pusty.")
	v.tickOn("/new-programs", "Faktura")
	v.tick("Kadry")
	v.press("Zaznaczone pozycje do koszyka")
	v.press("KOSZYK")
	v.sees("Prosimy sprawdzić, czy w koszyku są na pewno te programy", "1 789,00 zł", "2 200,47 zł")
	v.pressAt(`//tr[contains(., "Kadry")]//button`)
	v.sees("1 pozycja", "499,00 zł", "613,77 zł")
	v.press("Wyślij")
	v.sees("Dziękujemy, zamówienie zostało złożone.", "Zamówienie", "613,77 zł")
	v.press("KOSZYK")
	v.sees("Koszyk jest pusty.")
}

func (s *stage) r12(t *testing.T) {
	c := s.company(t, "Potwierdzone Zamówienie", nil, owns("magazyn", "2.0"))
	v := s.window(t)
	v.logIn(c.User)
	order := s.load(t, v.buyUpdate("Magazyn", "2.0 → 3.0"))
	letter := s.letter(t, c.Email, "Potwierdzenie zamówienia "+order.Number.String())
	for _, fact := range []string{order.Number.String(), "Magazyn", "367,77 zł", "84 1020 5558 0000 1234 0000 5678", order.Title, "NetRom"} {
		if !strings.Contains(strings.ReplaceAll(letter.Text, "\u00a0", " "), fact) || letter.HTML != "" && !strings.Contains(strings.ReplaceAll(letter.HTML, "\u00a0", " "), fact) {
			t.Errorf("the letter does not say %q:\n%s", fact, letter.Text)
		}
	}
	v.sees("84 1020 5558 0000 1234 0000 5678", order.Title, "367,77 zł")
}

func (s *stage) r13(t *testing.T) {
	c := s.company(t, "Przedpłata", nil, owns("magazyn", "2.0"))
	v := s.window(t)
	v.logIn(c.User)
	order := v.buyUpdate("Magazyn", "2.0 → 3.0")
	v.sees("czeka na wpłatę")
	v.open("/programs")
	if row := v.row("Magazyn"); !strings.Contains(row, "2.0") || !strings.Contains(row, "czeka na wpłatę") {
		t.Errorf("before the money the program is %q", row)
	}
	s.pay(t, order, 0)
	v.open("/programs")
	if row := v.row("Magazyn"); !strings.Contains(row, "3.0") || strings.Contains(row, "czeka na wpłatę") {
		t.Errorf("after the money the program is %q", row)
	}
}

func (s *stage) r14(t *testing.T) {
	c := s.company(t, "Plik Po Wpłacie", nil, owns("magazyn", "2.0"))
	v := s.window(t)
	v.logIn(c.User)
	order := v.buyUpdate("Magazyn", "2.0 → 3.0")
	s.letter(t, c.Email, "Potwierdzenie zamówienia")
	s.pay(t, order, 36776) // one grosz is missing
	v.waits("wpłacono część")
	if files := s.lettersTo(t, c.Email, "Plik aktywacyjny"); len(files) != 0 {
		t.Fatal("an activation file left before the whole money")
	}
	if !strings.Contains(v.text(), "0,01 zł") {
		t.Error("the page does not say what is still open")
	}
	s.pay(t, order, 1)
	v.waits("zrealizowane") // by itself
	file := s.letter(t, c.Email, "Plik aktywacyjny: Magazyn 3.0")
	if len(file.Attachments) != 1 {
		t.Errorf("the letter has %d attachments", len(file.Attachments))
	}
	v.sees("Pobierz plik")
}

func (s *stage) ticksAll(t *testing.T) {
	c := s.company(t, "Wszystko Naraz", nil, owns("magazyn", "2.0"), owns("faktura", "4.1"))
	v := s.window(t)
	v.look(screen) // where tables have heads
	v.logIn(c.User)
	v.open("/updates")
	const ticked = `document.querySelectorAll('tbody input[type=checkbox]:checked').length`
	head := chromedp.Click(chromedp.CSS(`thead input[type=checkbox]`))
	v.do(head)
	if all := ask[int](v, `document.querySelectorAll('tbody input[type=checkbox]').length`); all != 2 || ask[int](v, ticked) != all {
		t.Errorf("the checkbox in the head ticked %d of %d rows", ask[int](v, ticked), all)
	}
	v.do(head)
	if left := ask[int](v, ticked); left != 0 {
		t.Errorf("%d rows are left ticked", left)
	}
}

// buyUpdate ticks an update, submits the cart and answers the order on whose page it ends.
func (v *visitor) buyUpdate(words ...string) domain.OrderID {
	v.t.Helper()
	v.open("/updates")
	v.tick(words...)
	return v.submit()
}

// buyNew is the same with a new program.
func (v *visitor) buyNew(words ...string) domain.OrderID {
	v.t.Helper()
	v.open("/new-programs")
	v.tick(words...)
	return v.submit()
}

func (v *visitor) submit() domain.OrderID {
	v.t.Helper()
	v.press("Zaznaczone pozycje do koszyka")
	v.press("KOSZYK")
	v.press("Wyślij")
	return domain.OrderID(strings.TrimPrefix(v.path(), "/orders/"))
}

func (s *stage) load(t *testing.T, id domain.OrderID) domain.Order {
	t.Helper()
	order, err := domain.Load[domain.Order](t.Context(), s.portal.log, domain.OrderStream(id))
	if err != nil {
		t.Fatal(err)
	}
	return order.State
}
