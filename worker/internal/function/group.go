package function

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/algorithms/parallel"
	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

// group is the rows that have the same values in the group columns.
type group struct {
	keys    []key
	rows    []int // complete rows, ascending
	skipped int64 // rows left out because of NULL
}

// groups splits rows by the group columns. Rows with NULL in another used
// column are counted in their group; rows with NULL in a group column belong
// to no group and are counted apart. Groups come in the order of their keys.
func (d Data) groups(by, used []int) (list []group, ungrouped int64) {
	index := map[string]int{}
	var label strings.Builder
rows:
	for row := range d.rows() {
		label.Reset()
		for _, c := range by {
			if d.Record.Column(c).IsNull(row) {
				ungrouped++
				continue rows
			}
			k := d.key(c, row).String()
			label.WriteString(k)
			label.WriteByte(0)
		}
		at, ok := index[label.String()]
		if !ok {
			at = len(list)
			index[label.String()] = at
			list = append(list, group{keys: d.keys(by, row)})
		}
		if slices.ContainsFunc(used, func(c int) bool { return d.Record.Column(c).IsNull(row) }) {
			list[at].skipped++
			continue
		}
		list[at].rows = append(list[at].rows, row)
	}
	slices.SortFunc(list, func(a, b group) int { return slices.CompareFunc(a.keys, b.keys, compareKeys) })
	if len(by) == 0 && len(list) == 0 {
		list = []group{{}} // no rows are one empty group, as for an aggregate without GROUP BY
	}
	return list, ungrouped
}

func (d Data) keys(columns []int, row int) []key {
	keys := make([]key, len(columns))
	for i, c := range columns {
		keys[i] = d.key(c, row)
	}
	return keys
}

// eachGroup runs fit for every group, side by side when there are many. fit is
// told how many workers it may use. Only the context's error ends the loop: fit
// keeps a group's own error. A panic in fit is one here, in the goroutine that
// turns it into this call's error.
func eachGroup(ctx context.Context, groups []group, env Env, fit func(ctx context.Context, i, workers int)) error {
	side, inside := split(len(groups), env)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(side)
	for i := range groups {
		work.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if p := parallel.Catch(func() { fit(ctx, i, inside) }); p != nil {
				return p
			}
			if len(groups) > 1 {
				env.Progress("fitting groups", int64(i+1), int64(len(groups)))
			}
			return ctx.Err()
		})
	}
	err := work.Wait()
	if p, ok := errors.AsType[*parallel.Panic](err); ok {
		p.Throw()
	}
	return err
}

// split divides the workers: how many groups are fitted side by side, and how many
// workers each may use.
func split(groups int, env Env) (side, inside int) {
	workers := env.cores()
	side = max(1, min(groups, workers))
	return side, max(1, workers/side)
}

// columnName names a result column after an expression: the column's own name,
// or the text, cut to PostgreSQL's 63 bytes.
func columnName(expression string) string {
	if e, err := pushdown.ParseExpression(expression); err == nil {
		if name, ok := e.Column(); ok {
			return name
		}
	}
	name := strings.TrimSpace(expression)
	for len(name) > 63 {
		_, size := lastRune(name)
		name = name[:len(name)-size]
	}
	return name
}

// checkNames refuses group and kept columns that would collide with each other
// or with the result's own columns.
func checkNames(own []string, columns []Column, role string) error {
	taken := slices.Clone(own)
	for _, c := range columns {
		if c.Role != role {
			continue
		}
		name := columnName(c.Expression)
		if slices.Contains(taken, name) {
			return fault.New(fault.Parameter, "the result would have two columns called %q", name).
				WithHint("Write the %s column as an expression, for example (%s).", role, c.Expression)
		}
		taken = append(taken, name)
	}
	return nil
}

// groupColumns returns the leading columns of a result table, one row per entry
// of of: the index of the row's group.
func (d Data) groupColumns(input int, by []int, groups []group, of []int) []ResultColumn {
	columns := make([]ResultColumn, len(by))
	for i, c := range by {
		values := make(Texts, len(of))
		for row, g := range of {
			values[row] = groups[g].keys[i].pointer()
		}
		columns[i] = ResultColumn{Name: columnName(d.Columns[c].Expression), Of: &TypeOf{Input: input, Column: c}, Values: values}
	}
	return columns
}

// cancelled reports the context's end, which is never a group's own error.
func cancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
