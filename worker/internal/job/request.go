package job

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
	"github.com/millrace/millrace/worker/internal/function"
)

// request is what ml_private.ask sends.
type request struct {
	Op         string          `json:"op"` // prepare, start, wait, shipped, cancel, view
	Job        string          `json:"job"`
	Version    string          `json:"version"`
	Function   string          `json:"function"`
	Args       json.RawMessage `json:"args"`
	Inputs     []function.Spec `json:"inputs"`
	Restricted bool            `json:"restricted"`
	Types      [][]int64       `json:"types"` // OID of each expression, by input
	Facts      pushdown.Facts  `json:"facts"`
	Snapshot   string          `json:"snapshot"`
	Verb       string          `json:"verb"` // of op view
}

func parseRequest(text string) (request, error) {
	var r request
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fault.New(fault.State, "the worker cannot read the request: %v", err).WithHint("Run: millrace install")
	}
	return r, nil
}

// parseWords reads "ship JOB INPUT HEX" and "fetch JOB TABLE".
func parseWords(text, verb string, n int) ([]string, error) {
	words := strings.SplitN(text, " ", n)
	if len(words) != n || words[0] != verb {
		return nil, fault.New(fault.Unsupported, "the worker cannot read the request")
	}
	return words, nil
}

func parseIndex(word string, bound int) (int, error) {
	i, err := strconv.Atoi(word)
	if err != nil || i < 0 || i >= bound {
		return 0, fault.New(fault.Unsupported, "number %.20q is not in 0 to %d", word, bound-1)
	}
	return i, nil
}

// answer is what the stub gets.
type answer struct {
	Job         string             `json:"job,omitempty"`
	Step        Step               `json:"step,omitempty"`
	Export      bool               `json:"export"`
	Suffixes    []string           `json:"suffixes,omitempty"`
	Casts       [][]pushdown.Cast  `json:"casts,omitempty"`
	Notices     []string           `json:"notices,omitempty"`
	Tables      []tableDescription `json:"tables,omitempty"`
	RowsOut     int                `json:"rows_out"`
	RowsUsed    int64              `json:"rows_used"`
	RowsSkipped int64              `json:"rows_skipped"`
	Details     map[string]any     `json:"details,omitempty"`
	Cancelled   bool               `json:"cancelled"`
}

type tableDescription struct {
	Columns []columnDescription `json:"columns"`
}

type columnDescription struct {
	Name   string `json:"name"`
	Slot   string `json:"slot"`
	Type   string `json:"type,omitempty"`
	Input  *int   `json:"input,omitempty"`
	Column int    `json:"column"`
	Array  bool   `json:"array"`
}

// slotLimits is how many columns of each kind ml_private.rows has.
var slotLimits = map[string]int{"i": 8, "f": 24, "t": 128, "ia": 2, "fa": 4}

// describe gives each column of a table a slot.
func describe(t function.Table) (tableDescription, error) {
	used := map[string]int{}
	var out tableDescription
	for _, c := range t.Columns {
		kind := c.Values.Slot()
		used[kind]++
		if used[kind] > slotLimits[kind] {
			return out, fault.New(fault.Size, "the result has more than %d columns of one kind", slotLimits[kind]).
				WithHint("Use fewer group or kept columns.")
		}
		d := columnDescription{Name: c.Name, Slot: fmt.Sprintf("%s%d", kind, used[kind]), Type: c.Type}
		if c.Of != nil {
			d.Input, d.Column, d.Array = &c.Of.Input, c.Of.Column, c.Of.Array
		}
		out.Columns = append(out.Columns, d)
	}
	return out, nil
}
