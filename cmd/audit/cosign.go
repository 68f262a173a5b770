package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/infra/witness"
)

// cosignLimit is how long the portal may take to answer.
const cosignLimit = 30 * time.Second

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
	from, err := checkpointsOf(*address)
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
	client := &http.Client{Timeout: cosignLimit}
	c, err := cosigner.Advance(ctx, keys, time.Now(), func(ctx context.Context, oldSize int64) ([]byte, error) {
		return fetch(ctx, client, from+strconv.FormatInt(oldSize, 10))
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Cosigned: %d events, root %s, signed with %s. It stands in %s.\nThe key of this witness is %s\n",
		c.Size, c.Root, c.Key, filepath.Join(*state, witness.CheckpointFile), cosigner.Key())
	return nil
}

// checkpointsOf is where a portal proves that its newest checkpoint continues an older one, but for the size of that.
func checkpointsOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("-url %q is not of the form https://portal.example.com", address)
	}
	return strings.TrimSuffix(address, "/") + "/witness/consistency/", nil
}

func fetch(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fmt.Errorf("%s answers %s: no checkpoint was signed yet, or it is no portal", address, response.Status)
	default:
		return nil, fmt.Errorf("%s answers %s", address, response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, witness.ContinuationBytesMax+1))
	if err == nil && len(text) > witness.ContinuationBytesMax {
		err = fmt.Errorf("%s answers with more than %d bytes", address, witness.ContinuationBytesMax)
	}
	return text, err
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
