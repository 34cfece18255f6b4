package pgserver

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// identity is the system user that runs a server.
type identity struct {
	uid, gid uint32
	changes  bool // the user is another one than that of this process
}

// defaultUser returns who runs a server by default: this process's user, unless
// that is root; then postgres, nobody, or the first ordinary user of the machine.
// The user must have an entry in the user database, because initdb asks for it.
func defaultUser() (identity, error) {
	if os.Geteuid() != 0 {
		return identity{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if who, err := lookupUser(name); err == nil {
			return who, nil
		}
	}
	return firstUser("/etc/passwd")
}

// lookupUser returns a named user. Errors: [ErrUser].
func lookupUser(name string) (identity, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return identity{}, fmt.Errorf("pgserver: %w: %w", ErrUser, err)
	}
	return parseUser(u.Uid, u.Gid)
}

// parseUser turns the numbers of a user, as text, into an identity other than root.
func parseUser(uid, gid string) (identity, error) {
	u, err := strconv.ParseUint(uid, 10, 32)
	if err != nil {
		return identity{}, fmt.Errorf("pgserver: %w: %w", ErrUser, err)
	}
	g, err := strconv.ParseUint(gid, 10, 32)
	if err != nil {
		return identity{}, fmt.Errorf("pgserver: %w: %w", ErrUser, err)
	}
	if u == 0 {
		return identity{}, fmt.Errorf("pgserver: %w: user 0 is root", ErrUser)
	}
	return identity{uid: uint32(u), gid: uint32(g), changes: int(u) != os.Geteuid()}, nil
}

// firstUser returns the first user other than root in a file of the form of
// /etc/passwd: name:password:uid:gid:…
func firstUser(path string) (identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return identity{}, fmt.Errorf("pgserver: %w: %w", ErrUser, err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if field := strings.Split(lines.Text(), ":"); len(field) >= 4 {
			if who, err := parseUser(field[2], field[3]); err == nil {
				return who, nil
			}
		}
	}
	return identity{}, fmt.Errorf("pgserver: %w: %s names no user other than root", ErrUser, path)
}

// owner returns the owner of a folder if this process is root and the owner is not:
// a cluster can only be served by the user who owns it.
func owner(dir string) (identity, bool) {
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return identity{}, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 {
		return identity{}, false
	}
	return identity{uid: st.Uid, gid: st.Gid, changes: true}, true
}

// own gives a file or an empty folder to the user.
func (who identity) own(path string) error {
	if !who.changes {
		return nil
	}
	if err := os.Chown(path, int(who.uid), int(who.gid)); err != nil {
		return fmt.Errorf("pgserver: %w: %w", ErrUser, err)
	}
	return nil
}

// reach returns [ErrUser] with the first folder above path that the user may not
// enter. Only the mode bits are looked at; the server itself has the last word.
func (who identity) reach(path string) error {
	if !who.changes {
		return nil
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("pgserver: %w: %w", ErrUser, err)
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("pgserver: %w: %w", ErrUser, err)
		}
		if !who.mayEnter(info) {
			return fmt.Errorf("pgserver: %w: user %d cannot enter %s (mode %v), which is above %s", ErrUser, who.uid, dir, info.Mode().Perm(), path)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// mayEnter reports whether the mode bits of a folder let the user pass through it.
func (who identity) mayEnter(info fs.FileInfo) bool {
	mode := info.Mode().Perm()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		switch {
		case st.Uid == who.uid:
			return mode&0o100 != 0
		case st.Gid == who.gid:
			return mode&0o010 != 0
		}
	}
	return mode&0o001 != 0
}
