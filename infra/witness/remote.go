package witness

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// remoteLimit is how long a portal may take to answer.
const remoteLimit = 30 * time.Second

// Remote is a portal elsewhere, which hands its newest checkpoint to everybody. The zero value is none. Safe for concurrent use.
type Remote struct{ address string }

// ParseRemote takes the URL of a portal.
func ParseRemote(address string) (Remote, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return Remote{}, fmt.Errorf("%q is not of the form https://portal.example.com", address)
	}
	return Remote{strings.TrimSuffix(address, "/")}, nil
}

// String is the URL.
func (r Remote) String() string { return r.address }

// Continue asks for the newest checkpoint, and the proof that it continues one of oldSize events; what [ParseContinuation] reads.
func (r Remote) Continue(ctx context.Context, oldSize int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, remoteLimit)
	defer cancel()
	address := r.address + "/witness/consistency/" + strconv.FormatInt(oldSize, 10)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
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
	text, err := io.ReadAll(io.LimitReader(response.Body, ContinuationBytesMax+1))
	if err == nil && len(text) > ContinuationBytesMax {
		err = fmt.Errorf("%s answers with more than %d bytes", address, ContinuationBytesMax)
	}
	return text, err
}
