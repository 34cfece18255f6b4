package worker_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

// TestUploadLimit ends a call whose session ships more than it may.
func TestUploadLimit(t *testing.T) {
	t.Parallel()
	e := milltest.Start(t, func(c *worker.Config) { c.UploadPerCall = 1 << 20 })
	_, url := e.Role(t, "uploader")
	conn := pgtest.Connect(t, url)
	mustExec(t, conn, "CREATE TABLE t AS SELECT i AS x, i * 2 AS y FROM generate_series(1, 100000) i")
	mustExec(t, conn, "SELECT ml.linear_regression('t', 'y', '{x}', 'm')") // the readers are not bound by it
	mustExec(t, conn, "BEGIN; SAVEPOINT s")
	_, err := conn.Exec(t.Context(), "SELECT ml.linear_regression('t', 'y', '{x}', 'm2')")
	if err == nil || !strings.Contains(err.Error(), "54000") || !strings.Contains(err.Error(), "upload_per_call") {
		t.Errorf("error %v, want 54000 that names upload_per_call", err)
	}
	mustExec(t, conn, "ROLLBACK")
	mustExec(t, conn, "SELECT ml.linear_regression('t', 'y', '{x}', 'm3')")
}
