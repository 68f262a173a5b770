package handlers

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/eventstore"
	"netrom.pl/portal/infra/witness"
)

// auditedOffice is an office whose vendor names an auditor, and whose log is witnessed. sign signs what is in it.
func auditedOffice(t *testing.T) (o *office, seen *evidence, sign func()) {
	o = openOffice(t)
	o.Vendor.AuditorEmail, o.Vendor.AuditorLanguage = "audyt@biegli.example", domain.Polish
	o.clock = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	dir, log := t.TempDir(), storedLog{o.Log.(*eventstore.Store)}
	w, err := witness.Open(witness.Options{Dir: dir, Log: log, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	seen = &evidence{prover: witness.NewProver(dir, log)}
	o.Evidence = seen
	return o, seen, func() {
		if err := w.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// letterWork owes what is owed and sends it, as a look at the list of tasks does.
func (o *office) letterWork() {
	o.t.Helper()
	if err := errors.Join(o.oweCheckpointLetter(o.t.Context()), o.sendCheckpointLetter(o.t.Context())); err != nil {
		o.t.Fatal(err)
	}
}

func TestTheAuditorGetsACheckpointEveryDay(t *testing.T) {
	o, _, sign := auditedOffice(t)
	o.letterWork() // nothing is signed yet
	if len(o.box) != 0 {
		t.Fatalf("without a checkpoint leaves %q", o.subjects())
	}
	o.order()
	sign()
	o.letterWork()
	o.letterWork()
	letter := o.says("audit verify -data KATALOG -keys KLUCZE -checkpoint checkpoint-2026-11-29.txt", "danych osobowych")
	if len(o.box) != 1 || letter.To != "audyt@biegli.example" || letter.Subject != "Punkt kontrolny dziennika portalu, 29 listopada 2026" || !letter.At.Equal(o.clock) {
		t.Fatalf("%q leave, the letter to %s of %s", o.subjects(), letter.To, letter.At)
	}
	newest, err := o.Evidence.Newest(0)
	if err != nil {
		t.Fatal(err)
	}
	if file := letter.Attachments[0]; file.Name != "checkpoint-2026-11-29.txt" || string(file.Content) != string(newest.Note) {
		t.Errorf("attached is %s:\n%s", file.Name, file.Content)
	}
	keepLetter(t, letter)

	for _, step := range []struct {
		at   time.Time
		want string // newest subject
		all  int
	}{
		{time.Date(2026, 11, 29, 23, 0, 30, 0, time.UTC), "Punkt kontrolny dziennika portalu, 29 listopada 2026", 1}, // half a minute after midnight in Poland
		{time.Date(2026, 11, 29, 23, 1, 0, 0, time.UTC), "Punkt kontrolny dziennika portalu, 30 listopada 2026", 2},
		{time.Date(2026, 11, 30, 22, 0, 0, 0, time.UTC), "Punkt kontrolny dziennika portalu, 30 listopada 2026", 2},
		{time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC), "Punkt kontrolny dziennika portalu na koniec listopada 2026", 3},
		{time.Date(2027, 1, 20, 9, 0, 0, 0, time.UTC), "Punkt kontrolny dziennika portalu na koniec grudnia 2026", 4}, // the portal slept
	} {
		o.clock = step.at
		sign()
		o.letterWork()
		if got := o.box[len(o.box)-1].Subject; got != step.want || len(o.box) != step.all {
			t.Errorf("at %s %d letters have left, the last is %q", step.at, len(o.box), got)
		}
	}
	keepLetter(t, o.says("Obejmuje wszystkie zdarzenia tego miesiąca", "grudnia 2026"))
}

// keepLetter writes a letter into the folder of -letters, to be read.
func keepLetter(t *testing.T, letter Letter) {
	if *lettersTo == "" {
		return
	}
	for suffix, content := range map[string]string{".txt": letter.Subject + "\n\n" + letter.Text, ".html": letter.HTML} {
		if err := os.WriteFile(filepath.Join(*lettersTo, letter.ID+suffix), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestACheckpointLetterSurvivesCrashes: whatever breaks, the letter of the day leaves under one ID, with one text.
func TestACheckpointLetterSurvivesCrashes(t *testing.T) {
	o, _, sign := auditedOffice(t)
	o.order()
	sign()
	if err := o.oweCheckpointLetter(t.Context()); err != nil { // and then the portal is killed
		t.Fatal(err)
	}
	restart := func() { o.letterDay.on = "" }
	restart()
	sign() // by now there is a newer checkpoint
	o.clock = o.clock.Add(time.Minute)
	var lost Letter
	o.fail = func(letter Letter) error {
		lost = letter
		return errors.New("the portal was killed after the letter left")
	}
	o.letterWork()
	if len(o.box) != 0 || lost.ID == "" {
		t.Fatalf("left: %q", o.subjects())
	}
	o.letterWork() // not before the next try is due
	o.fail = nil
	restart()
	o.clock = o.clock.Add(10 * time.Second)
	o.letterWork()
	if len(o.box) != 1 || o.box[0].ID != lost.ID || o.box[0].Text != lost.Text || string(o.box[0].Attachments[0].Content) != string(lost.Attachments[0].Content) || !o.box[0].At.Equal(lost.At) {
		t.Errorf("lost was\n%+v\nthen left\n%+v", lost, o.box)
	}
	restart()
	o.letterWork()
	if len(o.box) != 1 {
		t.Errorf("after it was recorded leaves %q", o.subjects())
	}
}

// TestAnUnreadableCheckpointIsNotAskedForEverySecond: the folder of the witness may be damaged for long.
func TestAnUnreadableCheckpointIsNotAskedForEverySecond(t *testing.T) {
	o, seen, sign := auditedOffice(t)
	o.order()
	sign()
	whole := seen.prover
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, witness.KeysFile), []byte("damaged\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	seen.prover = witness.NewProver(dir, nil)
	for second := range 130 {
		if err := o.oweCheckpointLetter(t.Context()); (err != nil) != (second%60 == 0) {
			t.Fatalf("after %d s: %v", second, err)
		}
		o.clock = o.clock.Add(time.Second)
	}
	seen.prover, o.clock = whole, o.clock.Add(time.Minute)
	o.letterWork()
	if len(o.box) != 1 {
		t.Errorf("when it is mended leaves %q", o.subjects())
	}
}

func TestACheckpointLetterThatNobodyGets(t *testing.T) {
	o, _, sign := auditedOffice(t)
	o.order()
	sign()
	o.fail = func(Letter) error { return bounced{permanent: true} }
	o.letterWork()
	o.Vendor.AuditorEmail = ""
	o.fail, o.clock = nil, o.clock.Add(24*time.Hour)
	o.letterWork()
	var types []string
	for record, err := range o.Log.Read(t.Context(), domain.CheckpointLettersStream, 0) {
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, record.Type)
		if failed, ok := record.Event.(domain.CheckpointLetterFailed); ok && (failed.Reason != "smtp 550" || !failed.Permanent) {
			t.Errorf("it failed with %+v", failed)
		}
	}
	if got := strings.Join(types, " "); got != "CheckpointLetterOwed CheckpointLetterFailed CheckpointLetterDropped" || len(o.box) != 0 {
		t.Errorf("recorded is %s, left is %q", got, o.subjects())
	}
}

func TestTheAuditorIsToldWhenNothingIsSignedAnyMore(t *testing.T) {
	o, seen, sign := auditedOffice(t)
	o.Vendor.AuditorLanguage = domain.English
	o.order()
	sign()
	seen.witnessed.Ended = true
	o.letterWork()
	letter := o.says("THE PORTAL SIGNS NO MORE CHECKPOINTS OF ITS LOG", "audit verify -data FOLDER")
	if letter.Subject != "WARNING: the portal's log is no longer signed" {
		t.Errorf("the letter is %q", letter.Subject)
	}
	keepLetter(t, letter)
}

// TestACheckpointLetterIsATask: the process manager's list has it while it is owed, and the board shows why it does not leave.
func TestACheckpointLetterIsATask(t *testing.T) {
	w := newWorld(t)
	do(w, domain.OweCheckpointLetter{On: "2026-11-22", Size: 3, Note: "note"})
	failure := domain.Failure{}.After("smtp 450: mailbox full", false, time.Date(2026, 11, 22, 0, 1, 0, 0, time.UTC))
	do(w, domain.RecordCheckpointLetter{On: "2026-11-22", Failure: &failure})
	w.settle()
	rows, err := w.server.Tables.Due(t.Context(), time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC), 10)
	if err != nil || len(rows) != 1 || rows[0].Stream != domain.CheckpointLettersStream || rows[0].Task.Kind != domain.CheckpointTask || rows[0].Order != "" {
		t.Fatalf("due is %+v: %v", rows, err)
	}
	operator := w.browser("operator-1")
	operator.open("/tasks").wants(t, "wysłać audytorowi punkt kontrolny dziennika", "smtp 450: mailbox full")
	do(w, domain.RecordCheckpointLetter{On: "2026-11-22"})
	w.settle()
	operator.open("/tasks").lacks(t, "wysłać audytorowi punkt kontrolny dziennika")
	if rows, err = w.server.Tables.Due(t.Context(), time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC), 10); err != nil || len(rows) != 0 {
		t.Errorf("then due is %+v: %v", rows, err)
	}
}

func TestThePageOfEvidenceSaysWhoGetsCheckpoints(t *testing.T) {
	for email, want := range map[string]string{"": "vendor.json has no auditor_email", "audyt@biegli.example": "sent to audyt@biegli.example"} {
		w := newWorld(t, func(o *Options) { o.Vendor.AuditorEmail = email })
		w.browser("auditor-1").open("/log").wants(t, want)
	}
}
