package worker

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/worker/internal/catalog"
)

// InstallOptions say how the database reaches the worker.
type InstallOptions = catalog.InstallOptions

// Installation is what an installation made.
type Installation = catalog.Installation

// withConn runs f on one connection of an administrator.
func withConn(ctx context.Context, adminURL string, f func(*pgx.Conn) error) error {
	conn, err := catalog.Connect(ctx, adminURL)
	if err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return f(conn)
}

// Install makes, or brings up to date, all that Millrace needs in the database
// at adminURL.
func Install(ctx context.Context, adminURL string, o InstallOptions) (out *Installation, err error) {
	err = withConn(ctx, adminURL, func(conn *pgx.Conn) error {
		out, err = catalog.Install(ctx, conn, o)
		return err
	})
	return out, err
}

// Uninstall removes it again; tables of users stay.
func Uninstall(ctx context.Context, adminURL string) error {
	return withConn(ctx, adminURL, func(conn *pgx.Conn) error { return catalog.Uninstall(ctx, conn) })
}

// Enroll lets a role call the worker. A superuser gets a reader login only if
// asReader says so.
func Enroll(ctx context.Context, adminURL, role string, asReader bool) error {
	return withConn(ctx, adminURL, func(conn *pgx.Conn) error { return catalog.Enroll(ctx, conn, role, asReader) })
}

// Unenroll takes back what [Enroll] gave.
func Unenroll(ctx context.Context, adminURL, role string) error {
	return withConn(ctx, adminURL, func(conn *pgx.Conn) error { return catalog.Unenroll(ctx, conn, role) })
}

// ResetWorkerPassword gives the worker's login a new password and returns it.
func ResetWorkerPassword(ctx context.Context, adminURL, worker string) (password string, err error) {
	err = withConn(ctx, adminURL, func(conn *pgx.Conn) error {
		password, err = catalog.ResetWorkerPassword(ctx, conn, worker)
		return err
	})
	return password, err
}

// SetWorkerPassword gives the worker's login a password of the administrator's.
func SetWorkerPassword(ctx context.Context, adminURL, worker, password string) error {
	return withConn(ctx, adminURL, func(conn *pgx.Conn) error { return catalog.SetWorkerPassword(ctx, conn, worker, password) })
}

// Connect opens a connection of an administrator on which names resolve in
// pg_catalog alone, whatever others have made in schemas of the search_path.
func Connect(ctx context.Context, adminURL string) (*pgx.Conn, error) {
	return catalog.Connect(ctx, adminURL)
}
