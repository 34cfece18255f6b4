package replication

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/pgserver"
	"github.com/millrace/millrace/internal/pgtest"
)

// privateServer starts a server with settings that the shared one does not have.
func privateServer(t *testing.T, settings map[string]string) *pgserver.Server {
	t.Helper()
	settings["fsync"] = "off"
	s, err := pgserver.Start(t.Context(), pgserver.Config{Binaries: pgtest.Server(t).Binaries(), Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// privateDatabase makes an empty database on a private server.
func privateDatabase(t *testing.T, s *pgserver.Server) string {
	t.Helper()
	name := "test_" + strings.ToLower(rand.Text()[:16])
	pgtest.Exec(t, s.URL(s.Superuser(), s.Password(), "postgres"), "CREATE DATABASE "+name)
	return s.URL(s.Superuser(), s.Password(), name)
}
