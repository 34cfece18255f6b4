package function

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"reflect"

	"github.com/millrace/millrace/algorithms/suffstat"
	"github.com/millrace/millrace/exact"
	"github.com/millrace/millrace/pushdown"
	"github.com/millrace/millrace/worker/internal/fault"
)

func init() {
	register(Function{Name: "madlib_linregr_sums", Inputs: 1, New: newMadlibSums})
}

// madlibSums is one step of the aggregate madlib.linregr. The state of an
// aggregate must not grow with its rows, so it holds their cross-products: exact
// sums, as text. A step adds the rows of its input; the last one fits.
type madlibSums struct {
	width  int
	finish bool
	state  *string       // the sums before this step, nil for none
	sums   [][]exact.Sum // (1, x…, y)'(1, x…, y): line i holds columns i, i+1, …
}

type madlibSumsArgs struct {
	Width  int     `json:"width"`
	Sums   *string `json:"sums"`
	Finish bool    `json:"finish"`
}

// maxWidth bounds the independent variables. A step of so many counts and holds
// 514·515/2 sums of about 1 kB, 143 MB; its cross-products hold as many again.
const maxWidth = 512

func newMadlibSums(raw json.RawMessage, _ []Spec) (Call, error) {
	var a madlibSumsArgs
	if err := decode(raw, &a); err != nil {
		return nil, err
	}
	if a.Width < 1 || a.Width > maxWidth {
		return nil, fault.New(fault.Parameter, "linregr has %d independent variables, and takes 1 to %d", a.Width, maxWidth).
			WithHint("madlib.linregr_train takes more.")
	}
	return &madlibSums{width: a.Width, finish: a.Finish, state: a.Sums}, nil
}

// sumBytes is the memory of one exact sum.
var sumBytes = int64(reflect.TypeFor[exact.Sum]().Size())

// load makes the sums, from the state if there is one.
func (c *madlibSums) load() error {
	c.sums = make([][]exact.Sum, c.width+2)
	for i := range c.sums {
		c.sums[i] = make([]exact.Sum, c.width+2-i)
	}
	if c.state == nil {
		return nil
	}
	return c.unmarshal(*c.state)
}

// sum is that of the products of columns i and j ≥ i.
func (c *madlibSums) sum(i, j int) *exact.Sum { return &c.sums[i][j-i] }

// unmarshal reads what marshal wrote.
func (c *madlibSums) unmarshal(text string) error {
	var lines [][][]byte
	bad := fault.New(fault.Data, "the state of linregr is not one that it made")
	if err := json.Unmarshal([]byte(text), &lines); err != nil || len(lines) != len(c.sums) {
		return bad
	}
	for i, line := range lines {
		if len(line) != len(c.sums)-i {
			return bad
		}
		for j, b := range line {
			if err := c.sums[i][j].UnmarshalBinary(b); err != nil {
				return bad
			}
		}
	}
	return nil
}

// marshal writes the upper triangle, line by line.
func (c *madlibSums) marshal() (string, error) {
	lines := make([][][]byte, len(c.sums))
	for i := range c.sums {
		for j := i; j < len(c.sums); j++ {
			b, err := c.sum(i, j).MarshalBinary()
			if err != nil {
				return "", err
			}
			lines[i] = append(lines[i], b)
		}
	}
	text, err := json.Marshal(lines)
	return string(text), err
}

// Cast implements [Call].
func (c *madlibSums) Cast(int, int, pushdown.Type) (pushdown.Cast, error) {
	return pushdown.Floats, nil
}

// Run implements [Call]. Its input is one array: y, x1, x2, … of each row.
func (c *madlibSums) Run(ctx context.Context, in []Data, env Env) (*Result, error) {
	if in[0].rows() != 1 || in[0].Record.Column(0).IsNull(0) || len(in[0].point(0, 0))%(c.width+1) != 0 {
		return nil, fault.New(fault.Data, "the state of linregr is not one that it made")
	}
	// Its own sums, those of the cross-products of this step, and its rows.
	size := int64(c.width + 2)
	release, err := env.Reserve(size*(size+1)*sumBytes + 8*int64(len(in[0].point(0, 0))))
	if err != nil {
		return nil, err
	}
	defer release()
	if err := c.load(); err != nil {
		return nil, err
	}
	if err := c.add(ctx, in[0].point(0, 0), env.Workers); err != nil {
		return nil, err
	}
	t := Table{Rows: 1}
	if !c.finish {
		text, err := c.marshal()
		if err != nil {
			return nil, err
		}
		t.add("sums", "text", Texts{&text})
		return &Result{Tables: []Table{t}}, nil
	}
	r, err := c.fit(ctx)
	if err != nil {
		return nil, linearFault(err)
	}
	train := madlibLinear{}
	return &Result{Tables: []Table{train.table(Data{}, []group{{}}, []linearResult{r})}}, nil
}

// add sums the rows.
func (c *madlibSums) add(ctx context.Context, values []float64, workers int) error {
	n, width := len(values)/(c.width+1), c.width
	columns := make([][]float64, width+1)
	for j := range columns {
		columns[j] = make([]float64, n)
	}
	for i := range n {
		row := values[i*(width+1) : (i+1)*(width+1)]
		for j, v := range row {
			if v-v != 0 && j == 0 {
				return fault.New(fault.Data, "Dependent variables are not finite.")
			}
			if v-v != 0 {
				return fault.New(fault.Data, "Design matrix is not finite.")
			}
			columns[(j+width)%(width+1)][i] = v // y goes last
		}
	}
	cross := suffstat.NewCross(width + 1)
	if err := cross.Add(ctx, suffstat.Block{Columns: columns}, workers); err != nil {
		return linearFault(err)
	}
	for i := range c.sums {
		for j := i; j < len(c.sums); j++ {
			c.sum(i, j).AddSum(cross.At(i, j))
		}
	}
	return nil
}

// fit finds what madlibFit finds from rows. The sums are factored in many bits,
//
//	(X, y)'(X, y) = R'R,   R upper triangular,
//
// and the k+1 rows of R, rounded once, stand for all rows: they have the same
// least squares problem, whose condition is that of X and not its square.
func (c *madlibSums) fit(ctx context.Context) (linearResult, error) {
	n := c.sum(0, 0).Float64()
	if n == 0 {
		return linearResult{}, errors.New("function: linregr has no rows")
	}
	m := madlibFit{ctx: ctx, workers: 1, rows: int(n), x: make([][]float64, c.width)}
	for i, line := range c.factor() {
		for j := range c.width {
			v, _ := line[j].Float64()
			if j < i {
				v = 0
			}
			m.x[j] = append(m.x[j], v)
		}
		v, _ := line[c.width].Float64()
		m.y = append(m.y, v)
	}
	last := len(c.sums) - 1
	mean := wide().Quo(c.sum(0, last).Big(), c.sum(0, 0).Big())
	total := wide().Sub(c.sum(last, last).Big(), mean.Mul(mean, c.sum(0, last).Big()))
	tss, _ := total.Float64()
	m.total = max(0, tss)
	return m.result()
}

const (
	// factorBits is the precision of the factoring. A pivot is accepted down to
	// 2^-67 of its column's square, so hundreds of its bits are right.
	factorBits = 512
	// leastColumn is what must be left of a column's length, as in a fit of rows.
	leastColumn = 1e-10
)

func wide() *big.Float { return new(big.Float).SetPrec(factorBits) }

// factor returns R. The row of a column that depends on those before it is 0.
func (c *madlibSums) factor() [][]*big.Float {
	size := c.width + 1
	r := make([][]*big.Float, size)
	for i := range r {
		r[i] = make([]*big.Float, size)
		for j := range size {
			r[i][j] = wide()
			if j >= i {
				r[i][j].Set(c.sum(i+1, j+1).Big())
			}
		}
		for a := range i {
			for j := i; j < size; j++ {
				r[i][j].Sub(r[i][j], wide().Mul(r[a][i], r[a][j]))
			}
		}
		least := wide().Mul(c.sum(i+1, i+1).Big(), wide().SetFloat64(leastColumn*leastColumn))
		if i == c.width {
			least.SetMantExp(c.sum(i+1, i+1).Big(), -factorBits/2) // of y, any residual counts
		}
		if r[i][i].Cmp(least) <= 0 {
			for j := i; j < size; j++ {
				r[i][j] = wide()
			}
			continue
		}
		root := wide().Sqrt(r[i][i])
		for j := i; j < size; j++ {
			r[i][j].Quo(r[i][j], root)
		}
	}
	return r
}
