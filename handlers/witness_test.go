package handlers

import (
	"context"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/witness"
)

// TestStrangersGetCheckpointsAndNothingElse: a witness elsewhere follows the log over HTTP without a login, and learns nothing but sizes.
func TestStrangersGetCheckpointsAndNothingElse(t *testing.T) {
	w := newWorld(t)
	stranger := w.anybody()
	if a := stranger.get("/witness/checkpoint"); a.StatusCode != http.StatusNotFound {
		t.Fatalf("before anything is signed: %s", a.Status)
	}
	cosigner, err := witness.OpenCosigner(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(_ context.Context, size int64) ([]byte, error) {
		return []byte(stranger.open("/witness/consistency/" + strconv.FormatInt(size, 10)).text), nil
	}
	var last int64
	for range 3 {
		do(w, domain.ReleaseVersion{Program: "magazyn", Edition: domain.SingleStation, Version: domain.Version("4." + strconv.FormatInt(last, 10))})
		w.sign()
		keys, err := witness.LoadKeys(filepath.Join(w.signs, witness.KeysFile))
		if err != nil {
			t.Fatal(err)
		}
		c, err := cosigner.Advance(t.Context(), keys, time.Unix(0, 0), ask)
		if err != nil || c.Size <= last {
			t.Fatalf("after %d cosigned is %+v: %v", last, c, err)
		}
		if newest := stranger.open("/witness/checkpoint"); !strings.HasPrefix(string(c.Note), newest.text) || newest.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("the newest checkpoint is\n%s\ncosigned is\n%s", newest.text, c.Note)
		}
		last = c.Size
	}
	stranger.open("/witness/consistency/"+strconv.FormatInt(last+1, 10)).wants(t, "old "+strconv.FormatInt(last+1, 10)+"\n\n", "\n"+strconv.FormatInt(last, 10)+"\n")
	for _, size := range []string{"-1", "01", "x", "9223372036854775808", "%20"} {
		if a := stranger.get("/witness/consistency/" + size); a.StatusCode != http.StatusNotFound {
			t.Errorf("of %s: %s", size, a.Status)
		}
	}
}

// TestCheckpointsAreNotAskedForTooOften: the world's clock stands still, so what is used up stays used up.
func TestCheckpointsAreNotAskedForTooOften(t *testing.T) {
	w := newWorld(t)
	w.sign()
	refused := 0
	for range checkpointsBurst + 10 {
		if a := w.anybody().get("/witness/checkpoint"); a.StatusCode == http.StatusTooManyRequests && a.Header.Get("Retry-After") == "1" {
			refused++
		}
	}
	if refused != 10 {
		t.Errorf("%d of %d were refused", refused, checkpointsBurst+10)
	}
}

// TestMetricsTellOfTheWitness holds the figures against what the witness says.
func TestMetricsTellOfTheWitness(t *testing.T) {
	var seen *evidence
	w := newWorld(t, func(o *Options) { seen = o.Evidence.(*evidence) })
	for _, c := range []struct {
		witnessed Witnessed
		want      string
	}{
		{Witnessed{}, "events 0 success 0 trouble 0 ended 0"},
		{Witnessed{Size: 1_234_567_890, At: time.Unix(1_790_000_000, 5)}, "events 1234567890 success 1790000000 trouble 0 ended 0"},
		{Witnessed{Size: 7, Trouble: "disk"}, "events 7 success 0 trouble 1 ended 0"},
		{Witnessed{Trouble: "log", Ended: true}, "events 0 success 0 trouble 1 ended 1"},
	} {
		seen.witnessed = c.witnessed
		var said []string
		for line := range strings.Lines(w.anybody().open("/metrics").text) {
			if name, ok := strings.CutPrefix(line, "portal_checkpoint_"); ok {
				said = append(said, strings.TrimSpace(strings.Replace(name, "_timestamp_seconds", "", 1)))
			}
		}
		if got := strings.Join(said, " "); got != c.want {
			t.Errorf("of %+v the metrics say %q, want %q", c.witnessed, got, c.want)
		}
	}
}

func TestPace(t *testing.T) {
	p := pace{every: time.Second, burst: 3}
	at := time.Unix(1000, 0)
	for i, step := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {0, true}, {0, true}, {0, false}, {500 * time.Millisecond, false}, {500 * time.Millisecond, true}, {0, false}, {time.Hour, true}, {0, true}, {0, true}, {0, false}, {-time.Hour, false}} {
		at = at.Add(step.after)
		if got := p.allows(at); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
}
