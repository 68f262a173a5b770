package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
)

// business counts the events that are no looks at the log, and gives the looks.
func (w *world) business() (events int, looks []domain.Record) {
	w.t.Helper()
	for record, err := range w.log.History(context.Background(), 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		w.last.Store(uint64(record.Position))
		if _, look := record.Event.(domain.LogInspected); look {
			looks = append(looks, record)
		} else {
			events++
		}
	}
	return events, looks
}

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
	before, _ := w.business()
	for _, name := range []string{order.ID, strings.ReplaceAll(order.Number, "/", "%2F")} {
		v.open("/log?order="+name).wants(t, "OrderSubmitted", "Order submitted", "OrderNumberAssigned", "CartSubmitted", "LicenceOrdered")
	}
	v.open("/log?order=2099/000001").wants(t, "Nothing was found")
	page := v.open("/log")
	page.wants(t, "CustomerRegistered", "ItemAddedToCart", "user-kowal", "This is the end of the log")
	page.lacks(t, "Kuźnia Kowal", "Obcy Canary", "@example.com", "<small>LogInspected")
	for query, want := range map[string]string{
		"stream=customer-kowal": "1 event<", "type=DistributorAssigned": "1 event<", "customer=jagna": "3 events<", "from=2026-11-23&type=OrderSubmitted": "1 event<", "from=2026-11-24": "Nothing was found",
		"to=2026-11-01&type=LicenceGranted": "4 events<", "stream=none": "Nothing was found", "order=none": "Nothing was found", "correlation=test&type=ProgramListed": "1 event<",
		"actor=user-kowal": "1 event<", "actor=user-kowal&customer=obcy": "Nothing was found",
	} {
		if a := v.open("/log?" + query); !strings.Contains(a.text, want) {
			t.Errorf("%s does not say %q", query, want)
		}
	}
	for _, wrong := range []string{"stream=%00", "type=Nothing", "from=yesterday", "after=-1", "after=x", "actor=%00", "order=" + strings.Repeat("x", idMax+1)} {
		if a := v.get("/log?" + wrong); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %s", wrong, a.Status)
		}
	}
	if after, _ := w.business(); after != before {
		t.Errorf("reading caused %d events", after-before)
	}
	if a := v.get("/log?event=12"); a.Header.Get("Location") != "/log/events/12" {
		t.Errorf("the search for a position leads to %q", a.Header.Get("Location"))
	}
}

// TestLooksAtTheLogAreEvents of the auditor's own, that keep out of the way of later searches.
func TestLooksAtTheLogAreEvents(t *testing.T) {
	w := newWorld(t)
	v := w.browser("auditor-1")
	v.open("/log?stream=customer-kowal&sort=newest")
	v.open("/log?actor=jan.kowalski") // who might have an account of that name
	v.get("/log?stream=%00")
	v.get("/log/events/999999999")
	_, looks := w.business()
	if len(looks) != 2 {
		t.Fatalf("%d looks were written down: %+v", len(looks), looks)
	}
	for i, want := range []domain.LogInspected{
		{What: domain.SearchInspection, Asked: map[string]string{"stream": "customer-kowal"}, Answered: 1},
		{What: domain.SearchInspection, Asked: map[string]string{"actor": ""}},
	} {
		m := looks[i].Metadata
		if !reflect.DeepEqual(looks[i].Event, want) || looks[i].Stream != "inspections-2026-11-22" || m.Actor != "user-auditor-1" || m.Correlation == "" || m.Causation != m.Correlation {
			t.Errorf("look %d is %+v", i, looks[i])
		}
	}
	w.settleAll()
	v.open("/log").lacks(t, "<small>LogInspected")
	v.open("/log?inspections=yes").wants(t, "<small>LogInspected", "Log looked at")
	v.open("/log?type=LogInspected").wants(t, "inspections-2026-11-22")
}

// TestLogIsPaged walks through a long log, in both directions, without missing or repeating anything.
func TestLogIsPaged(t *testing.T) {
	w := newWorld(t)
	for i := range logRows {
		w.register(domain.CustomerID(fmt.Sprintf("many-%03d", i)), fmt.Sprintf("Many %03d", i), false)
	}
	w.settle()
	v := w.browser("auditor-1")
	next := regexp.MustCompile(`<a href="([^"]+)" rel="next">`)
	for _, path := range []string{"/log", "/log?sort=newest"} {
		seen := map[string]bool{}
		rows := 0
		for path != "" {
			page := v.open(path)
			for _, found := range regexp.MustCompile(`href="/log/events/(\d+)"`).FindAllStringSubmatch(page.text, -1) {
				seen[found[1]], rows = true, rows+1
			}
			path = ""
			if found := next.FindStringSubmatch(page.text); found != nil {
				path = strings.ReplaceAll(found[1], "&amp;", "&")
			}
		}
		if all, _ := w.business(); len(seen) != all || rows != all {
			t.Errorf("the pages show %d events in %d rows of %d", len(seen), rows, all)
		}
	}
}

// TestEventPage shows one event with its bytes and its proof, and seals what is personal.
func TestEventPage(t *testing.T) {
	w := newWorld(t)
	v := w.browser("auditor-1")
	v.open("/log?stream=customer-kowal")
	registered := w.firstOf("customer-kowal")
	path := fmt.Sprintf("/log/events/%d", registered.Position)
	page := v.open(path)
	page.wants(t, "Customer registered", "(sealed)", "sealed:v1:", "system:demo", registered.ID, "customer-kowal", "No checkpoint covers this event yet", "SHA-256", "|{&#34;customer&#34;")
	page.lacks(t, "Kuźnia Kowal", "kowal@example.com")
	if a := v.get(path + "/proof"); a.StatusCode != http.StatusConflict {
		t.Errorf("the proof of what is not signed: %s", a.Status)
	}
	w.sign()
	page = v.open("/log/events/" + registered.ID)
	page.wants(t, "covers ", "netrom.pl/portal/", "Download the proof")
	proof := v.open(path + "/proof")
	if !strings.HasPrefix(proof.text, "c2sp.org/tlog-proof@v1\n") || !strings.Contains(proof.Header.Get("Content-Disposition"), "CustomerRegistered-") {
		t.Errorf("the proof is %q, %q", proof.Header.Get("Content-Disposition"), proof.text)
	}
	for _, none := range []string{"999999999", "0", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "x", "-1"} {
		if a := v.get("/log/events/" + none); a.StatusCode != http.StatusNotFound {
			t.Errorf("event %s: %s", none, a.Status)
		}
	}
	open := newWorld(t, func(o *Options) { o.AuditorsSeePersonalData = true })
	seen := open.browser("auditor-1").open(fmt.Sprintf("/log/events/%d", open.firstOf("customer-kowal").Position))
	seen.wants(t, "Kuźnia Kowal", "kowal@example.com")
}

// firstOf reads the first event of a stream.
func (w *world) firstOf(stream string) domain.Record {
	w.t.Helper()
	for record, err := range w.log.Read(context.Background(), stream, 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		return record
	}
	w.t.Fatalf("stream %s is empty", stream)
	return domain.Record{}
}

// TestEveryEventIsReadable fills every kind of event and reads it in both languages.
func TestEveryEventIsReadable(t *testing.T) {
	for _, kind := range domain.Kinds {
		value, personal := reflect.New(kind.Type).Elem(), 0
		fill(value, "open-canary", &personal)
		for _, l := range languages {
			if name := spoken[l].eventName(kind.Name); name == kind.Name {
				t.Errorf("%s has no name in %s", kind.Name, l)
			}
			fields := readableFields(value.Interface(), spoken[l], true)
			if len(fields) == 0 {
				t.Errorf("%s has no fields in %s", kind.Name, l)
			}
			for _, field := range fields {
				if strings.Contains(field.Value, "personal-canary") || field.Label == "" || strings.Contains(field.Label, "_") {
					t.Errorf("%s shows %+v", kind.Name, field)
				}
			}
		}
	}
}

// TestTheWitnessIsHeard shows auditors and operators that no checkpoints are signed.
func TestTheWitnessIsHeard(t *testing.T) {
	trouble := Witnessed{Trouble: "copy checkpoints to /mnt/auditors: permission denied"}
	for _, ended := range []bool{false, true} {
		trouble.Ended = ended
		w := newWorld(t, func(o *Options) { o.Evidence.(*evidence).witnessed = trouble })
		want := map[bool]string{false: "Checkpoints of the log are not being signed or copied", true: "NO MORE CHECKPOINTS"}[ended]
		auditor := w.browser("auditor-1")
		auditor.open("/log").wants(t, want, "/mnt/auditors")
		auditor.open("/tasks").wants(t, want)
		operator := w.browser("operator-1")
		operator.get("/tasks?lang=en")
		operator.open("/tasks").wants(t, want, "/mnt/auditors")
	}
	w := newWorld(t, func(o *Options) {
		o.Evidence.(*evidence).witnessed = Witnessed{Size: 12, At: time.Date(2026, 11, 22, 23, 29, 0, 0, time.UTC)}
	})
	w.browser("auditor-1").open("/log").wants(t, "Newest checkpoint: 12 events, looked after 23 November 2026 00:29.")
}

// TestWatchedLogsAreShown tells auditors and operators how this portal fares as the witness of others.
func TestWatchedLogsAreShown(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Evidence.(*evidence).witnessed = Witnessed{Watched: []Watched{
			{URL: "https://right.example", Key: "netrom.pl/witness/1", Size: 12, At: time.Date(2026, 11, 22, 23, 29, 0, 0, time.UTC)},
			{URL: "https://silent.example", Trouble: "connection refused"},
			{URL: "https://wrong.example", Trouble: "SPLIT VIEW", Contradiction: true},
			{URL: "https://new.example"},
		}}
	})
	page := w.browser("auditor-1").open("/log")
	page.wants(t, "the witness of https://right.example: it has cosigned the checkpoint of 12 events, checked 23 November 2026 00:29.", "netrom.pl/witness/1",
		"The portal https://silent.example, whose witness this one is, cannot be asked", "connection refused", "THE LOG OF https://wrong.example CONTRADICTS", "SPLIT VIEW")
	if strings.Contains(page.text, "https://new.example") {
		t.Error("a portal that was not asked yet is spoken of")
	}
	w.anybody().open("/metrics").wants(t, "portal_watched_trouble 2\n")
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
