// Package view keeps the tables of maintained views equal to their queries.
//
// The engine follows one replication slot. A tick takes one or more whole
// transactions from it, changes the stores (what is kept of each table), steps the
// circuits of all views, and writes what changed in one transaction together with
// the position in the log. So readers see whole transactions, all live views at one
// position, and after a crash the stream goes on exactly where the tables are.
//
// A view begins with a first copy of its tables in one snapshot: transactions that
// the snapshot does not see are kept meanwhile and applied to the copy. What the
// view's table holds already, filled by whoever made it, is compared with what the
// circuit gives, and the difference is the first that is written.
//
// No user's code runs as the worker's role: rows are written by a function of the
// view's owner, and copies, comparisons and what PostgreSQL evaluates run on the
// owner's own login.
//
// One goroutine owns all state ([Engine.loop]); others send it closures.
package view
