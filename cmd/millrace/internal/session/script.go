package session

import "strings"

// A Step is one statement of a script, with the remark above it.
type Step struct {
	Remark string // without the dashes; lines are kept
	SQL    string // with its semicolon
}

// Parse splits a script. A statement ends with a line that ends with a semicolon, and
// lines that begin with two dashes are remarks on the next one: that is a form
// of scripts, and not all of SQL.
func Parse(script string) []Step {
	var steps []Step
	var remark, statement []string
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, " \r\n")
		switch {
		case len(statement) == 0 && line == "":
		case len(statement) == 0 && strings.HasPrefix(line, "--"):
			remark = append(remark, strings.TrimSpace(strings.TrimPrefix(line, "--")))
		default:
			statement = append(statement, line)
			if strings.HasSuffix(line, ";") {
				steps = append(steps, Step{Remark: strings.Join(remark, "\n"), SQL: strings.Join(statement, "\n")})
				remark, statement = nil, nil
			}
		}
	}
	if len(statement) > 0 {
		steps = append(steps, Step{Remark: strings.Join(remark, "\n"), SQL: strings.Join(statement, "\n")})
	}
	return steps
}
