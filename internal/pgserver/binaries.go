package pgserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Supported major versions, both included.
const (
	OldestMajor = 14
	NewestMajor = 18
)

// Binaries is a folder with the programs of one PostgreSQL version.
type Binaries struct {
	Dir     string // folder of the programs initdb and postgres, symbolic links resolved
	Major   int    // for example 17
	Version string // for example "17.10"
}

// program returns the path of a program.
func (b Binaries) program(name string) string { return filepath.Join(b.Dir, name) }

// versionPattern matches what `postgres --version` prints. A distribution may add
// words of its own after the number.
var versionPattern = regexp.MustCompile(`^postgres \(PostgreSQL\) ((\d+)[.\w]*)`)

// Inspect returns the binaries in a folder after checking that they are complete:
// initdb and postgres run here, the version is supported, postgres_fdw is present.
//
// Errors: [ErrBinaries] with what is missing.
func Inspect(ctx context.Context, dir string) (Binaries, error) {
	program, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		return Binaries{}, fmt.Errorf("pgserver: %w: %w", ErrBinaries, err)
	}
	b := Binaries{Dir: filepath.Dir(program)}
	if _, err := exec.LookPath(b.program("initdb")); err != nil {
		return Binaries{}, fmt.Errorf("pgserver: %w: %w", ErrBinaries, err)
	}
	out, err := exec.CommandContext(ctx, program, "--version").CombinedOutput()
	if err != nil {
		return Binaries{}, fmt.Errorf("pgserver: %w: %s --version: %w: %s", ErrBinaries, program, err, strings.TrimSpace(string(out)))
	}
	m := versionPattern.FindStringSubmatch(string(out))
	if m == nil {
		return Binaries{}, fmt.Errorf("pgserver: %w: %s --version printed %q", ErrBinaries, program, out)
	}
	b.Version = m[1]
	if b.Major, err = strconv.Atoi(m[2]); err != nil {
		return Binaries{}, fmt.Errorf("pgserver: %w: version %q: %w", ErrBinaries, m[1], err)
	}
	if b.Major < OldestMajor || b.Major > NewestMajor {
		return Binaries{}, fmt.Errorf("pgserver: %w: %s has version %s, want %d to %d", ErrBinaries, b.Dir, b.Version, OldestMajor, NewestMajor)
	}
	return b, b.checkExtension(ctx)
}

// checkExtension returns [ErrBinaries] unless contrib's postgres_fdw is installed
// in one of the folders that this version may look at.
func (b Binaries) checkExtension(ctx context.Context) error {
	root := filepath.Dir(b.Dir)
	shares := []string{filepath.Join(root, "share", "postgresql"), filepath.Join(root, "share"),
		filepath.Join("/usr/share/postgresql", strconv.Itoa(b.Major))}
	// pg_config knows the answer, but small distributions of binaries leave it out.
	if out, err := exec.CommandContext(ctx, b.program("pg_config"), "--sharedir").Output(); err == nil {
		shares = []string{strings.TrimSpace(string(out))}
	}
	for _, share := range shares {
		if _, err := os.Stat(filepath.Join(share, "extension", "postgres_fdw.control")); err == nil {
			return nil
		}
	}
	return fmt.Errorf("pgserver: %w: %s: extension postgres_fdw is not in %s", ErrBinaries, b.Dir, strings.Join(shares, ", "))
}
