package pgserver

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
)

// maxSocketPath returns how many bytes the path of a Unix socket may have.
func maxSocketPath() int {
	if runtime.GOOS == "linux" {
		return 107
	}
	return 103
}

// checkSocketDir returns [ErrConfig] if a socket in the folder would have too long a
// path. The longest name is that of the highest port.
func checkSocketDir(dir string) error {
	path := filepath.Join(dir, ".s.PGSQL.65535")
	if len(path) > maxSocketPath() {
		return fmt.Errorf("pgserver: %w: SocketDir: path %s has %d bytes, want at most %d", ErrConfig, path, len(path), maxSocketPath())
	}
	return nil
}

// socketDir makes the folder of the socket, owned by the server's user. A short
// data folder has it inside, so that nothing is left over after a crash; otherwise
// it is in /tmp, and private says that it is to be removed at the end.
func (cl cluster) socketDir(configured string) (dir string, private bool, err error) {
	if configured != "" {
		dir, err := filepath.Abs(configured)
		if err != nil {
			return "", false, fmt.Errorf("pgserver: %w: SocketDir: %w", ErrConfig, err)
		}
		if err := checkSocketDir(dir); err != nil {
			return "", false, err
		}
		return dir, false, cl.makeSocketDir(dir)
	}
	dir = filepath.Join(cl.dir, socketFolder)
	if checkSocketDir(dir) == nil {
		return dir, false, cl.makeSocketDir(dir)
	}
	if dir, err = os.MkdirTemp("/tmp", "millrace-"); err != nil {
		return "", false, fmt.Errorf("pgserver: %w: SocketDir: %w", ErrConfig, err)
	}
	return dir, true, cl.who.own(dir)
}

// makeSocketDir makes a folder that only the server's user may enter, unless it
// exists; then it is left as it is.
func (cl cluster) makeSocketDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	switch {
	case errors.Is(err, os.ErrExist):
		return nil
	case err != nil:
		return fmt.Errorf("pgserver: %w: SocketDir: %w", ErrConfig, err)
	}
	return cl.who.own(dir)
}

// freePort returns a TCP port on 127.0.0.1 that nobody listens on now. Somebody may
// take it before the server does; its caller tries again then.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("pgserver: %w: no free port: %w", ErrStart, err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("pgserver: %w: no free port: %w", ErrStart, err)
	}
	return port, nil
}
