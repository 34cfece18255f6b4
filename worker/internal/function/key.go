package function

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/pushdown"
)

// key is a value to group, order and give back. Keys of one column are equal,
// as Go compares them, if and only if PostgreSQL calls their values equal, for
// numbers and times; values of other types are compared by the bytes of their text.
type key struct {
	kind   keyKind
	number int64  // of whole, localTime and zonedTime; the bits of real
	text   string // of decimal and other
}

type keyKind uint8

const (
	null      keyKind = iota
	whole             // an integer
	real              // a float64, −0 as 0, one NaN
	localTime         // microseconds of local time
	zonedTime         // microseconds of UTC
	decimal           // a numeric's text, without trailing zeros
	other             // any text
)

// key returns a row's value in a column that was cast for a key.
func (d Data) key(column, row int) key {
	if d.Record.Column(column).IsNull(row) {
		return key{}
	}
	switch d.Casts[column] {
	case pushdown.Int:
		return key{kind: whole, number: d.ints(column)[row]}
	case pushdown.Float:
		return realKey(d.floats(column)[row])
	case pushdown.Timestamp:
		return key{kind: localTime, number: d.ints(column)[row]}
	case pushdown.Timestamptz:
		return key{kind: zonedTime, number: d.ints(column)[row]}
	case pushdown.Numeric:
		return key{kind: decimal, text: d.text(column, row)}
	}
	return key{kind: other, text: d.text(column, row)}
}

func realKey(x float64) key {
	switch {
	case x == 0:
		x = 0 // both zeros are one value
	case math.IsNaN(x):
		x = math.NaN()
	}
	return key{kind: real, number: int64(math.Float64bits(x))}
}

// compareKeys orders keys of one column as PostgreSQL orders numbers and times,
// NULL last and NaN before it; texts by their bytes.
func compareKeys(a, b key) int {
	if a.kind != b.kind {
		if a.kind == null {
			return 1
		}
		if b.kind == null {
			return -1
		}
		return cmp.Compare(a.kind, b.kind)
	}
	switch a.kind {
	case real:
		x, y := math.Float64frombits(uint64(a.number)), math.Float64frombits(uint64(b.number))
		if math.IsNaN(x) || math.IsNaN(y) {
			return cmp.Compare(y, x) // Go puts NaN first
		}
		return cmp.Compare(x, y)
	case decimal:
		return compareDecimals(a.text, b.text)
	case other:
		return cmp.Compare(a.text, b.text)
	}
	return cmp.Compare(a.number, b.number)
}

// distinct returns the values of a column in the given rows, each once, in the
// order of their type: numbers and times by value, an enum's labels in its own
// order, everything else by bytes, which puts false before true.
func (d Data) distinct(column int, rows []int) []key {
	seen := map[key]bool{}
	for _, row := range rows {
		seen[d.key(column, row)] = true
	}
	labels := d.Types[column].Labels
	return slices.SortedFunc(maps.Keys(seen), func(a, b key) int {
		if labels != nil {
			return cmp.Compare(slices.Index(labels, a.text), slices.Index(labels, b.text))
		}
		return compareKeys(a, b)
	})
}

// isNull reports the key of a NULL.
func (k key) isNull() bool { return k.kind == null }

// String is the key's text, for output: PostgreSQL reads it as the same value
// under any settings. A NULL has none.
func (k key) String() string {
	switch k.kind {
	case whole:
		return strconv.FormatInt(k.number, 10)
	case real:
		return appendNumber(math.Float64frombits(uint64(k.number)))
	case localTime:
		return formatTimestamp(k.number)
	case zonedTime:
		text := formatTimestamp(k.number)
		if !strings.HasSuffix(text, "infinity") {
			text = strings.Replace(text+"+00", " BC+00", "+00 BC", 1)
		}
		return text
	case null:
		panic("function: text of a NULL key")
	}
	return k.text
}

// pointer is the text, or nil for NULL.
func (k key) pointer() *string {
	if k.isNull() {
		return nil
	}
	return ptr(k.String())
}

// compareDecimals orders numerics by their texts, which have no trailing zeros:
// -Infinity, negative, 0, positive, Infinity, NaN.
func compareDecimals(a, b string) int {
	if c := cmp.Compare(decimalClass(a), decimalClass(b)); c != 0 || a == b {
		return c
	}
	negative := strings.HasPrefix(a, "-")
	wholeA, fractionA, _ := strings.Cut(strings.TrimPrefix(a, "-"), ".")
	wholeB, fractionB, _ := strings.Cut(strings.TrimPrefix(b, "-"), ".")
	c := cmp.Or(cmp.Compare(len(wholeA), len(wholeB)), cmp.Compare(wholeA, wholeB), cmp.Compare(fractionA, fractionB))
	if negative {
		return -c
	}
	return c
}

func decimalClass(text string) int {
	switch {
	case text == "-Infinity":
		return 0
	case strings.HasPrefix(text, "-"):
		return 1
	case text == "Infinity":
		return 3
	case text == "NaN":
		return 4
	}
	return 2
}
