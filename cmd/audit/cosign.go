package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/infra/witness"
)

// cosign is `audit cosign`: one look at a portal's newest checkpoint from another machine.
func cosign(ctx context.Context, args []string, stdout, _ io.Writer) error {
	flags, _ := foundation.Flags("audit cosign")
	address := flags.String("url", "", "`URL` of the portal")
	state := flags.String("state", "", "folder `DIR` in which this witness keeps its key, what it has cosigned, and evidence; made at the first use")
	var list strings.Builder
	flags.Func("key", "public `KEY` of the portal's checkpoints, from its witness/keys; after a rotation give the new one", func(key string) error {
		fmt.Fprintf(&list, "%s %s\n", witness.Active, key)
		return nil
	})
	const synopsis = "audit cosign -url URL -key KEY -state DIR"
	if _, err := foundation.Parse(flags, args, synopsis, 0, stdout); err != nil {
		return err
	}
	remote, err := witness.ParseRemote(*address)
	if err != nil {
		err = fmt.Errorf("-url %w", err)
	}
	if err == nil && (*state == "" || list.Len() == 0) {
		err = errors.New("-state and -key must be given")
	}
	if err != nil {
		return foundation.UsageError{Err: fmt.Errorf("%w\nUsage: %s", err, synopsis)}
	}
	keys, err := witness.ParseKeys([]byte(list.String()))
	if err != nil {
		return foundation.UsageError{Err: fmt.Errorf("-key: %w", err)}
	}
	cosigner, err := witness.OpenCosigner(*state)
	if err != nil {
		return err
	}
	c, err := cosigner.Advance(ctx, keys, time.Now(), remote.Continue)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Cosigned: %d events, root %s, signed with %s. It stands in %s.\nThe key of this witness is %s\n",
		c.Size, c.Root, c.Key, filepath.Join(*state, witness.CheckpointFile), cosigner.Key())
	return nil
}

// witnessKeys are the witnesses who must have cosigned a checkpoint that the log is held against.
type witnessKeys []witness.CosignerKey

func (k *witnessKeys) flag(set *flag.FlagSet) {
	set.Func("witness-key", "public `KEY` of a witness elsewhere (audit cosign prints it): one of the checkpoints must be cosigned with it; may be given again", func(text string) error {
		key, err := witness.ParseCosignerKey(text)
		*k = append(*k, key)
		return err
	})
}

// judge says which of the checkpoints that the log leads to each witness has cosigned, and fails when there is none.
func (k witnessKeys) judge(agreed []witness.Named, stdout io.Writer) error {
	for _, key := range k {
		found := false
		for _, c := range agreed {
			at, err := key.CosignedAt(c.Checkpoint)
			if errors.Is(err, witness.ErrNotCosigned) {
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
			found = true
			fmt.Fprintf(stdout, "%s was cosigned by %s at %s.\n", c.Name, key.Name(), at.Format(time.RFC3339))
		}
		if !found {
			return fmt.Errorf("the log is what its own key has signed, but no checkpoint that was given is cosigned by %s: name the witness's checkpoint file with -checkpoint", key.Name())
		}
	}
	return nil
}
