package doctor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/worker"
)

// answerTimeout bounds the worker's first answer; postgres_fdw waits as long.
const answerTimeout = 2 * time.Second

// sslRequest is the code of PostgreSQL's SSLRequest message. Every server answers it
// with one letter, without authentication.
const sslRequest = 80877103

// checkWorker connects to the worker from here.
func (p *patient) checkWorker(ctx context.Context) ([]Finding, error) {
	address, given, err := p.workerAddress(ctx)
	if err != nil {
		return nil, err
	}
	if address.Host == "" {
		return nil, nil // not installed, and no address given
	}
	err = probe(ctx, address)
	if err == nil {
		return []Finding{good("the worker answers at %s", address)}, nil
	}
	level := Fail
	if !given && p.wayTried || errors.Is(err, fs.ErrPermission) {
		level = Warn // the database's view counts, and this one may be obstructed
	}
	return []Finding{{level, fmt.Sprintf("from here, the worker does not answer at %s: %v", address, err), "start millrace serve, or check its --listen"}}, nil
}

// workerAddress returns the given address, or the one in the database.
func (p *patient) workerAddress(ctx context.Context) (a worker.Address, given bool, err error) {
	if p.config.Listen != "" {
		a, err = worker.ParseAddress(p.config.Listen)
		return a, true, err
	}
	var host, port *string
	err = p.conn.QueryRow(ctx, `
		SELECT (SELECT option_value FROM pg_options_to_table(srvoptions) WHERE option_name = 'host'),
			(SELECT option_value FROM pg_options_to_table(srvoptions) WHERE option_name = 'port')
		FROM pg_foreign_server WHERE srvname = 'millrace'`).Scan(&host, &port)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && (host == nil || port == nil) {
		return a, false, nil
	}
	if err != nil {
		return a, false, err
	}
	a = worker.Address{Network: "tcp", Host: *host}
	if strings.HasPrefix(*host, "/") {
		a.Network = "unix"
	}
	a.Port, err = strconv.Atoi(*port)
	return a, false, err
}

// probe asks a server whether it speaks TLS, and is content with either answer.
func probe(ctx context.Context, a worker.Address) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	target := a.SocketFile()
	if a.Network == "tcp" {
		target = net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, a.Network, target)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	question := binary.BigEndian.AppendUint32(nil, 8)
	question = binary.BigEndian.AppendUint32(question, sslRequest)
	if _, err := conn.Write(question); err != nil {
		return err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return fmt.Errorf("it accepts connections and gives no answer: %w", err)
	}
	if answer[0] != 'S' && answer[0] != 'N' {
		return fmt.Errorf("it is no worker: it answers %q", answer)
	}
	return nil
}

// checkWay makes the database ask the worker, as an enrolled role: the whole way of a
// call except for the computing.
func (p *patient) checkWay(ctx context.Context) ([]Finding, error) {
	if !p.installed {
		return nil, nil
	}
	role, enrolled, err := p.caller(ctx)
	switch {
	case err != nil:
		return nil, err
	case enrolled == 0:
		return []Finding{{Warn, "no role is enrolled, so nobody can call the functions of schema ml", "run millrace enroll ROLE"}}, nil
	case role == "":
		return []Finding{{Warn, fmt.Sprintf("%s is not enrolled, so the way from the database to the worker was not tried", p.user),
			"run doctor as an enrolled role or as a superuser"}}, nil
	}
	p.wayTried = true
	err = p.rolledBack(ctx, "SET LOCAL statement_timeout = '5s'", "SET LOCAL ROLE "+pgx.Identifier{role}.Sanitize(), "SELECT count(*) FROM ml.jobs")
	if err == nil {
		return []Finding{good("the database reaches the worker, as role %s", role)}, nil
	}
	return wayFinding(err, role)
}

// caller returns an enrolled role that this login is or can become, itself if it can,
// and the number of enrolled roles.
func (p *patient) caller(ctx context.Context) (role string, enrolled int, err error) {
	privilege := "MEMBER"
	if p.version >= 160000 {
		privilege = "SET"
	}
	err = p.conn.QueryRow(ctx, `
		SELECT count(*), coalesce((array_agg(r.rolname::text ORDER BY r.rolname <> current_user, r.rolsuper, r.rolname)
			FILTER (WHERE r.rolname = current_user OR pg_has_role(r.oid, $1)))[1], '')
		FROM pg_user_mappings AS m JOIN pg_roles AS r ON r.oid = m.umuser
		WHERE m.srvname = 'millrace'`, privilege).Scan(&enrolled, &role)
	return role, enrolled, err
}

// wayFinding says why a call did not arrive.
func wayFinding(err error, role string) ([]Finding, error) {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return nil, err
	}
	what := fmt.Sprintf("a call from the database to the worker fails, as role %s: %s %s", role, e.Message, e.Detail)
	switch {
	case strings.Contains(e.Detail, "authentication"), strings.HasPrefix(e.Code, "28"):
		return []Finding{{Fail, what, "run millrace enroll " + role + "; if that does not help, the worker at this address belongs to another database"}}, nil
	case strings.HasPrefix(e.Code, "08"):
		return []Finding{{Fail, what, "start millrace serve, or run millrace install with the address at which PostgreSQL reaches it"}}, nil
	case e.Code == "57014":
		return []Finding{{Fail, what, "the worker hangs: restart millrace serve"}}, nil
	case e.Hint != "":
		return []Finding{{Fail, what, e.Hint}}, nil
	}
	return []Finding{{Fail, what, "see the logs of PostgreSQL and of the worker"}}, nil
}
