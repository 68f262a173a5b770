package handlers

import (
	"bytes"
	"fmt"
	"time"
)

// metric is one figure for whoever watches the portal by machine. A name never changes its meaning.
type metric struct {
	name  string
	help  string
	value float64
}

// metrics are the figures of this moment. None of them says anything about anybody.
func (s *Server) metrics() []metric {
	w, sampled := s.Evidence.Witnessed(), s.Sampler.Sampled()
	return []metric{
		{"portal_checkpoint_events", "Events before the newest signed checkpoint of the log.", float64(w.Size)},
		{"portal_checkpoint_success_timestamp_seconds", "When checkpoints were last signed and copied without trouble; 0: not since the start.", seconds(w.At)},
		{"portal_checkpoint_trouble", "1: the last try to sign or copy a checkpoint failed.", truth(w.Trouble != "")},
		{"portal_checkpoint_ended", "1: no more checkpoints are signed until the portal is started again.", truth(w.Ended)},
		{"portal_watched_trouble", "Logs of other portals that this one could not cosign at the last try.", float64(troubled(w.Watched))},
		{"portal_views_compared_rows", "Rows of the views that were compared with the log since the start.", float64(sampled.Checked)},
		{"portal_views_compared_timestamp_seconds", "When the last one was compared; 0: none since the start.", seconds(sampled.At)},
		{"portal_views_uncompared_rows", "Rows that were picked and could not be compared since the start.", float64(sampled.Unfolded)},
		{"portal_views_differences", "Places in which the views do not show what the log says now.", float64(len(sampled.Findings))},
	}
}

func troubled(watched []Watched) (n int) {
	for _, w := range watched {
		if w.Trouble != "" {
			n++
		}
	}
	return n
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func seconds(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.Unix())
}

// tellMetrics is what a machine that watches the portal collects. Source: Prometheus, text exposition format 0.0.4.
func (s *Server) tellMetrics(*call) (reply, error) {
	var text bytes.Buffer
	for _, m := range s.metrics() {
		fmt.Fprintf(&text, "# HELP %[1]s %[2]s\n# TYPE %[1]s gauge\n%[1]s %.0[3]f\n", m.name, m.help, m.value)
	}
	return reply{download: &download{contentType: "text/plain; version=0.0.4; charset=utf-8", content: text.Bytes()}}, nil
}
