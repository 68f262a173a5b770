package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"netrom.pl/portal/domain"
	"netrom.pl/portal/infra/bank"
	"netrom.pl/portal/infra/mail"
)

// scriptPatience bounds how long a script waits for a program to say something or to end.
const scriptPatience = 30 * time.Second

// TestScripts plays the stories in testdata/scripts: what people type at the programs, and what these answer. $PLAYED is
// the data folder of a portal that has played its demonstration and stopped; a script takes a copy of it.
func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("runs whole programs: left out by -short")
	}
	bin, played := programs(t), dataFolder(t)
	runProgram(t, bin, "portal", "demo", "-once", "-data", played)
	sources, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "scripts"), WorkdirRoot: filepath.Dir(played), RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
			env.Setenv("PLAYED", played)
			env.Setenv("SOURCES", sources)
			env.Setenv("PGBIN", os.Getenv("PGBIN"))
			env.Values[startedKey{}] = map[string]*started{}
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("unknown condition %s", name)
			}
			return os.Getuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": scriptStart, "hold": scriptHold, "signal": scriptSignal, "ends": scriptEnds, "gone": scriptGone, "await": scriptAwait, "nobody": scriptNobody,
			"http": scriptHTTP, "download": scriptDownload, "login": scriptLogin, "form": scriptForm,
			"statement": scriptStatement, "fill": scriptFill, "attachment": scriptAttachment, "damage": scriptDamage, "tamper": scriptTamper,
			"operator": scriptOperator, "sql": scriptSQL, "traces": scriptTraces,
		},
	})
}

// started is a program that runs beside its script; done is closed when it has ended.
type started struct {
	command *exec.Cmd
	done    chan struct{}
}

type startedKey struct{}

func startedBy(ts *testscript.TestScript, name string) *started {
	program := ts.Value(startedKey{}).(map[string]*started)[name]
	if program == nil {
		ts.Fatalf("nothing was started as %s", name)
	}
	return program
}

// want ends the script when the command was used in another way.
func want(ts *testscript.TestScript, ok bool, synopsis string) {
	if !ok {
		ts.Fatalf("usage: %s", synopsis)
	}
}

// scriptStart is "start NAME PROGRAM ARGUMENT...": its output goes to NAME.out and NAME.err.
func scriptStart(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) > 1, "start NAME PROGRAM ARGUMENT...")
	command := scriptCommand(ts, args[1:])
	stdout, err := os.Create(ts.MkAbs(args[0] + ".out"))
	ts.Check(err)
	stderr, err := os.Create(ts.MkAbs(args[0] + ".err"))
	ts.Check(err)
	command.Stdout, command.Stderr = stdout, stderr
	ts.Check(command.Start())
	program := &started{command: command, done: make(chan struct{})}
	go func() {
		_ = command.Wait() // what scriptEnds looks at is in the command
		close(program.done)
	}()
	ts.Value(startedKey{}).(map[string]*started)[args[0]] = program
	ts.Defer(func() {
		_ = command.Process.Kill() // has ended already in most scripts
		<-program.done
		stdout.Close()
		stderr.Close()
	})
}

// scriptCommand is a program of ours in the script's folder and environment.
func scriptCommand(ts *testscript.TestScript, args []string) *exec.Cmd {
	path, err := exec.LookPath(filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], args[0]))
	ts.Check(err)
	command := exec.Command(path, args[1:]...)
	command.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "PGBIN", "DATABASE_URL", "EVENTSTORE_URL", "SMTP_URL"} {
		command.Env = append(command.Env, name+"="+ts.Getenv(name))
	}
	return command
}

// scriptSignal is "signal NAME TERM|INT|KILL".
func scriptSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL}
	want(ts, !neg && len(args) == 2 && signals[args[1]] != 0, "signal NAME TERM|INT|KILL")
	ts.Check(startedBy(ts, args[0]).command.Process.Signal(signals[args[1]]))
}

// scriptHold is "hold FOLDER": holds a data folder as another program does that has it open, until the script ends.
func scriptHold(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 1, "hold FOLDER")
	file, err := os.OpenFile(filepath.Join(ts.MkAbs(args[0]), "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	ts.Check(err)
	ts.Defer(func() { file.Close() })
	ts.Check(syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
}

// scriptEnds is "ends NAME STATUS...": waits for the end, with one of these statuses; it is -1 after KILL.
func scriptEnds(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) > 1, "ends NAME STATUS...")
	program := startedBy(ts, args[0])
	select {
	case <-program.done:
	case <-time.After(scriptPatience):
		ts.Fatalf("%s runs on", args[0])
	}
	if status := strconv.Itoa(program.command.ProcessState.ExitCode()); !slices.Contains(args[1:], status) {
		ts.Fatalf("%s ended with %s, want %s:\n%s", args[0], status, args[1:], ts.ReadFile(args[0]+".err"))
	}
}

// scriptGone is "gone PID": waits until no process has that number.
func scriptGone(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 1, "gone PID")
	pid, err := strconv.Atoi(args[0])
	ts.Check(err)
	for deadline := time.Now().Add(scriptPatience); !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("process %d runs on", pid)
		}
	}
}

// scriptAwait is "await FILE REGEXP [VARIABLE]": waits until the file, or stdout, matches, and keeps the first group.
func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && (len(args) == 2 || len(args) == 3), "await FILE REGEXP [VARIABLE]")
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	for deadline := time.Now().Add(scriptPatience); ; time.Sleep(10 * time.Millisecond) {
		var content []byte
		if args[0] == "stdout" {
			content = []byte(ts.ReadFile("stdout"))
		} else if content, err = os.ReadFile(ts.MkAbs(args[0])); err != nil && !errors.Is(err, os.ErrNotExist) {
			ts.Fatalf("read %s: %v", args[0], err)
		}
		if found := pattern.FindSubmatch(content); found != nil {
			if len(args) == 3 {
				ts.Setenv(args[2], string(found[1]))
			}
			return
		}
		if args[0] == "stdout" || time.Now().After(deadline) {
			ts.Fatalf("%s does not match %s:\n%s", args[0], args[1], content)
		}
	}
}

// scriptNobody is "[!] nobody PROGRAM ARGUMENT...": runs a program as a user without rights; when the tests run as an
// ordinary user, as that one.
func scriptNobody(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, len(args) > 0, "[!] nobody PROGRAM ARGUMENT...")
	command := scriptCommand(ts, args)
	command.Stdout, command.Stderr = ts.Stdout(), ts.Stderr()
	if os.Getuid() == 0 {
		nobody, err := user.Lookup("nobody")
		ts.Check(err)
		uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
		ts.Check(err)
		gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
		ts.Check(err)
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	if err := command.Run(); (err != nil) != neg {
		ts.Fatalf("%v: %v", args, err)
	}
}

// scriptHTTP is "http METHOD PATH [JSON]": asks the portal at $URL as the one who logged in and prints status and answer.
func scriptHTTP(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && (len(args) == 2 || len(args) == 3), "http METHOD PATH [JSON]")
	request, err := http.NewRequest(args[0], ts.Getenv("URL")+args[1], strings.NewReader(strings.Join(args[2:], "")))
	ts.Check(err)
	request.Header.Set("Accept-Language", "en")
	request.Header.Set("Idempotency-Key", ts.Name())
	if len(args) == 3 {
		request.Header.Set("Content-Type", "application/json")
	}
	if token := ts.Getenv("TOKEN"); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	printAnswer(ts, request)
}

// scriptDownload is "download PATH FILE": keeps what the portal at $URL answers; what does not exist yet is awaited.
func scriptDownload(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "download PATH FILE")
	for deadline := time.Now().Add(scriptPatience); ; time.Sleep(100 * time.Millisecond) {
		request, err := http.NewRequest(http.MethodGet, ts.Getenv("URL")+args[0], nil)
		ts.Check(err)
		request.Header.Set("Authorization", "Bearer "+ts.Getenv("TOKEN"))
		response, err := http.DefaultClient.Do(request)
		ts.Check(err)
		content, err := io.ReadAll(response.Body)
		ts.Check(errors.Join(err, response.Body.Close()))
		switch {
		case response.StatusCode == http.StatusOK:
			ts.Check(os.WriteFile(ts.MkAbs(args[1]), content, 0o644))
			return
		case response.StatusCode != http.StatusConflict && response.StatusCode != http.StatusNotFound || time.Now().After(deadline):
			ts.Fatalf("%s: %s\n%s", args[0], response.Status, content)
		}
	}
}

// scriptLogin is "login USER PASSWORD" and gives $TOKEN to the http commands that follow.
func scriptLogin(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "login USER PASSWORD")
	person := shopper{base: ts.Getenv("URL")}
	ts.Check(person.logIn(context.Background(), args[0], args[1]))
	ts.Setenv("TOKEN", person.token)
}

// scriptForm is "form URL NAME=VALUE...": sends a page's form and prints status and answer.
func scriptForm(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) > 1, "form URL NAME=VALUE...")
	form := url.Values{}
	for _, field := range args[1:] {
		name, value, _ := strings.Cut(field, "=")
		form.Set(name, value)
	}
	request, err := http.NewRequest(http.MethodPost, args[0], strings.NewReader(form.Encode()))
	ts.Check(err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	printAnswer(ts, request)
}

func printAnswer(ts *testscript.TestScript, request *http.Request) {
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	fmt.Fprintln(ts.Stdout(), response.StatusCode)
	var answer bytes.Buffer
	_, err = answer.ReadFrom(response.Body)
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), answer.String())
}

// scriptStatement is "statement FILE ACCOUNT AMOUNT TITLE...": a bank's file with one incoming transfer for each pair.
func scriptStatement(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) > 3 && len(args)%2 == 0, "statement FILE ACCOUNT AMOUNT TITLE...")
	day := bank.Date(time.Now().UTC().Format(time.DateOnly))
	statement := bank.Statement{Account: args[1], Number: args[0], Currency: "PLN", OpenedOn: day, ClosedOn: day}
	for i := 2; i < len(args); i += 2 {
		amount, err := domain.ParseMoney(args[i])
		ts.Check(err)
		statement.ClosingGrosz += int64(amount)
		statement.Entries = append(statement.Entries, bank.Entry{ValueDate: day, BookedOn: day, AmountGrosz: int64(amount), Mark: bank.Credit,
			BankReference: fmt.Sprint(args[0], i), CustomerReference: "NONREF", Title: args[i+1], PayerName: "DEMONSTRACJA", PayerAccount: "27114020040000300201355387"})
	}
	var file bytes.Buffer
	ts.Check(bank.WriteMT940(&file, statement))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), file.Bytes(), 0o644))
}

// scriptFill is "fill NAME=VALUE FILE...": puts the value where the files have the name in braces.
func scriptFill(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) > 1 && strings.Contains(args[0], "="), "fill NAME=VALUE FILE...")
	name, value, _ := strings.Cut(args[0], "=")
	for _, file := range args[1:] {
		text := strings.ReplaceAll(ts.ReadFile(file), "{"+name+"}", value)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o644))
	}
}

// scriptAttachment is "attachment FOLDER FILE": waits for a letter with an activation file and keeps the file.
func scriptAttachment(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "attachment FOLDER FILE")
	folder, err := mail.Folder(ts.MkAbs(args[0]))
	ts.Check(err)
	for deadline := time.Now().Add(scriptPatience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		stored, err := folder.List()
		ts.Check(err)
		for _, one := range stored {
			letter, _, err := folder.Read(one.Name)
			ts.Check(err)
			if len(letter.Attachments) == 1 && strings.HasSuffix(letter.Attachments[0].Name, ".lic.txt") {
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), letter.Attachments[0].Content, 0o644))
				return
			}
		}
	}
	ts.Fatalf("no letter has an activation file")
}

// scriptDamage is "damage KIND FROM TO": what happens to a text file on its way.
func scriptDamage(ts *testscript.TestScript, neg bool, args []string) {
	kinds := map[string]func(string) string{
		"crlf":   func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") },
		"quoted": func(text string) string { return "> " + strings.ReplaceAll(text, "\n", "\n> ") },
		"cut":    func(text string) string { return text[:len(text)*2/3] },
		"flipped": func(text string) string { // the first letter of the signed block
			at := strings.Index(text, "-----\n") + len("-----\n")
			return text[:at] + string('A'+(text[at]-'A'+1)%26) + text[at+1:]
		},
	}
	want(ts, !neg && len(args) == 3 && kinds[args[0]] != nil, "damage KIND FROM TO")
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(kinds[args[0]](ts.ReadFile(args[1]))), 0o644))
}
