package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"netrom.pl/portal/domain"
)

// forgottenFile is the list of what was forgotten, one certificate a line, within the data folder and in the folder for
// checkpoints. It has no personal data, and is kept apart from backups: whoever restores one takes the newest list.
const forgottenFile = "forgotten.jsonl"

// forgottenLineMax is the longest line of the list, in bytes: a customer with some ten thousand bank statements.
const forgottenLineMax = 1 << 20

// forgotten is the list, in several places.
type forgotten struct{ paths []string }

// forgottenIn is the list in these folders; empty ones do not count.
func forgottenIn(folders ...string) forgotten {
	var list forgotten
	for _, folder := range folders {
		if folder != "" {
			list.paths = append(list.paths, filepath.Join(folder, forgottenFile))
		}
	}
	return list
}

// erasureID names one erasure: a customer has at most one for each purpose.
type erasureID struct {
	customer domain.CustomerID
	purpose  domain.Purpose
}

func idOf(e domain.PersonalDataErased) erasureID { return erasureID{e.Customer, e.Purpose} }

// read gives what stands in any of the places, each erasure once. A last line that a crash has cut off does not count: it is
// written before anything is erased, so its erasure is still owed.
func (l forgotten) read() ([]domain.PersonalDataErased, error) {
	var all []domain.PersonalDataErased
	known := map[erasureID]bool{}
	for _, path := range l.paths {
		entries, err := readForgotten(path)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if !known[idOf(entry)] {
				known[idOf(entry)] = true
				all = append(all, entry)
			}
		}
	}
	return all, nil
}

func readForgotten(path string) ([]domain.PersonalDataErased, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read list of what was forgotten: %w", err)
	}
	whole := raw[:bytes.LastIndexByte(raw, '\n')+1]
	lines := bufio.NewScanner(bytes.NewReader(whole))
	lines.Buffer(nil, forgottenLineMax)
	var entries []domain.PersonalDataErased
	for lines.Scan() {
		var entry domain.PersonalDataErased
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil || entry.Customer == "" {
			return nil, fmt.Errorf("read list of what was forgotten: %s, line %d is damaged: take the newest copy of the list", path, len(entries)+1)
		}
		entries = append(entries, entry)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read list of what was forgotten: %s: %w", path, err)
	}
	return entries, nil
}

// add writes entries down wherever they do not stand yet, and returns when they are on disk.
func (l forgotten) add(entries []domain.PersonalDataErased) error {
	for _, path := range l.paths {
		known, err := readForgotten(path)
		if err != nil {
			return err
		}
		stands := map[erasureID]bool{}
		for _, entry := range known {
			stands[idOf(entry)] = true
		}
		var lines []byte
		for _, entry := range entries {
			if stands[idOf(entry)] {
				continue
			}
			line, err := json.Marshal(entry)
			if err != nil {
				return fmt.Errorf("write list of what was forgotten: %w", err)
			}
			lines = append(append(lines, line...), '\n')
		}
		if err := appendForgotten(path, lines); err != nil {
			return fmt.Errorf("write list of what was forgotten: %w", err)
		}
	}
	return nil
}

// appendForgotten adds lines behind the last whole one, and makes file and folder durable.
func appendForgotten(path string, lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	end := int64(bytes.LastIndexByte(raw, '\n') + 1)
	if err := file.Truncate(end); err != nil {
		return err
	}
	if _, err := file.WriteAt(lines, end); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
