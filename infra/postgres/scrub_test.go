package postgres

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Overwritten and deleted values are in no file of the server afterwards; before, they are, or this test looks at the
// wrong place.
func TestScrub(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := dataFolder(t)
	server, err := Start(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	db, err := Open(ctx, server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const secret, kept = "Brzeczyszczykiewicz", "Kowalska"
	db.MustExec(`create schema "s p"; create table "s p".people (id int primary key, name text, note text);
		insert into "s p".people select i, case when i % 3 = 0 then '` + secret + `' else '` + kept + `' end, repeat('x', 3000) || i from generate_series(1, 1000) i;
		create index on "s p".people (name); analyze "s p".people; checkpoint`)
	for range 3 { // so that there are segments that wait to be used again
		db.MustExec(`update "s p".people set note = note || '` + secret + `'; select pg_switch_wal(); checkpoint`)
	}
	if len(filesWith(t, dir, secret)) < 3 {
		t.Fatalf("before, the name is only in %v", filesWith(t, dir, secret))
	}
	db.MustExec(`update "s p".people set name = '(erased)', note = ''; delete from "s p".people where id % 3 = 1`)
	for range 2 {
		if err := Scrub(ctx, db, `"s p".people`); err != nil {
			t.Fatal(err)
		}
	}
	if files := awaitNone(t, dir, secret); len(files) > 0 {
		t.Errorf("the name is still in %v", files)
	}
	var rows int
	if err := db.Get(&rows, `select count(*) from "s p".people where name = '(erased)'`); err != nil || rows != 666 {
		t.Errorf("%d rows are left, %v", rows, err)
	}
	var recycles string
	if err := db.Get(&recycles, `select current_setting('wal_recycle')`); err != nil || recycles != "on" {
		t.Errorf("the write-ahead log is not recycled any more: %s, %v", recycles, err)
	}
	if err := Scrub(ctx, db, "nowhere.to_be_seen"); err == nil {
		t.Error("a table that is not there was scrubbed")
	}
	db.MustExec(`create role guest login; create table public.theirs (name text); alter table public.theirs owner to guest; grant usage on schema public to guest`)
	guest, err := Open(ctx, server.URL()+"&options=-c%20role%3Dguest")
	if err != nil {
		t.Fatal(err)
	}
	defer guest.Close()
	if err := Scrub(ctx, guest, "public.theirs"); !errors.Is(err, ErrNotScrubbed) {
		t.Errorf("who may not look at the server's files is told %v", err)
	}
}

// awaitNone looks until no file has the text any more: the server removes files in the background.
func awaitNone(t *testing.T, dir, text string) (files []string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if files = filesWith(t, dir, text); len(files) == 0 {
			return nil
		}
	}
	return files
}

// filesWith lists the files under a folder that contain a text.
func filesWith(t *testing.T, dir, text string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && !entry.Type().IsRegular() {
			return nil
		}
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			files = append(files, path)
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
