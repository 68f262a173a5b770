package eventstore_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"netrom.pl/portal/infra/eventstore/logtest"
	"netrom.pl/portal/infra/node"

	"netrom.pl/portal/domain"
)

// A secure server is reached with the name, password and certificate authority of the address; a wrong password is
// an answer, not a reason to try again.
func TestSecureServer(t *testing.T) {
	certificate, authority := certify(t)
	n, err := node.Start(t.Context(), node.Options{TLS: &tls.Config{Certificates: []tls.Certificate{certificate}},
		Users: map[string]string{"portal": "secret"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Stop() })
	address := func(password string) string {
		return "esdb://portal:" + password + "@" + n.Addr() + "?tls=true&tlsCAFile=" + url.QueryEscape(authority)
	}
	ctx := ctxFor(t, patience)
	store := openStore(t, address("secret"))
	if err := store.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Append(ctx, "order-1", domain.NoStream, logtest.Propose(logtest.Numbered(3)...)); err != nil {
		t.Fatal(err)
	}
	if n := len(logtest.Collect(t, store.History(ctx, 0))); n != 3 {
		t.Errorf("the log has %d events", n)
	}
	follower := logtest.Follow(t, store, 0)
	follower.Await(t, "order-1", 3)
	follower.Stop(t)

	stranger, failed := openCounting(t, address("wrong-password"))
	for what, call := range map[string]func(context.Context) error{
		"Ping": stranger.Ping,
		"Append": func(ctx context.Context) error {
			_, err := stranger.Append(ctx, "order-1", 2, logtest.Propose(logtest.Numbered(1)...))
			return err
		},
		"Follow": func(ctx context.Context) error {
			return stranger.Follow(ctx, 0, func([]domain.Record) error { return nil })
		},
	} {
		if err := call(ctx); err == nil || ctx.Err() != nil || strings.Contains(err.Error(), "wrong-password") {
			t.Errorf("%s with a wrong password: %v", what, err)
		}
	}
	if n := failed.count.Load(); n > 4 { // an append can lose the answer; a few tries are allowed
		t.Errorf("tried %d times with a wrong password", n)
	}
}

// certify makes a certificate for the loopback and a file with its authority.
func certify(t *testing.T) (certificate tls.Certificate, authority string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	authority = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, authority
}
