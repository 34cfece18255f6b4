package view

import (
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// script is statements that are sent while the server executes those before.
//
// None is prepared under a name: code of an owner's in this session could prepare
// another one under the same name, which would then run as the worker.
type script struct {
	pipeline *pgconn.Pipeline
	writings []*writing // one for each statement, nil for what writes no rows
	unsent   int        // bytes
}

// sendFrom is how many bytes are worth sending before the rest is there.
const sendFrom = 64 << 10

func (s *script) add(w *writing, sql string, p *parameters) {
	if p == nil {
		p = &parameters{}
	}
	s.pipeline.SendQueryParams(sql, p.values, p.types, binaryFormat, binaryFormat)
	s.writings = append(s.writings, w)
	s.unsent += len(sql)
	for _, v := range p.values {
		s.unsent += len(v)
	}
	if s.unsent >= sendFrom {
		_ = s.pipeline.Flush() // the first result is the same error
		s.unsent = 0
	}
}

// oneValue is the result of a pipeline's next statement, nil if it is not one value.
func oneValue(p *pgconn.Pipeline) ([]byte, error) {
	next, err := p.GetResults()
	if err != nil {
		return nil, err
	}
	reader, ok := next.(*pgconn.ResultReader)
	if !ok {
		return nil, fmt.Errorf("no result: %T", next)
	}
	r := reader.Read()
	if r.Err != nil || len(r.Rows) != 1 || len(r.Rows[0]) != 1 {
		return nil, r.Err
	}
	return r.Rows[0][0], nil
}
