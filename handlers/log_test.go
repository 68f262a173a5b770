package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// TestLogPage shows auditors who did what and why, and nobody who it was about.
func TestLogPage(t *testing.T) {
	w := newWorld(t)
	w.program("kowal").call("POST", "/api/cart/items", map[string]any{"offers": []string{newMagazyn}}, http.StatusOK, nil)
	buyer := w.program("obcy")
	buyer.call("POST", "/api/cart/items", map[string]any{"offers": []string{newMagazyn}}, http.StatusOK, nil)
	var order orderAnswer
	buyer.call("POST", "/api/orders", nil, http.StatusCreated, &order, "Idempotency-Key", "x")
	w.settleAll()
	v := w.browser("auditor-1")
	before := w.events()
	for _, name := range []string{order.ID, order.Number} {
		v.open("/log?order="+name).wants(t, "OrderSubmitted", "OrderNumberAssigned", "CartSubmitted", "LicenceOrdered")
	}
	v.open("/log?order=2099/000001").wants(t, "Nothing was found")
	page := v.open("/log")
	page.wants(t, "CustomerRegistered", "(sealed)", "ItemAddedToCart", "user-kowal", "This is the end of the log")
	page.lacks(t, "Kuźnia Kowal", "Obcy Canary", "@example.com")
	for query, want := range map[string]string{
		"stream=customer-kowal": "1 event<", "type=DistributorAssigned": "1 event<", "customer=jagna": "3 events<", "from=2026-11-23&type=OrderSubmitted": "1 event<", "from=2026-11-24": "Nothing was found",
		"to=2026-11-01&type=LicenceGranted": "4 events<", "stream=none": "Nothing was found", "order=none": "Nothing was found", "correlation=test&type=ProgramListed": "1 event<",
	} {
		if a := v.open("/log?" + query); !strings.Contains(a.text, want) {
			t.Errorf("%s does not say %q", query, want)
		}
	}
	for _, wrong := range []string{"stream=%00", "type=Nothing", "from=yesterday", "after=-1", "after=x", "order=" + strings.Repeat("x", idMax+1)} {
		if a := v.get("/log?" + wrong); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %s", wrong, a.Status)
		}
	}
	if got := w.events(); got != before {
		t.Errorf("reading caused %d events", got-before)
	}
}

// TestLogIsPaged walks through a long log without missing or repeating anything.
func TestLogIsPaged(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.AuditorsSeePersonalData = true })
	for i := range logRows {
		w.register(domain.CustomerID(fmt.Sprintf("many-%03d", i)), fmt.Sprintf("Many %03d", i), false)
	}
	v := w.browser("auditor-1")
	seen, path := 0, "/log"
	for path != "" {
		page := v.open(path)
		seen += strings.Count(page.text, `<pre class="contents">`)
		_, rest, more := strings.Cut(page.text, `<a href="/log?after=`)
		path = ""
		if position, _, _ := strings.Cut(rest, `"`); more {
			path = "/log?after=" + position
		}
	}
	if all := w.events(); seen != all {
		t.Errorf("the pages show %d events of %d", seen, all)
	}
	v.open("/log?stream=customer-kowal").wants(t, "Kuźnia Kowal")
}

// TestEveryPersonalFieldIsSealed fills every field of every kind of event with canaries.
func TestEveryPersonalFieldIsSealed(t *testing.T) {
	personal := 0
	for _, kind := range domain.Kinds {
		value := reflect.New(kind.Type).Elem()
		fill(value, "open-canary", &personal)
		before := fmt.Sprint(value.Interface())
		text, err := json.Marshal(sealPersonal(value, "sealed").Interface())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "personal-canary") || strings.Contains(string(text), "cGVyc29uYWwtY2FuYXJ5") {
			t.Errorf("%s shows personal data: %s", kind.Name, text)
		}
		if strings.Contains(before, "open-canary") != strings.Contains(string(text), "open-canary") {
			t.Errorf("%s hides what is not personal: %s", kind.Name, text)
		}
		if fmt.Sprint(value.Interface()) != before {
			t.Errorf("sealing %s has changed the event", kind.Name)
		}
	}
	if personal < 8 {
		t.Errorf("only %d personal fields were looked at", personal)
	}
}

// fill writes a canary into every text that a value holds.
func fill(value reflect.Value, canary string, personal *int) {
	switch value.Kind() {
	case reflect.String:
		value.SetString(canary)
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		fill(value.Elem(), canary, personal)
	case reflect.Slice:
		if value.Type().Elem().Kind() == reflect.Uint8 {
			value.SetBytes([]byte(canary))
			return
		}
		value.Set(reflect.MakeSlice(value.Type(), 2, 2))
		for i := range 2 {
			fill(value.Index(i), canary, personal)
		}
	case reflect.Struct:
		if value.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range value.NumField() {
			field, text := value.Type().Field(i), canary
			if isPersonal(field) {
				text = "personal-canary"
				*personal++
			}
			if field.IsExported() {
				fill(value.Field(i), text, personal)
			}
		}
	}
}
