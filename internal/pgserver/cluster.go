package pgserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Files of this package inside a data folder. The server leaves them alone.
const (
	passwordFile = "millrace.password" // the superuser's; written last, so it marks a complete cluster
	includedFile = "millrace.conf"     // Config.Settings
	logFile      = "server.log"
	socketFolder = "socket"
)

// A cluster is the data folder of a server and the user who owns it.
type cluster struct {
	dir string // absolute, symbolic links resolved
	who identity
}

// openCluster makes, initialises or checks the data folder of a configuration and
// returns it with the superuser's password.
func openCluster(ctx context.Context, c Config) (cluster, string, error) {
	dir, err := makeDir(c.DataDir)
	if err != nil {
		return cluster{}, "", err
	}
	empty, err := isEmpty(dir)
	if err != nil {
		return cluster{}, "", err
	}
	who, found := owner(dir)
	if empty || !found {
		if who, err = configuredUser(c.User); err != nil {
			return cluster{}, "", err
		}
	}
	cl := cluster{dir: dir, who: who}
	if err := who.reach(dir); err != nil {
		return cluster{}, "", err
	}
	if empty {
		password, err := cl.initialise(ctx, c)
		return cl, password, err
	}
	password, err := cl.check(c)
	return cl, password, err
}

// configuredUser returns the user of a name, or the default one for no name.
func configuredUser(name string) (identity, error) {
	if name == "" {
		return defaultUser()
	}
	return lookupUser(name)
}

// makeDir makes a folder unless it exists and returns its absolute path. Parents
// that have to be made can be passed through by everybody.
func makeDir(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("pgserver: %w: %w", ErrDataDir, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("pgserver: %w: %w", ErrDataDir, err)
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("pgserver: %w: %w", ErrDataDir, err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", fmt.Errorf("pgserver: %w: %w", ErrDataDir, err)
	}
	return path, nil
}

func isEmpty(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, fmt.Errorf("pgserver: %w: %w", ErrDataDir, err)
	}
	return len(entries) == 0, nil
}

// initialise runs initdb on the empty folder. If it fails, the folder is empty again.
func (cl cluster) initialise(ctx context.Context, c Config) (password string, err error) {
	if err := cl.who.own(cl.dir); err != nil {
		return "", err
	}
	if password = c.Password; password == "" {
		password = rand.Text()
	}
	tmp, err := os.MkdirTemp("", "millrace-init-")
	if err != nil {
		return "", fmt.Errorf("pgserver: %w: %w", ErrDataDir, err)
	}
	defer os.RemoveAll(tmp)
	pwfile := filepath.Join(tmp, "password")
	if err := errors.Join(cl.who.own(tmp), cl.write(pwfile, password)); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, c.Binaries.program("initdb"), "-D", cl.dir, "-U", c.Superuser, "--pwfile", pwfile,
		"-E", "UTF8", "--locale", locale(ctx), "--lc-messages", "C", "--auth", "scram-sha-256", "--no-instructions")
	if c.Settings["fsync"] == "off" {
		cmd.Args = append(cmd.Args, "--no-sync")
	}
	cmd.Dir, cmd.Env, cmd.SysProcAttr = "/", environment(), attributes(cl.who, syscall.SIGTERM)
	// initdb removes what it has made when it is asked to end; give it the time.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	runtime.LockOSThread() // see child.run
	out, err := cmd.CombinedOutput()
	runtime.UnlockOSThread()
	if err != nil {
		return "", fmt.Errorf("pgserver: %w: %s: %w: %s", ErrDataDir, strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(out)))
	}
	return password, cl.write(filepath.Join(cl.dir, passwordFile), password)
}

// locale returns the locale of a new cluster: C.UTF-8, which knows the letters
// of all languages and sorts by code point, or C where that does not exist.
func locale(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "locale", "-a").Output()
	if err != nil {
		return "C" // no such program, as in small containers
	}
	for name := range strings.FieldsSeq(string(out)) {
		if strings.EqualFold(name, "C.UTF-8") || strings.EqualFold(name, "C.utf8") {
			return "C.UTF-8"
		}
	}
	return "C"
}

// check returns the password of an existing cluster after making sure that it is
// complete, of the right version, and not in use.
func (cl cluster) check(c Config) (password string, err error) {
	text, err := os.ReadFile(filepath.Join(cl.dir, "PG_VERSION"))
	if err != nil {
		return "", fmt.Errorf("pgserver: %w: %s is not empty and holds no cluster: %w", ErrDataDir, cl.dir, err)
	}
	if v := strings.TrimSpace(string(text)); v != strconv.Itoa(c.Binaries.Major) {
		return "", fmt.Errorf("pgserver: %w: %s belongs to version %s, the binaries in %s are of version %d", ErrMajor, cl.dir, v, c.Binaries.Dir, c.Binaries.Major)
	}
	text, err = os.ReadFile(filepath.Join(cl.dir, passwordFile))
	switch {
	case c.Password != "":
		password = c.Password
	case err != nil:
		return "", fmt.Errorf("pgserver: %w: initialisation of %s did not finish, or something else made it: %w", ErrDataDir, cl.dir, err)
	default:
		password = strings.TrimSuffix(string(text), "\n")
	}
	return password, cl.clearPID()
}

// clearPID fails with [ErrRunning] if the process named in postmaster.pid serves
// this folder. If that number belongs to another process by now, which is
// usual in containers, it removes the file, since postgres would not dare to.
func (cl cluster) clearPID() error {
	path := filepath.Join(cl.dir, "postmaster.pid")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pgserver: %w: %w", ErrDataDir, err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 0 {
		return fmt.Errorf("pgserver: %w: %s starts with %q, want a process number", ErrDataDir, path, first)
	}
	if serves(pid, cl.dir) {
		return fmt.Errorf("pgserver: %w: process %d on %s", ErrRunning, pid, cl.dir)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("pgserver: %w: %w", ErrDataDir, err)
	}
	return nil
}

// configure writes the settings and makes the server read them.
func (cl cluster) configure(settings map[string]string) error {
	if err := cl.write(filepath.Join(cl.dir, includedFile), settingsFile(settings)); err != nil {
		return err
	}
	main := filepath.Join(cl.dir, "postgresql.conf")
	text, err := os.ReadFile(main)
	if err != nil {
		return fmt.Errorf("pgserver: %w: %w", ErrDataDir, err)
	}
	include := "include '" + includedFile + "'\n"
	if strings.Contains(string(text), include) {
		return nil
	}
	return cl.write(main, string(text)+include)
}

// write replaces a file, which afterwards only the server's user can read.
func (cl cluster) write(path, text string) error {
	next := path + ".new"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return fmt.Errorf("pgserver: %w: %w", ErrDataDir, err)
	}
	if err := cl.who.own(next); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("pgserver: %w: %w", ErrDataDir, err)
	}
	return nil
}
