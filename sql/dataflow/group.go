package dataflow

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/sql/aggregate"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

var _ Operator = (*Group)(nil)

// Group is GROUP BY with aggregates. Its output has one row per group: the key's
// columns, the results of Aggregates, and those of Remote. However many rows of a group
// a step changes, the group is emitted once.
//
// Without a domain a group exists while it has rows. With one, a second input of rows
// of the key's columns, a group exists while its key is in the domain, whether it has
// rows or not: the one group of aggregates without GROUP BY, or the group of each outer
// row of a correlated subquery. Keys are equal by their types' equality, NULL equals
// NULL; a key is shown in its spelling with the least bytes, of the rows or, if there is
// one, of the domain. The weights of rows are not negative when a step has ended.
//
// A group whose aggregates fail is a row error, of the row of its key's columns, and
// gives no output.
//
// State: the accumulators and the emitted row of each group; the arguments of DISTINCT
// aggregates; all rows' arguments of remote aggregates.
// Cost: O(len(delta)) expected per step and what the accumulators cost; for remote
// aggregates the changed groups' rows are sent, in order of their bytes.
type Group struct {
	groups
	spec         GroupSpec
	calls        []groupCall
	accumulators []aggregate.Accumulator // len(calls) of each group
	distinct     distinctArguments
	rows         *zset.Index // arguments of Remote by key, nil without
	results      []groupResult
	buf          []byte      // of results
	args         []row.Value // reused
	argRow       row.Row     // reused
}

// groupResult is what a step makes of a changed group.
type groupResult struct {
	group      touched
	start, end int // of the emitted row in Group.buf
	exists     bool
	message    string
	remote     int // number of the group in the remote call, -1 for none
}

const groupResultBytes = 80

// Step implements [Operator].
func (g *Group) Step(c *Context, in []*zset.Batch, out *zset.Batch) error {
	for r, w := range in[0].All() {
		g.add(r, w)
	}
	if g.spec.Domain {
		columns := leading(len(g.types))
		for r, w := range in[1].All() {
			g.split(r, columns)
			s, _ := g.touchGroup()
			s.domain += w
			g.spell(columns, w)
		}
	}
	g.results, g.buf = g.results[:0], g.buf[:0]
	for _, t := range g.changed {
		g.native(t)
	}
	answers, failed, err := g.ask(c)
	if err != nil {
		return err
	}
	for _, result := range g.results {
		g.finish(c, result, answers, failed, out)
	}
	if cap(g.buf)+cap(g.results)*groupResultBytes > keptBytes {
		g.results, g.buf = nil, nil
	}
	g.done()
	return nil
}

// leading are the numbers of the first n columns.
func leading(n int) []int {
	columns := make([]int, n)
	for i := range columns {
		columns[i] = i
	}
	return columns
}

// touchGroup is touch; a new group gets its accumulators.
func (g *Group) touchGroup() (*groupState, uint32) {
	s, n, isNew := g.touch()
	if isNew {
		g.start(n)
	}
	return s, n
}

func (g *Group) start(number uint32) {
	if need := int(number) * len(g.calls); need > len(g.accumulators) {
		g.accumulators = append(g.accumulators, make([]aggregate.Accumulator, need-len(g.accumulators))...)
	}
	for i := range g.calls {
		g.of(number)[i] = g.calls[i].start()
	}
}

// of are a group's accumulators.
func (g *Group) of(number uint32) []aggregate.Accumulator {
	n := len(g.calls)
	return g.accumulators[int(number-1)*n : int(number)*n]
}

// add takes w rows r.
func (g *Group) add(r row.Row, w int64) {
	g.split(r, g.spec.Keys)
	s, n := g.touchGroup()
	s.weight += w
	if !g.spec.Domain {
		g.spell(g.spec.Keys, w)
	}
	accumulators := g.of(n)
	for i := range g.calls {
		call := &g.calls[i]
		if call.filter >= 0 && (g.values[call.filter] == nil || !g.values[call.filter].Bool()) {
			continue
		}
		g.args = g.args[:0]
		for _, c := range call.columns {
			g.args = append(g.args, g.values[c])
		}
		if call.distinct {
			g.distinct.add(argument{i, g.key, call.types, g.args}, w, accumulators[i])
		} else {
			accumulators[i].Add(g.args, w)
		}
	}
	if g.rows != nil {
		g.argRow = g.argRow[:0]
		for _, c := range g.spec.RemoteColumns {
			g.argRow = row.Append(g.argRow, g.values[c])
		}
		g.rows.Add(g.key, g.argRow, w)
	}
}

// native computes what a group's row has but for the results of Remote.
func (g *Group) native(t touched) {
	s := &g.states[t.number-1]
	result := groupResult{group: t, start: len(g.buf), exists: s.weight > 0, remote: -1}
	if g.spec.Domain {
		result.exists = s.domain > 0
	}
	if result.exists {
		g.buf = append(g.buf, g.representative(g.keyOf(t))...)
		for _, a := range g.of(t.number) {
			v, err := a.Result()
			if err != nil {
				result.message = err.Error()
				break
			}
			g.buf = row.Append(g.buf, v)
		}
	}
	result.end = len(g.buf)
	g.results = append(g.results, result)
}

// ask lets PostgreSQL compute the remote aggregates of the changed groups.
func (g *Group) ask(c *Context) (answers []row.Row, failed []string, err error) {
	if g.rows == nil {
		return nil, nil, nil
	}
	var batches []*zset.Batch
	empty := -1 // groups without rows share one answer
	for i := range g.results {
		result := &g.results[i]
		if !result.exists || result.message != "" {
			continue
		}
		rows := g.sorted(g.keyOf(result.group))
		if rows.Len() == 0 && empty >= 0 {
			result.remote = empty
			continue
		}
		result.remote = len(batches)
		if rows.Len() == 0 {
			empty = result.remote
		}
		batches = append(batches, rows)
	}
	if len(batches) == 0 {
		return nil, nil, nil
	}
	if c.Remote == nil {
		return nil, nil, fmt.Errorf("dataflow: group: no connection to evaluate %s", strings.Join(g.spec.Remote.Expressions, ", "))
	}
	sent := 0
	for _, b := range batches {
		sent += b.Len()
	}
	c.asks(sent)
	answers, failed, err = c.Remote.Aggregates(c, g.spec.Remote, batches)
	if err != nil {
		return nil, nil, fmt.Errorf("dataflow: group: %w", err)
	}
	if len(answers) != len(batches) || len(failed) != 0 && len(failed) != len(batches) {
		return nil, nil, fmt.Errorf("dataflow: group: %d results and %d messages for %d groups", len(answers), len(failed), len(batches))
	}
	return answers, failed, nil
}

// sorted are the rows of a group for PostgreSQL. Their order decides where SQL leaves
// it open, as in array_agg without ORDER BY; so it is one that depends on the rows only.
func (g *Group) sorted(key []byte) *zset.Batch {
	type counted struct {
		r row.Row
		w int64
	}
	var rows []counted
	for r, w := range g.rows.Rows(key) {
		if w > 0 {
			rows = append(rows, counted{r, w})
		}
	}
	slices.SortFunc(rows, func(a, b counted) int { return bytes.Compare(a.r, b.r) })
	batch := new(zset.Batch)
	for _, r := range rows {
		batch.Add(r.r, r.w)
	}
	return batch
}

// finish emits a group, and forgets it if it is gone.
func (g *Group) finish(c *Context, result groupResult, answers []row.Row, failed []string, out *zset.Batch) {
	var now row.Row
	if result.exists {
		now = append(row.Row(g.argRow[:0]), g.buf[result.start:result.end]...)
		if result.remote >= 0 {
			now = append(now, answers[result.remote]...)
			if len(failed) > 0 {
				result.message = failed[result.remote]
			}
		}
		if now == nil {
			now = row.Row{}
		}
		g.argRow = now
	}
	g.emit(c, result.group, now, result.message, out)
	if g.settle(result.group) {
		clear(g.of(result.group.number))
	}
}
