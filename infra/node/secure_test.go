package node_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"netrom.pl/portal/infra/node"
)

// certificate makes a key and a certificate for this machine, and the file by which clients trust it.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// dialSecure makes an official client of a secure node; who is empty or "name:password@".
func dialSecure(t *testing.T, n *node.Node, ca, who string) *esdb.Client {
	t.Helper()
	config, err := esdb.ParseConnectionString(fmt.Sprintf("esdb://%s%s?tls=true&tlsCAFile=%s", who, n.Addr(), ca))
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = func(esdb.LogLevel, string, ...any) {}
	c, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// tryAppend appends as somebody ("name:password@" or nobody) and expects an error of this code; 0: none.
func tryAppend(t *testing.T, n *node.Node, who, ca string, want esdb.ErrorCode) {
	t.Helper()
	_, err := dialSecure(t, n, ca, who).AppendToStream(context.Background(), "s", esdb.AppendToStreamOptions{}, event("x"))
	var e *esdb.Error
	if want == 0 && err != nil || want != 0 && (!errors.As(err, &e) || e.Code() != want) {
		t.Errorf("append gave %v", err)
	}
}

func TestSecureNode(t *testing.T) {
	cert, ca := certificate(t)
	n := start(t, node.Options{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Users: map[string]string{"admin": "changeit"}})
	for _, row := range []struct {
		who  string
		want esdb.ErrorCode
	}{
		{"admin:changeit@", 0},
		{"admin:wrong@", esdb.ErrorCodeUnauthenticated},
		{"nobody:changeit@", esdb.ErrorCodeUnauthenticated},
		{"", esdb.ErrorCodeAccessDenied},
	} {
		t.Run(row.who, func(t *testing.T) { tryAppend(t, n, row.who, ca, row.want) })
	}
	pool := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(leaf)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get("https://" + n.Addr() + "/health/live")
	if err != nil || response.StatusCode != http.StatusNoContent {
		t.Errorf("health gave %v, error %v", response, err)
	}
}

func TestSecureNodeNeedsUsers(t *testing.T) {
	cert, _ := certificate(t)
	if n, err := node.Start(context.Background(), node.Options{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Users: map[string]string{}}); err == nil {
		n.Stop()
		t.Error("a secure node started that nobody could use")
	}
}

// TestDefaultUsers holds a secure node without users of its own to those of an original one, and to saying so.
func TestDefaultUsers(t *testing.T) {
	cert, ca := certificate(t)
	var log bytes.Buffer
	n := start(t, node.Options{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if !strings.Contains(log.String(), "default users") {
		t.Errorf("nothing warns of passwords that everybody knows; the log: %s", &log)
	}
	for _, row := range []struct {
		who  string
		want esdb.ErrorCode
	}{
		{"admin:changeit@", 0},
		{"ops:changeit@", 0},
		{"ops:changed@", esdb.ErrorCodeUnauthenticated},
		{"", esdb.ErrorCodeAccessDenied},
	} {
		t.Run(row.who, func(t *testing.T) { tryAppend(t, n, row.who, ca, row.want) })
	}
}

// TestDiscovery uses the form of address by which clients look for the leader of a cluster.
func TestDiscovery(t *testing.T) {
	n := start(t, node.Options{})
	config, err := esdb.ParseConnectionString("esdb+discover://" + n.Addr() + "?tls=false")
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = func(esdb.LogLevel, string, ...any) {}
	c, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	appendEvents(t, c, "s", esdb.Any{}, event("x"))
	if version, err := c.GetServerVersion(); err != nil || version.Major != 24 {
		t.Errorf("the server's version is %v, error %v", version, err)
	}
}

// TestWaitingClients does what test set-ups of client libraries do before they trust a server.
func TestWaitingClients(t *testing.T) {
	c := dial(t, start(t, node.Options{}))
	users, err := readAllOf(t, c, "$users", esdb.ReadStreamOptions{From: esdb.Start{}})
	if err != nil || len(users) != 2 {
		t.Errorf("$users has %d events, error %v", len(users), err)
	}
	create := func(stream string, o esdb.PersistentStreamSubscriptionOptions) error {
		return c.CreatePersistentSubscription(context.Background(), stream, "group", o)
	}
	if err := create("s", esdb.PersistentStreamSubscriptionOptions{}); err != nil {
		t.Errorf("create a group: %v", err)
	}
	var e *esdb.Error
	if err := create("s", esdb.PersistentStreamSubscriptionOptions{}); !errors.As(err, &e) || e.Code() != esdb.ErrorCodeResourceAlreadyExists {
		t.Errorf("create it again: %v", err)
	}
	if err := c.CreatePersistentSubscriptionToAll(context.Background(), "group", esdb.PersistentAllSubscriptionOptions{}); err != nil {
		t.Errorf("create a group on $all: %v", err)
	}
	if _, err := c.SubscribeToPersistentSubscription(context.Background(), "s", "group", esdb.SubscribeToPersistentSubscriptionOptions{}); err == nil {
		t.Error("a group could be consumed, which this node does not offer")
	}
}
