package view

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"log/slog"
	"strings"
	"testing"

	"github.com/millrace/millrace/sql/dataflow"
	"github.com/millrace/millrace/sql/plan"
	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/zset"
)

// wrong is an expression with a bug of ours.
type wrong struct{}

func (wrong) Eval([]row.Value) (row.Value, error) { panic("a case that was not thought of") }

// TestPanicInCircuit checks that a bug in one view's circuit is that view's error, and
// that the circuit is of no more use.
func TestPanicInCircuit(t *testing.T) {
	var log bytes.Buffer
	e := &Engine{config: Config{Log: slog.New(slog.NewTextHandler(&log, nil))}}
	c := dataflow.NewCircuit()
	c.SetOutput(c.Add(dataflow.NewMap([]dataflow.Scalar{wrong{}}), c.Input(1)))
	v := newView(definition{Name: "v"})
	v.plan = &plan.View{Circuit: c}
	in := new(zset.Batch)
	in.Add(row.Make(row.Int4Value(1)), 1)
	err := e.stepPlan(t.Context(), v.definition, v.plan, map[any]*zset.Batch{1: in}, new(zset.Batch), e.briefly())
	if err == nil || !strings.Contains(err.Error(), "a case that was not thought of") {
		t.Errorf("error %v, want the panic's", err)
	}
	if !strings.Contains(log.String(), "mutation_circuit_test.go") {
		t.Errorf("the log does not tell where: %s", log.String())
	}
}

// TestDecodeEmpty reads rows of empty values and NULLs alone, for which nothing has to
// be kept.
func TestDecodeEmpty(t *testing.T) {
	b := []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	for range 2 {
		b = binary.BigEndian.AppendUint16(b, 2)
		b = binary.BigEndian.AppendUint32(b, 0)
		b = binary.BigEndian.AppendUint32(b, 0xffffffff)
	}
	b = binary.BigEndian.AppendUint16(b, 0xffff)
	n := 0
	err := decodeRows(bufio.NewReader(bytes.NewReader(b)), 2, func(values []row.Value) error {
		if n++; values[0] == nil || len(values[0]) != 0 || values[1] != nil {
			t.Errorf("row %d is %#v, want an empty value and NULL", n, values)
		}
		return nil
	})
	if err != nil || n != 2 {
		t.Errorf("%d rows, error %v, want 2", n, err)
	}
}
