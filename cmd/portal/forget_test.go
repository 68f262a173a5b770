package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"netrom.pl/portal/cmd/internal/foundation"
	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/vault"
)

// operatorPassword is what every operator of a script has.
const operatorPassword = "operators long password"

// scriptOperator is "operator FOLDER USER FILE": makes an operator with a second factor if there is none, and writes the password
// and a code that was not used yet into a file.
func scriptOperator(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 3, "operator FOLDER USER FILE")
	unused := ts.MkAbs(args[1] + ".codes")
	if _, err := os.Stat(unused); errors.Is(err, fs.ErrNotExist) {
		base, err := foundation.Open(context.Background(), foundation.Options{Dir: ts.MkAbs(args[0]), Existing: true})
		ts.Check(err)
		codes, err := makeOperator(context.Background(), base.Vault, args[1])
		ts.Check(errors.Join(err, base.Close()))
		ts.Check(os.WriteFile(unused, []byte(strings.Join(codes, "\n")), 0o600))
	}
	codes, err := os.ReadFile(unused)
	ts.Check(err)
	code, rest, _ := strings.Cut(string(codes), "\n")
	want(ts, code != "", "operator: the codes are used up; take another operator")
	ts.Check(os.WriteFile(unused, []byte(rest), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(operatorPassword+"\n"+code+"\n"), 0o600))
}

// makeOperator answers the recovery codes, of which each works once: those of an app can be had only every 30 seconds.
func makeOperator(ctx context.Context, v *vault.Vault, user string) (codes []string, err error) {
	account, err := v.CreateAccount(ctx, vault.Account{UserName: user, Role: vault.OperatorRole, Language: "pl"})
	if err != nil {
		return nil, err
	}
	if err := v.SetPassword(ctx, account.ID, operatorPassword); err != nil {
		return nil, err
	}
	if _, err := v.ProposeSecondFactor(ctx, account.ID); err != nil {
		return nil, err
	}
	code, err := v.NextCode(ctx, account.ID)
	if err != nil {
		return nil, err
	}
	return v.ConfirmSecondFactor(ctx, account.ID, code)
}

// scriptTraces is "[!] traces FOLDER TEXT...": lists the files in which one of the texts stands, as it is or in base64, and with !
// wants none. The database removes files in the background, so it looks again for a while.
func scriptTraces(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, len(args) > 1, "[!] traces FOLDER TEXT...")
	var found []string
	for deadline := time.Now().Add(scriptPatience); ; time.Sleep(100 * time.Millisecond) {
		var err error
		found, err = traces(ts.MkAbs(args[0]), args[1:])
		ts.Check(err)
		if neg == (len(found) == 0) {
			return
		}
		if !neg || time.Now().After(deadline) {
			break
		}
	}
	ts.Fatalf("the texts stand in %q", found)
}

// traces lists the files under a folder that contain one of the texts.
func traces(dir string, texts []string) (found []string, err error) {
	var forms [][]byte
	for _, text := range texts {
		forms = append(forms, []byte(text))
		for shift := range 3 { // wherever it begins in a group of three bytes; the edges of the text share groups with its neighbours
			encoded := base64.StdEncoding.EncodeToString(append(make([]byte, shift), text...))
			forms = append(forms, []byte(encoded[4:len(encoded)-4]))
		}
	}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return ignoreGone(err)
		}
		content, err := os.ReadFile(path)
		for _, form := range forms {
			if bytes.Contains(content, form) {
				found = append(found, strings.TrimPrefix(path, dir+string(filepath.Separator))+": "+string(form))
			}
		}
		return ignoreGone(err)
	})
	return found, err
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func TestForgottenList(t *testing.T) {
	dir := t.TempDir()
	list := forgottenIn(dir, "", filepath.Join(dir, "away"))
	if entries, err := list.read(); len(entries) != 0 || err != nil {
		t.Fatalf("an empty list has %v, %v", entries, err)
	}
	agreed := domain.Erasure{ProposedBy: "anna", ConfirmedBy: "olga"}
	first, second := certificateOf("c-1", "contact", agreed), certificateOf("c-2", "legal", agreed)
	if err := os.Mkdir(filepath.Join(dir, "away"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := list.add([]domain.PersonalDataErased{first}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, forgottenFile)
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"customer":"c-9`); err != nil { // a crash
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := list.add([]domain.PersonalDataErased{first, second}); err != nil {
		t.Fatal(err)
	}
	entries, err := list.read()
	if err != nil || len(entries) != 2 || entries[0].Customer != "c-1" || entries[1].Customer != "c-2" || len(entries[1].Keys) != 2 {
		t.Errorf("the list has %+v, %v", entries, err)
	}
	if err := os.Remove(path); err != nil { // a restored data folder; the copy elsewhere is there
		t.Fatal(err)
	}
	if entries, err := list.read(); err != nil || len(entries) != 2 {
		t.Errorf("the copy has %v, %v", entries, err)
	}
	if err := os.WriteFile(path, []byte("not a certificate\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := list.read(); err == nil || !strings.Contains(err.Error(), "line 1 is damaged") {
		t.Errorf("a damaged list: %v", err)
	}
}
