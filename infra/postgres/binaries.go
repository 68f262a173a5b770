package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// oldestVersion is the oldest major version of Postgres the portal runs on.
const oldestVersion = 14

// binaries is a folder with the programs postgres and initdb of one version.
type binaries struct {
	folder string
	major  int
}

// binaryFolders are the places where packages install the server. Debian and
// Ubuntu keep it off the PATH, Homebrew keeps versions side by side.
var binaryFolders = []string{
	"/usr/lib/postgresql/*/bin",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d+)`)

// findBinaries finds the installed programs of the major version wanted, or the
// newest ones when wanted is 0. The environment variable PGBIN names the only
// folder to look in.
func findBinaries(ctx context.Context, wanted int) (binaries, error) {
	var newest binaries
	var seen []string
	for _, folder := range candidateFolders() {
		major, err := versionIn(ctx, folder)
		if err != nil {
			continue // not an installed server; what was seen is in the error below
		}
		seen = append(seen, fmt.Sprintf("%d in %s", major, folder))
		if major == wanted {
			return binaries{folder, major}, nil
		}
		if wanted == 0 && major >= oldestVersion && major > newest.major {
			newest = binaries{folder, major}
		}
	}
	if newest.major > 0 {
		return newest, nil
	}
	found := "none was found"
	if len(seen) > 0 {
		found = "found were " + strings.Join(seen, ", ")
	}
	if pgbin := os.Getenv("PGBIN"); pgbin != "" {
		found += ", looking only in PGBIN=" + pgbin
	}
	if wanted > 0 {
		return binaries{}, fmt.Errorf("find postgres: the data was written by version %d, but %s; type: %s", wanted, found, installCommand(wanted))
	}
	return binaries{}, fmt.Errorf("find postgres: version %d or newer is needed, but %s; type: %s", oldestVersion, found, installCommand(0))
}

// candidateFolders lists every folder once that may hold the programs.
func candidateFolders() []string {
	if pgbin := os.Getenv("PGBIN"); pgbin != "" {
		return []string{pgbin}
	}
	var candidates []string
	for _, pattern := range binaryFolders {
		matches, _ := filepath.Glob(pattern) // fails on a bad pattern only
		candidates = append(candidates, matches...)
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		candidates = append(candidates, filepath.Dir(path))
	}
	var folders []string
	known := map[string]bool{}
	for _, folder := range candidates {
		// The PATH often holds links into the folder that has the other programs.
		program, err := filepath.EvalSymlinks(filepath.Join(folder, "initdb"))
		if err != nil {
			continue
		}
		folder = filepath.Dir(program)
		if !known[folder] {
			known[folder] = true
			folders = append(folders, folder)
		}
	}
	return folders
}

// versionIn asks the server program in a folder for its major version.
func versionIn(ctx context.Context, folder string) (int, error) {
	if _, err := os.Stat(filepath.Join(folder, "initdb")); err != nil {
		return 0, err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(folder, "postgres"), "--version").Output()
	if err != nil {
		return 0, err
	}
	match := versionLine.FindSubmatch(out)
	if match == nil {
		return 0, fmt.Errorf("unknown version %q", out)
	}
	return strconv.Atoi(string(match[1]))
}

// installCommand is the one command that installs the server on this system;
// major 0 stands for any version.
func installCommand(major int) string {
	switch {
	case runtime.GOOS == "darwin" && major == 0:
		return "brew install postgresql@15"
	case runtime.GOOS == "darwin":
		return fmt.Sprintf("brew install postgresql@%d", major)
	case major == 0:
		return "sudo apt-get install -y postgresql"
	default:
		return fmt.Sprintf("sudo apt-get install -y postgresql-%d", major)
	}
}
