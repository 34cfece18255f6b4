package remote

import (
	"encoding/binary"
	"fmt"

	"github.com/millrace/millrace/sql/row"
)

// parameters builds the values of the statement's parameters: the number of rows, of
// each row its group (from 1) and weight, the columns, and the arrays.
func (s *statement) parameters() ([][]byte, error) {
	from, to := s.starts[s.at], s.starts[s.end]
	columns, size, err := s.transpose(from, to)
	if err != nil {
		return nil, err
	}
	if size > maxMessage {
		return nil, fmt.Errorf("%w: %d rows of %d MB", ErrTooLarge, to-from, size>>20)
	}
	list := [][]byte{binary.BigEndian.AppendUint32(nil, uint32(to-from))}
	if s.grouped {
		groups, weights := make([]row.Value, 0, to-from), make([]row.Value, 0, to-from)
		for g := s.at; g < s.end; g++ {
			number := binary.BigEndian.AppendUint32(nil, uint32(g-s.at+1))
			for i := s.starts[g]; i < s.starts[g+1]; i++ {
				groups = append(groups, number)
				weights = append(weights, binary.BigEndian.AppendUint64(nil, uint64(s.weights[i])))
			}
		}
		list = append(list, row.MakeArray(23, groups...), row.MakeArray(20, weights...))
	}
	arguments := len(list) + len(s.columns)
	for i, t := range s.columns {
		switch {
		case t.Kind == row.Array && t.Elem.ArrayName == "" && t.Elem.Kind != row.Array, t.Kind != row.Array && t.ArrayName == "":
			return nil, fmt.Errorf("%w: %s", ErrType, t.Name)
		case t.Kind == row.Array:
			list = append(list, s.index(i, columns[i]))
			arguments += len(s.distinct[i])
		default:
			// PostgreSQL compares the element types only if both are built in, so that a
			// domain may stand for its base type.
			list = append(list, row.MakeArray(t.OID, columns[i]...))
		}
	}
	if arguments > maxParameters {
		return nil, fmt.Errorf("%w: %d different arrays", ErrTooLarge, arguments)
	}
	for _, values := range s.distinct {
		for _, v := range values {
			list = append(list, v)
		}
	}
	return list, nil
}

// transpose splits rows into columns, and returns about the bytes that they take as
// parameters.
func (s *statement) transpose(from, to int) (columns [][]row.Value, size int, err error) {
	columns = make([][]row.Value, len(s.columns))
	for i := range columns {
		columns[i] = make([]row.Value, 0, to-from)
	}
	var values []row.Value
	for _, r := range s.rows[from:to] {
		values = r.Split(values[:0])
		if len(values) != len(s.columns) {
			return nil, 0, fmt.Errorf("row of %d values, want %d", len(values), len(s.columns))
		}
		size += 20 // its group and weight
		for i, v := range values {
			columns[i] = append(columns[i], v)
			size += 4 + len(v)
		}
	}
	return columns, size, nil
}

// index lists the different arrays of column i and returns the parameter with the
// number of each row's.
func (s *statement) index(i int, values []row.Value) []byte {
	if s.distinct == nil {
		s.distinct = make([][]row.Value, len(s.columns))
	}
	numbers := make(map[string]uint32)
	indexes := make([]row.Value, len(values))
	for k, v := range values {
		n := uint32(0)
		if v != nil {
			if n = numbers[string(v)]; n == 0 {
				s.distinct[i] = append(s.distinct[i], v)
				n = uint32(len(s.distinct[i]))
				numbers[string(v)] = n
			}
		}
		indexes[k] = binary.BigEndian.AppendUint32(nil, n)
	}
	return row.MakeArray(23, indexes...)
}
