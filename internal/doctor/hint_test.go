package doctor

import (
	"testing"

	"github.com/millrace/millrace/internal/pgtest"
)

// TestHints takes the event triggers away, piece by piece.
func TestHints(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other, _ := pgtest.Role(t, "other", "SUPERUSER")
	for _, tt := range []struct {
		sql   string
		level Level
		what  string
	}{
		{"", OK, "event triggers tell the worker"},
		{"ALTER EVENT TRIGGER millrace_hint DISABLE", OK, "are disabled: changes of privileges"},
		{"ALTER EVENT TRIGGER millrace_hint ENABLE REPLICA", OK, "are disabled"},
		{"ALTER EVENT TRIGGER millrace_hint ENABLE", OK, "event triggers tell the worker"},
		{"ALTER FUNCTION ml_view.hint OWNER TO " + other, Warn, "belongs to another role"},
		{"ALTER FUNCTION ml_view.hint OWNER TO postgres; DROP EVENT TRIGGER millrace_hint", Warn, "is missing"},
		{"DROP EVENT TRIGGER millrace_hint_drop", OK, "found by comparison, within a second"},
	} {
		pgtest.Exec(t, s.admin, tt.sql)
		for _, url := range []string{s.admin, s.worker, s.caller} {
			expect(t, run(t, Config{DatabaseURL: url}), tt.level, tt.what)
		}
	}
}
