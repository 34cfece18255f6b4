package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// maxClockDifference is how far apart the clocks may be: times in logs, jobs and
// progress are compared by people.
const maxClockDifference = 2 * time.Second

// Free bytes of the data folder below which doctor warns and fails.
const (
	lowSpace  = 2 << 30
	lastSpace = 128 << 20
)

func (p *patient) checkClock(ctx context.Context) ([]Finding, error) {
	var there time.Time
	before := time.Now()
	if err := p.conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&there); err != nil {
		return nil, err
	}
	trip := time.Since(before)
	return []Finding{clockFinding(there.Sub(before.Add(trip/2)), trip)}, nil
}

// clockFinding judges by how much the database's clock is ahead, which is known up to
// half of the time that asking it took.
func clockFinding(ahead, trip time.Duration) Finding {
	if ahead.Abs()-trip/2 <= maxClockDifference {
		return good("the clocks of the database and of this machine agree within %v", max(ahead.Abs(), time.Millisecond).Round(time.Millisecond))
	}
	order := "ahead of"
	if ahead < 0 {
		order = "behind"
	}
	return Finding{Warn, fmt.Sprintf("the clock of the database is %v %s that of this machine", ahead.Abs().Round(time.Millisecond), order), "synchronise both with NTP"}
}

// checkDisk looks at the data folder, if it is on this machine and may be known.
func (p *patient) checkDisk(ctx context.Context) ([]Finding, error) {
	host := p.conn.Config().Host
	if ip := net.ParseIP(host); !strings.HasPrefix(host, "/") && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, nil
	}
	var dir string
	err := p.conn.QueryRow(ctx, "SELECT current_setting('data_directory')").Scan(&dir)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "42501" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return nil, nil // a forwarded port, a container: not on this machine after all
	}
	return []Finding{diskFinding(dir, uint64(st.Bavail)*uint64(st.Bsize))}, nil
}

func diskFinding(dir string, free uint64) Finding {
	f := Finding{Level: OK, What: fmt.Sprintf("%.1f GiB are free for the data folder %s", float64(free)/(1<<30), dir)}
	switch {
	case free < lastSpace:
		f.Level = Fail
	case free < lowSpace:
		f.Level = Warn
	default:
		return f
	}
	f.Fix = "make room, before PostgreSQL stops"
	return f
}
