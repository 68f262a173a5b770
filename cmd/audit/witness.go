package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/witness"
)

// keysFlag names the list of public keys.
func keysFlag(set *flag.FlagSet) *string {
	return set.String("keys", "", "`FILE` with the public keys of the checkpoints (default: the one in the data folder)")
}

// loadKeys reads the named list, or the one in the data folder.
func loadKeys(name, data string) (witness.Keys, error) {
	if name == "" {
		name = filepath.Join(data, foundation.WitnessFolder, witness.KeysFile)
	}
	keys, err := witness.LoadKeys(name)
	if err != nil {
		return nil, fmt.Errorf("%w (name the list of public keys with -keys; a portal that has run has one in its data folder)", err)
	}
	return keys, nil
}

// openLog opens the log of a data folder and nothing else.
func openLog(ctx context.Context, data string, stderr io.Writer) (*foundation.Foundation, error) {
	return openFolder(ctx, data, true, stderr)
}

// openFolder opens a data folder that must be there; without logOnly its Postgres too, and personal fields are opened.
func openFolder(ctx context.Context, data string, logOnly bool, stderr io.Writer) (*foundation.Foundation, error) {
	options := foundation.FromEnvironment(data, foundation.Logger(stderr, slog.LevelWarn))
	options.LogOnly, options.Existing = logOnly, true
	return foundation.Open(ctx, options)
}

func verifyLog(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("audit verify")
	keyList := keysFlag(flags)
	var names []string
	flags.Func("checkpoint", "a checkpoint `FILE` that was kept, or the folder where checkpoints are copied to; may be given again", func(name string) error {
		names = append(names, name)
		return nil
	})
	var witnesses witnessKeys
	witnesses.flag(flags)
	if _, err := foundation.Parse(flags, args, "audit verify [-data DIR] [-keys FILE] [-checkpoint FILE]... [-witness-key KEY]...", 0, stdout); err != nil {
		return err
	}
	keys, err := loadKeys(*keyList, *data)
	if err != nil {
		return err
	}
	e, err := gather(*data, names, keys, stdout)
	if err != nil {
		return err
	}
	base, err := openLog(ctx, *data, stderr)
	if err != nil {
		return err
	}
	report, err := witness.Verify(ctx, base.Stored(), e.checkpoints, e.copies)
	if err = errors.Join(err, base.Inspected(ctx, domain.VerifyInspection, nil, int(report.Events)), base.Close()); err != nil {
		return fmt.Errorf("verify the log: %w", err)
	}
	if err := e.judge(report, stdout); err != nil {
		return err
	}
	if err := witnesses.judge(report.Agreed, stdout); err != nil {
		return err
	}
	if *keyList == "" {
		fmt.Fprintf(stdout, "The keys are those in the data folder, where whoever changes the log can change them too: keep a copy elsewhere and name it with -keys.\n")
	}
	return nil
}

// evidence is what a log is held against: checkpoints, and copies of the tree that can tell which event differs.
type evidence struct {
	checkpoints []witness.Named
	copies      []*witness.Folder
	own         int // index in copies and checkpoints of the data folder's; -1: it has none
}

// gather reads the data folder's checkpoint and those that were named.
func gather(data string, names []string, keys witness.Keys, stdout io.Writer) (evidence, error) {
	e := evidence{own: -1}
	own := filepath.Join(data, foundation.WitnessFolder)
	if _, err := os.Stat(filepath.Join(own, witness.CheckpointFile)); err == nil {
		names = append([]string{own}, names...)
	}
	for _, name := range names {
		path := name
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			path = filepath.Join(name, witness.CheckpointFile)
		}
		c, err := witness.LoadCheckpoint(path, keys)
		if errors.Is(err, witness.ErrRevoked) {
			fmt.Fprintf(stdout, "%s says nothing: %v.\n", path, witness.ErrRevoked)
			continue
		}
		if err != nil {
			return e, err
		}
		if name == own {
			e.own = len(e.checkpoints)
		}
		e.checkpoints = append(e.checkpoints, witness.Named{Name: path, Checkpoint: c})
		for _, dir := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path))} { // a daily checkpoint lies one folder deeper
			if info, err := os.Stat(filepath.Join(dir, witness.TilesFolder)); err == nil && info.IsDir() {
				e.copies = append(e.copies, witness.OpenFolder(dir))
				break
			}
		}
	}
	if len(e.checkpoints) == 0 {
		return e, fmt.Errorf("there is no checkpoint in %s, and none was named with -checkpoint: nothing can be said about the log", own)
	}
	return e, nil
}

// judge says what was found, and makes sure that the data folder's own tree is whole.
func (e evidence) judge(report witness.Report, stdout io.Writer) error {
	for _, c := range report.Agreed {
		fmt.Fprintf(stdout, "The first %d events are those that %s vouches for, signed with %s.\n", c.Size, c.Name, c.Key)
	}
	if d := report.Difference; d != nil {
		return fmt.Errorf("THE LOG IS NOT WHAT WAS SIGNED: %s. Checkpoint %s (%d events) says so", d, d.Checkpoint.Name, d.Checkpoint.Size)
	}
	covered := report.Agreed[len(report.Agreed)-1].Size
	fmt.Fprintf(stdout, "Every one of %d events was hashed anew: of the first %d nothing was altered, removed, inserted or moved. Not signed yet: %d.\n",
		report.Events, covered, report.Events-covered)
	if e.own < 0 {
		return nil
	}
	own := e.checkpoints[e.own]
	dir := filepath.Dir(own.Name)
	if err := witness.OpenFolder(dir).Check(own.Tree()); err != nil {
		return fmt.Errorf("the log is right, but the tree stored in %s is damaged: %w; stop the portal and delete the folder %s: it is built again from the log",
			dir, err, filepath.Join(dir, witness.TilesFolder))
	}
	return nil
}

func prove(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, data := foundation.Flags("audit prove")
	id := flags.String("event", "", "the event with this `ID`")
	at := flags.String("position", "", "the event at this position `P`")
	const synopsis = "audit prove [-data DIR] -event ID | -position P"
	if _, err := foundation.Parse(flags, args, synopsis, 0, stdout); err != nil {
		return err
	}
	wanted, idErr := uuid.Parse(*id)
	position, positionErr := strconv.ParseUint(*at, 10, 64)
	switch {
	case (*id == "") == (*at == ""):
		return foundation.UsageError{Err: fmt.Errorf("say which event, with -event or -position\nUsage: %s", synopsis)}
	case *id != "" && idErr != nil:
		return foundation.UsageError{Err: fmt.Errorf("-event %q is no id such as 6ba7b810-9dad-11d1-80b4-00c04fd430c8; audit log prints them", *id)}
	case *at != "" && positionErr != nil:
		return foundation.UsageError{Err: fmt.Errorf("-position %q is no position such as 42; audit log prints them after an @", *at)}
	}
	keys, err := loadKeys("", *data)
	if err != nil {
		return err
	}
	folder := witness.OpenFolder(filepath.Join(*data, foundation.WitnessFolder))
	c, err := witness.LoadCheckpoint(filepath.Join(folder.Dir, witness.CheckpointFile), keys)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no checkpoint was signed yet: %w; start the portal, which signs one", err)
	}
	if err != nil {
		return err
	}
	index, found := int64(0), domain.Position(position)
	if *id != "" {
		index, found, err = folder.FindID(c, wanted)
	} else {
		index, err = folder.FindPosition(c, found)
	}
	if errors.Is(err, witness.ErrNotCovered) {
		return fmt.Errorf("find the event: the newest checkpoint has %d events and no such one among them; a running portal signs new events within %v", c.Size, witness.Every)
	}
	if err != nil {
		return fmt.Errorf("find the event: %w", err)
	}
	event, err := storedEvent(ctx, *data, found, stderr)
	if err != nil {
		return err
	}
	proof, err := witness.Prove(folder, c, index, event)
	if err != nil {
		return err
	}
	_, err = stdout.Write(proof)
	return err
}

// storedEvent reads the event at a position, which the tree has, from the log.
func storedEvent(ctx context.Context, data string, at domain.Position, stderr io.Writer) (witness.Event, error) {
	base, err := openLog(ctx, data, stderr)
	if err != nil {
		return witness.Event{}, err
	}
	event, ok, err := base.Stored().At(ctx, at)
	if err == nil && ok {
		err = base.Inspected(ctx, domain.ProofInspection, map[string]string{"position": strconv.FormatUint(uint64(at), 10)}, 1)
	}
	if err = errors.Join(err, base.Close()); err != nil {
		return witness.Event{}, fmt.Errorf("read the event: %w", err)
	}
	if !ok {
		return witness.Event{}, fmt.Errorf("the log has no event at position %d any more; run audit verify to see what has changed", at)
	}
	return event, nil
}

func verifyProof(_ context.Context, args []string, stdout, _ io.Writer) error {
	flags, data := foundation.Flags("audit verify-proof")
	keyList := keysFlag(flags)
	names, err := foundation.Parse(flags, args, "audit verify-proof [-keys FILE | -data DIR] FILE", 1, stdout)
	if err != nil {
		return err
	}
	keys, err := loadKeys(*keyList, *data)
	if err != nil {
		return err
	}
	file, err := os.Open(names[0])
	if err != nil {
		return fmt.Errorf("open proof: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, witness.ProofBytesMax+1))
	if err == nil && len(text) > witness.ProofBytesMax {
		err = fmt.Errorf("it is larger than %d bytes", witness.ProofBytesMax)
	}
	if err != nil {
		return fmt.Errorf("read proof: %w", err)
	}
	proof, err := witness.CheckProof(text, keys)
	if err != nil {
		return fmt.Errorf("%s is refused: %w", names[0], err)
	}
	e, c := proof.Entry, proof.Checkpoint
	fmt.Fprintf(stdout, "The event stood in the log when the checkpoint was signed.\n")
	for _, row := range [][2]string{
		{"event", fmt.Sprintf("%q, id %s", e.Type, uuid.UUID(e.ID))},
		{"place", fmt.Sprintf("position %d, stream %q, revision %d", e.Position, e.Stream, e.Revision)},
		{"stored", e.CreatedAt.Format(time.RFC3339Nano)},
		{"data", readable(proof.Data)},
		{"metadata", readable(proof.Metadata)},
		{"checkpoint", fmt.Sprintf("%d events, root %s, signed with %s", c.Size, c.Root, c.Key)},
	} {
		fmt.Fprintf(stdout, "  %-12s %s\n", row[0], row[1])
	}
	return nil
}

// readable shows JSON as it is, and quotes what is none.
func readable(content []byte) string {
	if json.Valid(content) {
		return string(content)
	}
	return strconv.Quote(string(content))
}
