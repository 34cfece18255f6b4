// Package doctor examines a database, the worker beside it and the ways between
// them, and says what to do about what it finds.
//
// It changes nothing: where only an attempt tells, it is rolled back. Every check
// has a time limit, so an examination ends also when a part of the system hangs.
package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Level says how bad a finding is.
type Level int

// Levels, from good to bad.
const (
	OK   Level = iota
	Warn       // works, but not everything, or not for long
	Fail       // does not work
)

// String is ok, warn or FAIL.
func (l Level) String() string {
	switch l {
	case OK:
		return "ok"
	case Warn:
		return "warn"
	default:
		return "FAIL"
	}
}

// A Finding is the result of one check.
type Finding struct {
	Level Level
	What  string // what was found, with the values
	Fix   string // what to do about it; empty if nothing is wrong
}

// String is one line.
func (f Finding) String() string {
	line := fmt.Sprintf("%-4s  %s", f.Level, oneLine(f.What))
	if f.Fix != "" {
		line += "; " + oneLine(f.Fix)
	}
	return line
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func good(format string, args ...any) Finding {
	return Finding{Level: OK, What: fmt.Sprintf(format, args...)}
}

// Config says what to examine.
type Config struct {
	// DatabaseURL is the database, as any login; more can be examined as a superuser. Required.
	DatabaseURL string

	// Listen is where the worker listens, seen from here, in the form of
	// worker.ParseAddress. Defaults to the address in the database's foreign server.
	Listen string

	// Version is that of the functions this program would install. Required.
	Version string

	// Brief leaves out what is slow or does not change by itself: for health checks
	// every few seconds. Defaults to false.
	Brief bool

	// Timeout bounds each check. Defaults to 10 s.
	Timeout time.Duration
}

// Run examines, and returns the findings in order. If the database cannot be reached,
// only what does not need it is examined.
func Run(ctx context.Context, config Config) []Finding {
	if config.Timeout == 0 {
		config.Timeout = 10 * time.Second
	}
	p := &patient{config: config}
	findings := p.examine(ctx, check{"connection", false, (*patient).connect})
	if p.conn == nil {
		if config.Listen != "" {
			findings = append(findings, p.examine(ctx, check{"worker", false, (*patient).checkWorker})...)
		}
		return findings
	}
	defer p.conn.Close(context.WithoutCancel(ctx))
	for _, c := range checks {
		if !config.Brief || !c.slow {
			findings = append(findings, p.examine(ctx, c)...)
		}
	}
	return findings
}

// Failed reports whether one of the findings is a failure.
func Failed(findings []Finding) bool {
	for _, f := range findings {
		if f.Level == Fail {
			return true
		}
	}
	return false
}

// A check examines one thing. An error means that it could not.
type check struct {
	name string
	slow bool // left out of brief examinations
	run  func(*patient, context.Context) ([]Finding, error)
}

var checks = []check{
	{"version", true, (*patient).checkVersion},
	{"encoding", true, (*patient).checkEncoding},
	{"wal_level", true, (*patient).checkLog},
	{"postgres_fdw", true, (*patient).checkWrapper},
	{"privileges", true, (*patient).checkPrivileges},
	{"installation", false, (*patient).checkInstallation},
	{"the way from the database to the worker", false, (*patient).checkWay},
	{"worker", false, (*patient).checkWorker},
	{"reader logins", true, (*patient).checkReaders},
	{"maintained views", true, (*patient).checkViews},
	{"event triggers", true, (*patient).checkHints},
	{"clock", true, (*patient).checkClock},
	{"disk", true, (*patient).checkDisk},
}

// examine runs one check within its time.
func (p *patient) examine(ctx context.Context, c check) []Finding {
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	findings, err := c.run(p, ctx)
	if err != nil {
		findings = append(findings, Finding{Fail, fmt.Sprintf("%s: the check could not be made: %v", c.name, err), "see the log of PostgreSQL, and run doctor again"})
	}
	return findings
}
