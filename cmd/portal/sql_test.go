package main

import (
	"context"

	"github.com/rogpeppe/go-internal/testscript"

	"netrom.pl/portal/cmd/internal/foundation"
)

// scriptSQL is "sql FOLDER STATEMENT": what somebody does to a portal's database behind its back.
func scriptSQL(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "sql FOLDER STATEMENT")
	base, err := foundation.Open(context.Background(), foundation.Options{Dir: ts.MkAbs(args[0]), Existing: true})
	ts.Check(err)
	defer func() { ts.Check(base.Close()) }()
	_, err = base.DB.Exec(args[1])
	ts.Check(err)
}
