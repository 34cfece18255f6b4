package doctor

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/pgtest"
	"github.com/millrace/millrace/worker"
)

// newViewSite is a site with a table, a maintained view on it, and a worker that
// follows it until stop is called.
func newViewSite(t *testing.T) (s site, stop func()) {
	t.Helper()
	s = newSite(t)
	w, err := worker.New(t.Context(), worker.Config{DatabaseURL: s.worker, Listen: s.address.String(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Serve(ctx) }()
	stopped := false
	stop = func() {
		if cancel(); !stopped {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		stopped = true
	}
	t.Cleanup(stop)
	pgtest.Exec(t, s.admin, "GRANT CREATE ON SCHEMA public TO "+s.role)
	pgtest.Exec(t, s.caller, `CREATE TABLE sale (id int PRIMARY KEY, amount int);
		SELECT ml.track('sale'); SELECT ml.create_view('total', 'SELECT sum(amount) FROM sale')`)
	pgtest.Exec(t, s.caller, "SELECT ml.wait('total')")
	return s, stop
}

// TestViews takes from a view, one after the other, what it needs, and gives it back.
func TestViews(t *testing.T) {
	t.Parallel()
	s, stop := newViewSite(t)
	const healthy = "what maintained views need is there; this login sees 1"
	for _, url := range []string{s.admin, s.worker, s.caller} {
		expect(t, run(t, Config{DatabaseURL: url}), OK, healthy)
	}
	worker := loginOf(t, s.worker)
	var publisher string
	conn := pgtest.Connect(t, s.admin)
	if err := conn.QueryRow(t.Context(), "SELECT pubowner::regrole FROM pg_publication").Scan(&publisher); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		take, give string
		level      Level
		what, fix  string
	}{
		{"ALTER ROLE " + worker + " NOREPLICATION", "ALTER ROLE " + worker + " REPLICATION", Fail, "lacks REPLICATION", "ALTER ROLE " + worker + " REPLICATION"},
		{"ALTER PUBLICATION millrace SET (publish = 'insert, update, delete')", "ALTER PUBLICATION millrace SET (publish = 'insert, update, delete, truncate')",
			Fail, "leaves changes out", "publish = 'insert, update, delete, truncate'"},
		{"ALTER PUBLICATION millrace SET (publish_via_partition_root = true)", "ALTER PUBLICATION millrace SET (publish_via_partition_root = false)",
			Fail, "publishes partitions as their root", "publish_via_partition_root = false"},
		{"ALTER PUBLICATION millrace OWNER TO postgres", "ALTER PUBLICATION millrace OWNER TO " + publisher, Warn, "belongs to postgres", "OWNER TO " + publisher},
		{"REVOKE " + publisher + " FROM " + s.role, "GRANT " + publisher + " TO " + s.role, Warn, "cannot make any: " + s.role, "millrace enroll " + s.role},
		{"ALTER PUBLICATION millrace DROP TABLE sale", "ALTER PUBLICATION millrace ADD TABLE sale", Fail, "that are not followed: public.sale", "ml.track('public.sale')"},
		{"CREATE TABLE log (line text); ALTER PUBLICATION millrace ADD TABLE log", "DROP TABLE log", Warn, "refuses UPDATE and DELETE: public.log", "REPLICA IDENTITY FULL"},
	} {
		pgtest.Exec(t, s.admin, tt.take)
		findings := run(t, Config{DatabaseURL: s.admin})
		expect(t, findings, tt.level, tt.what)
		if !strings.Contains(lines(findings), tt.fix) {
			t.Errorf("after %s, the fix lacks %q:\n%s", tt.take, tt.fix, lines(findings))
		}
		pgtest.Exec(t, s.admin, tt.give)
	}
	expect(t, run(t, Config{DatabaseURL: s.worker}), OK, healthy)
	if pgtest.Server(t).Major() >= 15 {
		pgtest.Exec(t, s.admin, "CREATE TABLE part (id int PRIMARY KEY); ALTER PUBLICATION millrace ADD TABLE part WHERE (id > 1)")
		expect(t, run(t, Config{DatabaseURL: s.admin}), Fail, "row filters or lists of columns, for public.part")
		pgtest.Exec(t, s.admin, "DROP TABLE part")
	}
	pgtest.Exec(t, s.caller, "DROP VIEW total_definition")
	expect(t, run(t, Config{DatabaseURL: s.caller}), Warn, "view public.total is orphaned")
	stop()
	expect(t, run(t, Config{DatabaseURL: s.admin}), Fail, "has no reader, so views are not followed")
	pgtest.Exec(t, s.admin, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database(); DROP PUBLICATION millrace")
	findings := run(t, Config{DatabaseURL: s.admin})
	expect(t, findings, Fail, "there are 1 maintained views and no replication slot")
	expect(t, findings, Fail, "the publication millrace is missing")
}

func loginOf(t *testing.T, address string) string {
	t.Helper()
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	return config.User
}

// TestSlot has slots that no test can bring about quickly, and those that it can.
func TestSlot(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		slot  slot
		views int
		want  Level
		text  string
	}{
		{"Healthy", slot{Active: true, Status: "reserved", Retained: 1 << 20}, 1, OK, ""},
		{"ExtendedButNotFar", slot{Active: true, Status: "extended", Retained: farBehind}, 1, OK, ""},
		{"FarBehind", slot{Active: true, Status: "extended", Retained: farBehind + 1}, 1, Warn, "4.0 GiB of log are kept"},
		{"NoReader", slot{Status: "reserved"}, 2, Fail, "has no reader, so views are not followed"},
		{"NoReaderNoViews", slot{Status: "reserved"}, 0, Warn, "pg_drop_replication_slot('millrace_7')"},
		{"AboutToBeLost", slot{Active: true, Status: "unreserved"}, 1, Warn, "max_slot_wal_keep_size"},
		{"Lost", slot{Status: "lost"}, 1, Fail, "start millrace serve"},
		{"LostAndReplaced", slot{Active: true, Status: "lost"}, 1, Warn, "wait until"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.slot.Name = "millrace_7"
			findings := tt.slot.findings(&viewFacts{Views: tt.views})
			switch {
			case tt.want == OK:
				if len(findings) != 0 {
					t.Errorf("findings %v", findings)
				}
			case len(findings) != 1 || findings[0].Level != tt.want || !strings.Contains(findings[0].String(), tt.text) || findings[0].Fix == "":
				t.Errorf("findings %v, want %v with %q", findings, tt.want, tt.text)
			}
		})
	}
}

// TestViewPrivileges has the provider's role in the place of the attribute.
func TestViewPrivileges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		facts viewFacts
		want  Level
		fix   string
	}{
		{"Attribute", viewFacts{Worker: "w", Logical: true}, Warn, "ALTER ROLE w REPLICATION"},
		{"AttributeWithViews", viewFacts{Worker: "w", Logical: true, Views: 1}, Fail, "ALTER ROLE w REPLICATION"},
		{"Role", viewFacts{Worker: "w", Logical: true, RoleOfCloud: "rds_replication"}, Warn, "GRANT rds_replication TO w"},
		{"NoWorker", viewFacts{Replicates: true, Logical: true}, Warn, "run millrace install"},
		{"NoLog", viewFacts{Worker: "w", Replicates: true, Views: 1}, Fail, "wal_level = 'logical'"},
	} {
		findings := tt.facts.privileges()
		if len(findings) != 1 || findings[0].Level != tt.want || !strings.Contains(findings[0].Fix, tt.fix) {
			t.Errorf("%s: findings %v, want %v with %q", tt.name, findings, tt.want, tt.fix)
		}
	}
	if findings := (&viewFacts{Worker: "w", Replicates: true}).privileges(); len(findings) != 0 {
		t.Errorf("a log that is not logical is no matter without views: %v", findings)
	}
}
