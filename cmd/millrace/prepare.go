package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/ext"
	"github.com/millrace/millrace/worker"
)

// prepare makes what is missing on a private server: the owner's role and database,
// Millrace in it, the enrolled roles. What is there stays as it is, so that a
// folder can be started again and again.
func (p *private) prepare(ctx context.Context) error {
	listen, err := p.listenAddress()
	if err != nil {
		return err
	}
	p.settings.worker.Listen = listen.String()
	p.settings.worker.StateDir = filepath.Join(p.dir, stateFolder)
	if err := p.prepareOwner(ctx); err != nil {
		return err
	}
	admin := p.superuserURL()
	conn, err := worker.Connect(ctx, admin)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := p.prepareWorker(ctx, conn, listen); err != nil {
		return err
	}
	for _, role := range []string{owner, p.server.Superuser()} {
		var enrolled bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM ml_private.role WHERE name = $1)", role).Scan(&enrolled)
		if err != nil {
			return err
		}
		if enrolled {
			continue
		}
		if err := worker.Enroll(ctx, admin, role, false); err != nil {
			return err
		}
	}
	return nil
}

// prepareOwner makes the ordinary role and its database. The role's password is the
// one in the folder.
func (p *private) prepareOwner(ctx context.Context) error {
	conn, err := worker.Connect(ctx, p.server.URL(p.server.Superuser(), p.server.Password(), "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	path := filepath.Join(p.dir, ownerPasswordFile)
	_, err = os.Stat(path)
	isNew := errors.Is(err, os.ErrNotExist)
	if p.ownerPassword, err = keptSecret(path); err != nil {
		return err
	}
	var role, database bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1), EXISTS (SELECT FROM pg_database WHERE datname = $1)", owner).Scan(&role, &database)
	if err != nil {
		return err
	}
	name := pgx.Identifier{owner}.Sanitize()
	var statements []string
	if !role {
		statements = append(statements, "CREATE ROLE "+name+" LOGIN")
	}
	if !role || isNew {
		// Base 32 letters: no quoting needed.
		statements = append(statements, "ALTER ROLE "+name+" PASSWORD '"+p.ownerPassword+"'")
	}
	if !database {
		statements = append(statements, "CREATE DATABASE "+name+" OWNER "+name)
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("role and database %s: %w", owner, err)
		}
	}
	return nil
}

// prepareWorker installs Millrace, unless this version is installed for this address,
// and finds the worker's login and password.
func (p *private) prepareWorker(ctx context.Context, conn *pgx.Conn, listen worker.Address) error {
	admin, path := p.superuserURL(), filepath.Join(p.dir, workerPasswordFile)
	current, login, err := installed(ctx, conn, listen)
	if err != nil {
		return err
	}
	password := ""
	if !current {
		made, err := worker.Install(ctx, admin, worker.InstallOptions{Host: listen.Host, Port: listen.Port, Worker: login, Madlib: true})
		if err != nil {
			return withHint(err, "%s", adminHint(err))
		}
		login, password = made.Worker, made.WorkerPassword
	}
	_, err = os.Stat(path)
	if password == "" && errors.Is(err, os.ErrNotExist) {
		if password, err = worker.ResetWorkerPassword(ctx, admin, login); err != nil {
			return err
		}
	}
	if password != "" {
		if err := writeSecret(path, password); err != nil {
			return err
		}
	}
	p.settings.worker.DatabaseURL = p.server.SocketURL(login, "", owner)
	p.settings.passwordFile = path
	return nil
}

// installed reports whether this version is installed for the address, and the name
// of the worker's login, which is the default one of `millrace install`.
func installed(ctx context.Context, conn *pgx.Conn, listen worker.Address) (current bool, login string, err error) {
	var installed bool
	err = conn.QueryRow(ctx, `
		SELECT 'ml_worker_' || d.oid, to_regprocedure('ml_private.version()') IS NOT NULL
			AND EXISTS (SELECT FROM pg_roles WHERE rolname = 'ml_worker_' || d.oid)
			AND EXISTS (SELECT FROM pg_foreign_server WHERE srvname = 'millrace' AND srvoptions @> ARRAY['host=' || $1::text, 'port=' || $2::int])
		FROM pg_database AS d WHERE d.datname = current_database()`, listen.Host, listen.Port).Scan(&login, &installed)
	if err != nil || !installed {
		return false, login, err
	}
	var version string
	if err := conn.QueryRow(ctx, "SELECT ml_private.version()").Scan(&version); err != nil {
		return false, login, err
	}
	return version == ext.Version(), login, nil
}
