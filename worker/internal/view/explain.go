package view

import (
	"fmt"
	"strings"
)

// explanation is what ml.explain_view shows. It runs on the loop.
func (e *Engine) explanation(v *view) (_ string, err error) {
	defer e.contain("view", v.Name, &err)
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", v.Name, v.state)
	if v.reason != "" {
		fmt.Fprintf(&b, " (%s)", v.reason)
	}
	b.WriteString("\n")
	if v.plan == nil {
		return b.String(), nil
	}
	b.WriteString(v.plan.Circuit.Explain())
	if !strings.HasSuffix(b.String(), "\n") {
		b.WriteString("\n")
	}
	e.explainCost(&b, v)
	b.WriteString("tables:\n")
	for i, f := range v.feeds {
		t := v.plan.Tables[i]
		if f.parent != nil {
			fmt.Fprintf(&b, "  %s: a maintained view, at the same tick\n", t.Name)
			continue
		}
		for _, m := range f.members {
			s := e.stores[m.relation]
			if s == nil {
				continue
			}
			rows, bytes := s.size()
			identity := "old rows by key"
			if s.key == nil {
				identity = "old rows from the log"
			}
			fmt.Fprintf(&b, "  %s: %d of its columns kept, %d rows, %d bytes, %s%s\n", t.Name, len(s.columns), rows, bytes, identity, e.sharing(v, m.relation))
		}
	}
	if len(v.plan.Remote) > 0 {
		b.WriteString("evaluated by PostgreSQL, in batches over changed rows:\n")
		for _, expression := range v.plan.Remote {
			fmt.Fprintf(&b, "  %s\n", expression)
		}
	}
	if v.plan.Settings {
		fmt.Fprintf(&b, "settings kept from its making: TimeZone %s, DateStyle %s\n", v.Settings["TimeZone"], v.Settings["DateStyle"])
	}
	return b.String(), nil
}

// explainCost tells what a change costs.
func (e *Engine) explainCost(b *strings.Builder, v *view) {
	names := map[any]string{}
	for i, f := range v.feeds {
		names[f.input] = v.plan.Tables[i].Name
	}
	text := v.plan.Circuit.ExplainCost(names)
	if text == "" {
		return
	}
	b.WriteString("cost of a change (an update of a row is two: the old row goes, the new one comes):\n")
	for line := range strings.Lines(text) {
		b.WriteString("  " + line)
	}
}

// sharing names the other views that read a table.
func (e *Engine) sharing(v *view, relation uint32) string {
	var names []string
	for _, other := range e.order {
		if other == v {
			continue
		}
		for _, r := range relations(other.feeds) {
			if r == relation {
				names = append(names, other.Name)
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ", shared with " + strings.Join(names, ", ")
}
