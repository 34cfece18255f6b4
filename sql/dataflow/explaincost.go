package dataflow

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// facts is what Explain tells of a node beside what it is.
func (c *Circuit) facts(n *node) (list []string) {
	if n.op == nil {
		return nil
	}
	if rows, bytes := n.op.Size(); rows > 0 || bytes > 0 {
		list = append(list, fmt.Sprintf("%d rows, %d bytes", rows, bytes))
	}
	if in := sum(c.given(n, sinceRows)); in > 0 && c.since.Changes > 0 {
		each := float64(c.since.Changes)
		text := fmt.Sprintf("per change: %s rows in, %s out, %s", amount(float64(in)/each), amount(float64(n.since.rows)/each), span(float64(n.since.time)/each))
		if n.since.requests > 0 {
			text += ", " + amount(float64(n.since.sent)/each) + " sent to PostgreSQL"
		}
		return append(list, text)
	}
	if text := c.expected(n); text != "" {
		list = append(list, text)
	}
	return list
}

// expected is what a node that no change has come to will do for a row of each input.
func (c *Circuit) expected(n *node) string {
	rows, _ := n.op.Size()
	if !c.stepped || rows == 0 && sum(c.given(n, filledRows)) == 0 {
		return ""
	}
	rates, sure := c.rates(n)
	shown := make([]string, len(rates))
	for i, r := range rates {
		shown[i] = amount(r)
	}
	text := "expected per row in: "
	if !sure {
		text += "at most "
	}
	text += strings.Join(shown, " | ") + " out"
	if sent := n.sends(); sent > 0 {
		return text + ", " + amount(sent) + " sent to PostgreSQL"
	}
	if work := sum(c.given(n, filledRows)); work > 0 {
		text += ", " + span(float64(n.fill.time)/float64(work))
	}
	return text
}

// ExplainCost is what a change of the circuit's tables has cost so far, and what it is
// expected to cost for the tables that have not changed. names are those of tables.
func (c *Circuit) ExplainCost(names map[any]string) string {
	var b strings.Builder
	if f := c.filling; f.Steps > 0 {
		fmt.Fprintf(&b, "filled: %s from %s in %s\n", counted(f.Results, "result row"), counted(f.Changes, "row"), span(float64(f.Time)))
	}
	if s := c.since; s.Changes > 0 {
		each := float64(s.Changes)
		fmt.Fprintf(&b, "since: %s in %s, %s and %s result rows per change\n",
			counted(s.Changes, "change"), counted(s.Steps, "tick"), span(float64(s.Time)/each), amount(float64(s.Results)/each))
		if s.Requests > 0 {
			fmt.Fprintf(&b, "asked of PostgreSQL: %s with %s, %s per change\n", counted(s.Requests, "request"), counted(s.Sent, "row"), amount(float64(s.Sent)/each))
		}
	}
	for _, e := range c.Expect() {
		if c.nodes[c.inputs[e.Table]].since.rows == 0 {
			fmt.Fprintf(&b, "expected per change of %s: %s\n", names[e.Table], e.text())
		}
	}
	return b.String()
}

func (e Expectation) text() string {
	text := ""
	if e.AtMost {
		text = "at most "
	}
	text += amount(e.Rows) + " result rows"
	if e.Nanoseconds > 0 {
		text += ", " + span(e.Nanoseconds)
	}
	if e.Asks {
		text += ", " + amount(e.Sent) + " rows sent to PostgreSQL, in a request of each tick"
	}
	return text
}

// amount is a number of rows, with what can be read of its digits.
func amount(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x >= 99.95:
		return grouped(int64(x + 0.5))
	case x >= 0.095:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'g', 1, 64)
}

// grouped is a whole number with commas.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// counted is a number of things.
func counted(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return grouped(n) + " " + noun
}

// span is a time in nanoseconds, in the unit that suits it.
func span(nanoseconds float64) string {
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"s", time.Second}, {"ms", time.Millisecond}, {"µs", time.Microsecond}} {
		if x := nanoseconds / float64(unit.size); x >= 0.9995 {
			return strconv.FormatFloat(x, 'f', 1, 64) + " " + unit.name
		}
	}
	return strconv.FormatFloat(nanoseconds, 'f', 0, 64) + " ns"
}
