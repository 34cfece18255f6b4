package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/millrace/millrace/internal/supervise"
	"github.com/millrace/millrace/worker"
)

// settings are all that `millrace serve` can be told.
type settings struct {
	worker       worker.Config
	supervisor   supervise.Config
	passwordFile string
	logLevel     level
}

// A setting is one flag and one environment variable of `millrace serve`, and one
// field of its configuration. The table below is the only place where they meet.
type setting struct {
	flag     string // also the name of the variable, in upper case behind MILLRACE_
	usage    string
	fallback string // what the zero value means: the configuration's own default
	value    func(*settings) any
}

// variable is the setting's environment variable.
func (s setting) variable() string {
	return "MILLRACE_" + strings.ToUpper(strings.ReplaceAll(s.flag, "-", "_"))
}

// serveSettings is the table. Durations, numbers and sizes that are zero mean the
// default, which worker.Config and supervise.Config state with the same words; a test
// compares them.
var serveSettings = []setting{
	{"database-url", "`URL` of the database that Millrace is installed in, as the login that install made", "",
		func(s *settings) any { return &s.worker.DatabaseURL }},
	{"database-password-file", "`FILE` with the password for --database-url", "",
		func(s *settings) any { return &s.passwordFile }},
	{"listen", "`ADDRESS` where PostgreSQL reaches the worker: unix:/folder?port=6432 or tcp://host:port", "",
		func(s *settings) any { return &s.worker.Listen }},
	{"tls-cert", "PEM `FILE` of the certificate for TCP", "a certificate that is made at each start",
		func(s *settings) any { return &s.worker.TLSCert }},
	{"tls-key", "PEM `FILE` of its key", "",
		func(s *settings) any { return &s.worker.TLSKey }},
	{"insecure-tcp", "let clients on TCP addresses other than loopback connect without TLS", "false",
		func(s *settings) any { return &s.worker.InsecureTCP }},
	{"max-connections", "sessions of callers at once", "500",
		func(s *settings) any { return &s.worker.MaxConnections }},
	{"calls", "calls that run at once; more of them queue", "4",
		func(s *settings) any { return &s.worker.Calls }},
	{"queue-timeout", "wait in that queue before the caller gets an error", "60s",
		func(s *settings) any { return &s.worker.QueueTimeout }},
	{"readers", "reader connections of all calls together", "8",
		func(s *settings) any { return &s.worker.Readers }},
	{"readers-per-call", "reader connections of one call", "the number of processors, at most 4",
		func(s *settings) any { return &s.worker.ReadersPerCall }},
	{"reader-idle", "how long a reader connection is kept for the role's next call", "60s",
		func(s *settings) any { return &s.worker.ReaderIdle }},
	{"reader-lock-timeout", "how long a reader waits for a lock before the caller's session reads for itself", "30s",
		func(s *settings) any { return &s.worker.ReaderLockTimeout }},
	{"workers", "goroutines that compute for one call", "0: all processors that GOMAXPROCS allows",
		func(s *settings) any { return &s.worker.Workers }},
	{"memory-per-call", "bytes of rows that one call holds, for example 512MiB; -1 for no bound", "2GiB",
		func(s *settings) any { return (*size)(&s.worker.MemoryPerCall) }},
	{"memory-total", "bytes of rows that all calls hold; -1 for no bound", "4GiB",
		func(s *settings) any { return (*size)(&s.worker.MemoryTotal) }},
	{"upload-per-call", "bytes that a session ships for one call; -1 for no bound", "2GiB",
		func(s *settings) any { return (*size)(&s.worker.UploadPerCall) }},
	{"state-dir", "`FOLDER` for checkpoints of the maintained views", "none: the views' tables are read again at each start",
		func(s *settings) any { return &s.worker.StateDir }},
	{"checkpoint", "time between checkpoints while rows change", "30s",
		func(s *settings) any { return &s.worker.Checkpoint }},
	{"memory-views", "bytes of state of all maintained views; -1 for no bound", "4GiB",
		func(s *settings) any { return (*size)(&s.worker.MemoryViews) }},
	{"view-lock-timeout", "how long a maintained view's table may be locked by others before the view falls behind", "1s",
		func(s *settings) any { return &s.worker.ViewLockTimeout }},
	{"retained-wal", "bytes of log that the server keeps for the maintained views, before they are built anew; -1 for no bound", "64GiB",
		func(s *settings) any { return (*size)(&s.worker.RetainedWAL) }},
	{"audit", "time between two comparisons of a maintained view with its query, one view after the other; -1ns for none", "10m",
		func(s *settings) any { return &s.worker.Audit }},
	{"heartbeat-timeout", "silence after which a worker process is killed and started again", "2s",
		func(s *settings) any { return &s.supervisor.HeartbeatTimeout }},
	{"start-timeout", "time that a worker process may take until it is ready", "30s",
		func(s *settings) any { return &s.supervisor.StartTimeout }},
	{"stop-timeout", "time that a worker process may take to stop before it is killed", "20s",
		func(s *settings) any { return &s.supervisor.StopTimeout }},
	{"tries", "failures in a row after which serve gives up", "8",
		func(s *settings) any { return &s.supervisor.Tries }},
	{"log-level", "what to write to standard error: debug, info, warn or error", "info",
		func(s *settings) any { return &s.logLevel }},
}

// addSettings gives a command the flags of the settings with these names, or of all.
func addSettings(cmd *cobra.Command, s *settings, names ...string) {
	for _, set := range serveSettings {
		if len(names) > 0 && !slices.Contains(names, set.flag) {
			continue
		}
		set.add(cmd.Flags(), s)
	}
	cmd.Flags().SortFlags = false
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return readEnvironment(cmd) }
}

// add makes the flag.
func (s setting) add(flags *pflag.FlagSet, to *settings) {
	usage := fmt.Sprintf("%s (%s)", s.usage, s.variable())
	switch v := s.value(to).(type) {
	case *string:
		flags.StringVar(v, s.flag, "", usage)
	case *bool:
		flags.BoolVar(v, s.flag, false, usage)
	case *int:
		flags.IntVar(v, s.flag, 0, usage)
	case *time.Duration:
		flags.DurationVar(v, s.flag, 0, usage)
	case pflag.Value:
		flags.Var(v, s.flag, usage)
	default:
		panic(fmt.Sprintf("setting %s has type %T", s.flag, v)) // the table is wrong
	}
	flags.Lookup(s.flag).DefValue = s.fallback
}

// readEnvironment sets the flags that the command line does not from their
// environment variables. An empty variable counts as one that is not set.
func readEnvironment(cmd *cobra.Command) error {
	for _, s := range serveSettings {
		flag := cmd.Flags().Lookup(s.flag)
		text := os.Getenv(s.variable())
		if flag == nil || flag.Changed || text == "" {
			continue
		}
		if err := cmd.Flags().Set(s.flag, text); err != nil {
			return usageError{err: fmt.Errorf("%s: %w", s.variable(), err), command: cmd.CommandPath()}
		}
	}
	return nil
}

// environ writes the settings as environment variables, for a process that reads
// them with readEnvironment. Secrets are safer there than on a command line.
func (s *settings) environ() []string {
	out := make([]string, len(serveSettings))
	for i, set := range serveSettings {
		out[i] = set.variable() + "=" + set.text(s)
	}
	return out
}

// text is the setting's value as its flag reads it.
func (s setting) text(of *settings) string {
	switch v := s.value(of).(type) {
	case *string:
		return *v
	case *bool:
		return strconv.FormatBool(*v)
	case *int:
		return strconv.Itoa(*v)
	case *time.Duration:
		return v.String()
	case pflag.Value:
		return v.String()
	default:
		panic(fmt.Sprintf("setting %s has type %T", s.flag, v)) // the table is wrong
	}
}
