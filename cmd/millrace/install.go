package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/millrace/millrace/ext"
	"github.com/millrace/millrace/worker"
)

// installation is what `millrace install` is told.
type installation struct {
	settings     settings
	host         string
	port         int
	sslMode      string
	role         string
	madlib       bool
	reset        bool
	passwordFile string
}

func installCommand() *cobra.Command {
	var in installation
	cmd := &cobra.Command{
		Use:   "install --database-url URL (--listen ADDRESS | --worker-host HOST)",
		Short: "Install Millrace in a database, or bring it up to date",
		Long: `Install Millrace in a database, or bring it up to date.

It makes the functions of schema ml, the foreign server through which they reach the
worker, and the worker's login, whose address it prints for millrace serve. The password
is printed once, when the login is new. Roles call the functions after millrace enroll.

The worker's address is the one that PostgreSQL sees: --listen takes the same text as
millrace serve; --worker-host is for a worker that PostgreSQL reaches by another name.`,
		Example: `  millrace install --database-url postgres://postgres@localhost/app --listen 'unix:/run/millrace?port=6432'
  millrace install --database-url postgres://postgres@db/app --worker-host worker --worker-password-file /run/secrets/worker`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return in.run(cmd) },
	}
	addSettings(cmd, &in.settings, "database-url", "listen")
	f := cmd.Flags()
	f.Lookup("database-url").Usage = "`URL` of the database, as a superuser or, from PostgreSQL 16 on, a role with CREATEROLE (MILLRACE_DATABASE_URL)"
	f.StringVar(&in.host, "worker-host", "", "`HOST` of the worker, or the folder of its socket")
	f.IntVar(&in.port, "worker-port", 6432, "its port")
	f.StringVar(&in.sslMode, "worker-sslmode", "", "libpq's sslmode for the way to it (default require for hosts other than this one)")
	f.StringVar(&in.role, "worker-role", "", "`NAME` of the worker's login (default ml_worker_ and the OID of the database)")
	f.BoolVar(&in.madlib, "madlib", false, "also make schema madlib, with the names and arguments of MADlib 2.1")
	f.BoolVar(&in.reset, "reset-worker-password", false, "give the worker's login a new password")
	f.StringVar(&in.passwordFile, "worker-password-file", "", "`FILE` that holds the worker's password: used if it has one, written (mode 0600) if not; then nothing is printed")
	return cmd
}

func (in *installation) run(cmd *cobra.Command) error {
	options, err := in.options()
	if err != nil {
		return usageError{err: err, command: cmd.CommandPath()}
	}
	return in.settings.asAdmin(cmd, func(ctx context.Context, adminURL string) error {
		made, err := worker.Install(ctx, adminURL, options)
		if err != nil {
			return withHint(err, "%s", adminHint(err))
		}
		if err := in.settlePassword(ctx, adminURL, made); err != nil {
			return err
		}
		return in.tell(cmd.OutOrStdout(), adminURL, made)
	})
}

// options says how PostgreSQL reaches the worker.
func (in *installation) options() (worker.InstallOptions, error) {
	o := worker.InstallOptions{Host: in.host, Port: in.port, SSLMode: in.sslMode, Worker: in.role, Madlib: in.madlib}
	switch listen := in.settings.worker.Listen; {
	case in.host != "":
	case listen == "":
		return o, errors.New("where is the worker? --listen or --worker-host is missing")
	default:
		a, err := worker.ParseAddress(listen)
		if err != nil {
			return o, err
		}
		if ip := net.ParseIP(a.Host); ip != nil && ip.IsUnspecified() {
			return o, fmt.Errorf("PostgreSQL cannot connect to %s: say with --worker-host where it finds the worker", a.Host)
		}
		o.Host, o.Port = a.Host, a.Port
	}
	if o.Port < 1 || o.Port > 65535 {
		return o, fmt.Errorf("port of the worker is %d, and must be 1 to 65535", o.Port)
	}
	if o.SSLMode == "" && !isLocal(o.Host) {
		o.SSLMode = "require"
	}
	return o, nil
}

// isLocal reports whether a connection to the host stays on its machine.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback()
}

// settlePassword makes the login's password and the password file agree.
func (in *installation) settlePassword(ctx context.Context, adminURL string, made *worker.Installation) error {
	if in.passwordFile != "" && !in.reset {
		text, err := os.ReadFile(in.passwordFile)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("--worker-password-file: %w", err)
		}
		if password := strings.TrimSpace(string(text)); password != "" {
			made.WorkerPassword = password
			return worker.SetWorkerPassword(ctx, adminURL, made.Worker, password)
		}
	}
	if made.WorkerPassword == "" && (in.reset || in.passwordFile != "") {
		var err error
		if made.WorkerPassword, err = worker.ResetWorkerPassword(ctx, adminURL, made.Worker); err != nil {
			return withHint(err, "%s", adminHint(err))
		}
	}
	if in.passwordFile == "" {
		return nil
	}
	return writeSecret(in.passwordFile, made.WorkerPassword)
}

// tell prints what an administrator does next.
func (in *installation) tell(w io.Writer, adminURL string, made *worker.Installation) error {
	password := made.WorkerPassword
	if in.passwordFile != "" {
		password = ""
	}
	address, err := loginURL(adminURL, made.Worker, password)
	if err != nil {
		return err
	}
	lines := []string{
		"functions " + ext.Version() + " are installed",
		"worker login: " + made.Worker,
		"worker URL:   " + address,
	}
	switch {
	case in.passwordFile != "":
		lines = append(lines, "its password is in "+in.passwordFile)
	case password == "":
		lines = append(lines, "its password is the one printed before; --reset-worker-password makes a new one")
	default:
		lines = append(lines, "its password is shown only now")
	}
	if made.MadlibSkipped {
		lines = append(lines, "warning: a schema madlib that is not Millrace's is in the way; it was left alone")
	}
	if len(made.Unwritten) > 0 {
		lines = append(lines, "warning: superusers own maintained views, which nobody writes then: "+strings.Join(made.Unwritten, ", ")+
			"; give each, and its plain view, to an enrolled role with ALTER TABLE … OWNER TO and ALTER VIEW … OWNER TO, and run millrace install again")
	}
	_, err = fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// loginURL is the administrator's address with another login.
func loginURL(adminURL, login, password string) (string, error) {
	c, err := pgx.ParseConfig(adminURL)
	if err != nil {
		return "", err
	}
	u := url.URL{Scheme: "postgres", User: url.User(login), Path: "/" + c.Database}
	if password != "" {
		u.User = url.UserPassword(login, password)
	}
	query := url.Values{}
	if isURL(adminURL) {
		given, err := url.Parse(adminURL)
		if err != nil {
			return "", errors.New("--database-url is not a URL") // the cause may quote a secret
		}
		query = given.Query()
		for _, name := range []string{"user", "password", "dbname", "database", "host", "port"} {
			query.Del(name)
		}
	}
	port := strconv.Itoa(int(c.Port))
	if strings.HasPrefix(c.Host, "/") {
		query.Set("host", c.Host)
		query.Set("port", port)
	} else {
		u.Host = net.JoinHostPort(c.Host, port)
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// adminHint says what an administrator's command needs, if that is what was missing.
func adminHint(err error) string {
	e, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ok && e.Code == "42501":
		return "connect as a superuser; from PostgreSQL 16 on a role with CREATEROLE, CREATE on the database and USAGE on postgres_fdw will do; millrace doctor lists what is missing"
	case ok && e.Code == "2BP01":
		return "objects of your own use functions of schema ml, which are replaced; drop them and make them again afterwards"
	}
	return hintOf(err)
}

// enrollHint is adminHint for the case that there is nothing to enroll with.
func enrollHint(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && (e.Code == "42704" || e.Code == "42P01" || e.Code == "3F000") {
		return "run millrace install first"
	}
	return adminHint(err)
}
