package view

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/worker/internal/dictionary"
)

// base is one physical table that a view reads.
type base struct {
	relation uint32
	root     string       // the partitioned table that it is read through; else its own name
	part     bool         // root is a partitioned table
	attached []keptColumn // all its columns in the log
	key      []int16      // of the replica identity; nil if whole old rows are in the log
	numbers  []int16      // the columns that the view uses
	since    string       // when the log began to be followed
}

// feed finds the physical tables of one table of the plan.
func (p *prepared) feed(ctx context.Context, conn querier, d *dictionary.Dictionary, t plan.Table, views map[uint32]bool) error {
	root, err := d.Relation(t.OID)
	if err != nil {
		return err
	}
	f := &feed{input: t.Input()}
	p.feeds = append(p.feeds, f)
	names := map[int16]string{}
	for _, n := range usedColumns(t) {
		i := slices.IndexFunc(root.Columns, func(c schema.Column) bool { return c.Number == n })
		if i < 0 {
			return fmt.Errorf("view: %s has no column number %d", root.Name, n)
		}
		names[n] = root.Columns[i].Name
	}
	if err := checkReadable(ctx, conn, root, t, names); err != nil {
		return err
	}
	if views[t.OID] {
		p.parents[f] = t.OID
		for _, n := range t.Columns {
			p.names[f] = append(p.names[f], names[n])
		}
		return nil
	}
	members, err := membersOf(ctx, conn, t)
	if err != nil {
		return err
	}
	for _, m := range members {
		s, err := physical(d, m, root, t.Columns, names)
		if err == nil {
			err = sameGeneration(d, m, root, names)
		}
		if err == nil {
			err = s.stamp(ctx, conn)
		}
		if err != nil {
			return err
		}
		p.tables = append(p.tables, s)
		f.members = append(f.members, member{relation: s.relation, numbers: s.numbers})
	}
	return nil
}

// checkReadable asks for the owner's own right to read the columns, or any column if
// rows are only counted, whatever a view in between allows. Of a generated column he
// has to read what it is computed from, too: it is copied on his login.
func checkReadable(ctx context.Context, conn querier, r *schema.Relation, t plan.Table, names map[int16]string) error {
	var may bool
	var denied int16
	err := conn.QueryRow(ctx, `
		SELECT has_any_column_privilege($1::oid, 'SELECT'), coalesce((SELECT n FROM unnest($2::int2[]) AS n WHERE NOT has_column_privilege($1::oid, n, 'SELECT') LIMIT 1), 0)`,
		r.OID, usedColumns(t)).Scan(&may, &denied)
	if err != nil {
		return fmt.Errorf("view: privileges on %s: %w", r.Name, err)
	}
	if denied != 0 {
		return &privilegeError{what: "read column " + names[denied] + " of " + r.Name, from: slices.Contains(t.Columns, denied) && len(t.Generated) > 0}
	}
	if !may {
		return &privilegeError{what: "read table " + r.Name}
	}
	return checkCallable(ctx, conn, r, t.Generated)
}

// privilegeError is what the owner of a view may not do.
type privilegeError struct {
	what string
	from bool // a generated column is computed from it
}

func (e *privilegeError) Error() string {
	text := "the owner of the view may not " + e.what
	if e.from {
		text += ", which a generated column is computed from"
	}
	return text
}

// membership is a physical table, and what the catalog says of it.
type membership struct {
	relation uint32
	kind     string
	logged   bool
	followed bool
	root     string
	part     bool
	carried  bool // the log has its stored generated columns, too: from PostgreSQL 18 on, if the publication says so
}

// membersOf lists the physical tables behind a table of the plan.
func membersOf(ctx context.Context, conn querier, t plan.Table) ([]membership, error) {
	rows, err := conn.Query(ctx, `
		WITH RECURSIVE family(oid) AS (
			SELECT $1::oid UNION SELECT i.inhrelid FROM family AS f JOIN pg_inherits AS i ON i.inhparent = f.oid WHERE $2)
		SELECT c.oid, c.relkind::text, c.relpersistence = 'p', ml_private.followed(c.oid),
			CASE WHEN r.relkind = 'p' THEN format('%I.%I', rn.nspname, r.relname) ELSE format('ONLY %I.%I', n.nspname, c.relname) END, r.relkind = 'p',
			coalesce((SELECT to_jsonb(b) ->> 'pubgencols' = 's' FROM pg_publication AS b WHERE b.pubname = 'millrace'), false)
		FROM family AS f JOIN pg_class AS c ON c.oid = f.oid JOIN pg_namespace AS n ON n.oid = c.relnamespace
		JOIN pg_class AS r ON r.oid = $1 JOIN pg_namespace AS rn ON rn.oid = r.relnamespace
		WHERE c.relkind <> 'p' ORDER BY c.oid`, t.OID, t.Inherit)
	if err != nil {
		return nil, fmt.Errorf("view: members of %s: %w", t.Name, err)
	}
	defer rows.Close()
	var list []membership
	for rows.Next() {
		var m membership
		if err := rows.Scan(&m.relation, &m.kind, &m.logged, &m.followed, &m.root, &m.part, &m.carried); err != nil {
			return nil, fmt.Errorf("view: members of %s: %w", t.Name, err)
		}
		list = append(list, m)
	}
	return list, rows.Err()
}

var errNotFollowed = errors.New("its changes are not followed: its owner runs ml.track")

// physical describes one physical table: its columns by those of the root.
func physical(d *dictionary.Dictionary, m membership, root *schema.Relation, numbers []int16, names map[int16]string) (base, error) {
	r, err := d.Relation(m.relation)
	if err != nil {
		return base{}, err
	}
	if m.kind != "r" || !m.logged {
		return base{}, &plan.Refused{Construct: fmt.Sprintf("%s, which is no ordinary table or is unlogged,", r.Name), Location: -1, Hint: "Its changes are not in the log."}
	}
	if !m.followed {
		return base{}, fmt.Errorf("view: table %s: %w", r.Name, errNotFollowed)
	}
	s := base{relation: m.relation, root: m.root, part: m.part, key: r.Key}
	for _, c := range r.Columns {
		if c.Generated == 0 || c.Generated == 's' && m.carried {
			s.attached = append(s.attached, keptColumn{Number: c.Number, Name: c.Name, Type: c.Type})
		}
	}
	for _, n := range numbers {
		i := slices.IndexFunc(r.Columns, func(c schema.Column) bool { return c.Name == names[n] })
		if i < 0 {
			return base{}, fmt.Errorf("view: %s has no column %s", r.Name, names[n])
		}
		s.numbers = append(s.numbers, r.Columns[i].Number)
	}
	return s, identified(s, r)
}

// refusedTable returns the refusal of a table that a compiled view reads, if there is
// one, or the right that its owner lacks for a generated column. What else may be
// wrong can be of a transaction that has not committed: it is found when the view is
// built.
func refusedTable(ctx context.Context, conn querier, d *dictionary.Dictionary, compiled *plan.View) error {
	p := &prepared{parents: map[*feed]uint32{}, names: map[*feed][]string{}}
	for _, t := range compiled.Tables {
		var refused *plan.Refused
		var denied *privilegeError
		err := p.feed(ctx, conn, d, t, nil)
		if errors.As(err, &refused) || errors.As(err, &denied) && denied.from {
			return err
		}
	}
	return nil
}

// stamp notes what tells the columns, and the span in which they are followed, from
// later ones of the same name.
func (s *base) stamp(ctx context.Context, conn querier) error {
	stamps, since, err := stampsOf(ctx, conn, s.relation)
	for i := range s.attached {
		s.attached[i].Stamp = stamps[s.attached[i].Number]
	}
	s.since = since
	return err
}

func stampsOf(ctx context.Context, q querier, relation uint32) (map[int16]string, string, error) {
	var numbers []int16
	var stamps []string
	var since string
	err := q.QueryRow(ctx, `
		SELECT coalesce(array_agg(attnum), '{}'), coalesce(array_agg(ml_private.column_stamp(attrelid, attnum)), '{}'), ml_private.followed_since($1)
		FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped`, relation).Scan(&numbers, &stamps, &since)
	if err != nil {
		return nil, "", fmt.Errorf("view: columns of table %d: %w", relation, err)
	}
	out := map[int16]string{}
	for i, n := range numbers {
		out[n] = stamps[i]
	}
	return out, since, nil
}

// shapeOf describes what the log does not tell of the tables below a view, to be
// compared with what it was: what they consist of, how they are followed, what the
// view's owner may read, and the rules and functions of the plain views.
func shapeOf(ctx context.Context, conn querier, v *view) (string, error) {
	var roots, tables []uint32
	var used, numbers []int16
	for _, t := range v.plan.Tables {
		roots, used = append(roots, t.OID), append(used, 0)
		for _, n := range usedColumns(t) {
			roots, used = append(roots, t.OID), append(used, n)
		}
	}
	for _, f := range v.feeds {
		for _, m := range f.members {
			for _, n := range m.numbers {
				tables, numbers = append(tables, m.relation), append(numbers, n)
			}
		}
	}
	var shape string
	err := conn.QueryRow(ctx, `
		WITH RECURSIVE family(oid) AS (
			SELECT unnest($1::oid[]) UNION SELECT i.inhrelid FROM family AS f JOIN pg_inherits AS i ON i.inhparent = f.oid),
		plain(oid) AS (SELECT ml_private.plain_views($6))
		SELECT concat_ws('; ',
			(SELECT string_agg(concat_ws(' ', f.oid, c.relreplident, c.relkind, c.relrowsecurity, c.relforcerowsecurity, ml_private.followed_since(f.oid),
					(SELECT string_agg(i.indexrelid::text, ',' ORDER BY i.indexrelid) FROM pg_index AS i WHERE i.indrelid = f.oid AND (i.indisprimary OR i.indisreplident))), ', ' ORDER BY f.oid)
				FROM family AS f JOIN pg_class AS c ON c.oid = f.oid),
			(SELECT string_agg(ml_private.column_stamp(u.t, u.n), ', ' ORDER BY u.t, u.n) FROM unnest($3::oid[], $4::int2[]) AS u(t, n)),
			(SELECT string_agg(CASE WHEN u.n = 0 THEN has_any_column_privilege($5::oid, u.t, 'SELECT') ELSE has_column_privilege($5::oid, u.t, u.n, 'SELECT') END::text, ',' ORDER BY u.t, u.n)
				FROM unnest($1::oid[], $2::int2[]) AS u(t, n)),
			(SELECT string_agg(md5(w.ev_action::text), ' ' ORDER BY w.ev_class) FROM pg_rewrite AS w WHERE w.rulename = '_RETURN' AND w.ev_class IN (SELECT p.oid FROM plain AS p)),
			(SELECT string_agg(DISTINCT concat_ws(' ', p.oid, p.xmin), ', ') FROM pg_rewrite AS w
				JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_proc'::regclass
				JOIN pg_proc AS p ON p.oid = d.refobjid WHERE w.ev_class IN (SELECT p.oid FROM plain AS p)))`,
		roots, used, tables, numbers, v.Owner, v.Definition).Scan(&shape)
	if err != nil {
		return "", fmt.Errorf("view: tables below %s: %w", v.Name, err)
	}
	return shape, nil
}
