package milltest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Client is a session in which a failing statement fails the test.
type Client struct {
	*pgx.Conn
	t testing.TB
}

// Open connects; the session ends with the test.
func Open(t testing.TB, url string) *Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = conn.Close(ctx) // some tests have it ended by others
	})
	return &Client{conn, t}
}

// Try runs statements and returns their error.
func (c *Client) Try(sql string) error {
	_, err := c.PgConn().Exec(c.t.Context(), sql).ReadAll()
	return err
}

// Run runs statements that must succeed.
func (c *Client) Run(sql string) {
	c.t.Helper()
	if err := c.Try(sql); err != nil {
		c.t.Fatalf("%s: %v", short(sql), told(err))
	}
}

// Text returns the one value of a query as text; NULL and no row are "NULL".
func (c *Client) Text(sql string) string {
	c.t.Helper()
	results, err := c.PgConn().Exec(c.t.Context(), sql).ReadAll()
	if err != nil {
		c.t.Fatalf("%s: %v", short(sql), told(err))
	}
	last := results[len(results)-1]
	if len(last.Rows) == 0 || last.Rows[0][0] == nil {
		return "NULL"
	}
	return string(last.Rows[0][0])
}

// Refused runs statements that must fail with a SQLSTATE, and returns the error.
func (c *Client) Refused(code, sql string) *pgconn.PgError {
	c.t.Helper()
	err := c.Try(sql)
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != code {
		c.t.Fatalf("%s: error %v, want SQLSTATE %s", short(sql), told(err), code)
	}
	return e
}

// Until waits until f holds, and fails the test if it does not within a minute.
func Until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !f(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func short(text string) string {
	if len(text) > 300 {
		return text[:300] + "…"
	}
	return text
}

// told adds what pgconn leaves out of an error's text.
func told(err error) string {
	var e *pgconn.PgError
	if err == nil || !errors.As(err, &e) {
		if err == nil {
			return "none"
		}
		return err.Error()
	}
	return err.Error() + " DETAIL: " + e.Detail + " HINT: " + e.Hint
}
