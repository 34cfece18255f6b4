package plan_test

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/tree"
)

// damagesPerRule is how often each rule is damaged.
const damagesPerRule = 40

// TestCompileDamaged compiles rules that PostgreSQL would not write: a word or a node of
// real ones is taken away, or another one put in its place. That is an error, or another
// query, and never a panic. Only that a value is of the type that its node names is taken
// for granted, so that expressions of such values may panic when they are compiled.
func TestCompileDamaged(t *testing.T) {
	w := newWorld(t, ddl+refusedDDL)
	queries := slices.Concat(simple, joins, grouping, sets, subqueries, nested)
	for _, q := range refusedQueries {
		queries = append(queries, q.query)
	}
	r := random(t, 90210)
	found := map[string]bool{}
	for _, query := range queries {
		_, _ = w.compile("one", query) // Whether it is maintained, others test.
		rule := w.rule("one")
		w.exec("DROP VIEW one")
		for range damagesPerRule {
			if what := w.compileDamaged(damage(r, rule)); what != "" && !found[what] {
				found[what] = true
				t.Errorf("%s, damaged: %s", query, what)
			}
		}
	}
}

// compileDamaged returns what a panic says and where it was, "" if there was none.
func (w *world) compileDamaged(text string) (what string) {
	defer func() {
		if r := recover(); r != nil {
			at := places(string(debug.Stack()))
			if !strings.HasPrefix(at, "/sql/expr/") && !strings.HasPrefix(at, "/sql/row/") {
				what = fmt.Sprintf("%v\n%s", r, at)
			}
		}
	}()
	if q, err := tree.Read(text); err == nil {
		_, _ = plan.Compile(q, w.catalog)
	}
	return ""
}

// places are the lines of a stack, below the panic, that name our files.
func places(stack string) string {
	_, stack, _ = strings.Cut(stack, "panic(")
	var out []string
	for line := range strings.Lines(stack) {
		if at := strings.Index(line, "/sql/"); strings.HasPrefix(line, "\t") && at >= 0 && !strings.Contains(line, "_test.go") && len(out) < 4 {
			place, _, _ := strings.Cut(line[at:], " +")
			out = append(out, place)
		}
	}
	return strings.Join(out, "\n")
}

// rule is the text of a view's rule.
func (w *world) rule(name string) (action string) {
	w.t.Helper()
	const sql = "SELECT ev_action::text FROM pg_rewrite WHERE ev_class = $1::regclass AND rulename = '_RETURN'"
	if err := w.conn.QueryRow(w.t.Context(), sql, name).Scan(&action); err != nil {
		w.t.Fatal(err)
	}
	return action
}

// damage changes one place of a rule, or two.
func damage(r *rand.Rand, rule string) string {
	for range 1 + r.IntN(2) {
		if r.IntN(2) == 0 {
			rule = damageNode(r, rule)
		} else {
			rule = damageWord(r, rule)
		}
	}
	return rule
}

func damageWord(r *rand.Rand, rule string) string {
	words := strings.Split(rule, " ")
	others := []string{"", "<>", "0", "1", "2", "99", "-1", "true", "false", "()", "(1 2)", "{", "}", "25", "23", "1700", words[r.IntN(len(words))]}
	at := r.IntN(len(words))
	// A number or a name is more telling than the name of a field.
	for range 5 {
		if strings.HasPrefix(words[at], ":") {
			at = r.IntN(len(words))
		}
	}
	words[at] = others[r.IntN(len(others))]
	return strings.Join(words, " ")
}

// damageNode puts another node of the rule, or none, in the place of one.
func damageNode(r *rand.Rand, rule string) string {
	var nodes [][2]int
	var open []int
	for i := range len(rule) {
		switch {
		case rule[i] == '{':
			open = append(open, i)
		case rule[i] == '}' && len(open) > 0:
			nodes = append(nodes, [2]int{open[len(open)-1], i + 1})
			open = open[:len(open)-1]
		}
	}
	if len(nodes) == 0 {
		return rule
	}
	at, other := nodes[r.IntN(len(nodes))], nodes[r.IntN(len(nodes))]
	text := rule[other[0]:other[1]]
	if r.IntN(4) == 0 {
		text = "<>"
	}
	return rule[:at[0]] + text + rule[at[1]:]
}
