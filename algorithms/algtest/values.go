// Package algtest serves tests of algorithms: the reference values, the data
// sets they were computed from, and the comparison by significant digits.
//
// values/README.md defines every number in values; each was computed by two
// independent programs.
package algtest

import (
	"embed"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

//go:embed values/*.json
var values embed.FS

// Load decodes the reference file name, for example "linear.json", into v.
func Load(t testing.TB, name string, v any) {
	t.Helper()
	text, err := values.ReadFile("values/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// Table is a data set by column; an empty string is NULL.
type Table map[string][]string

// Dataset reads the bundled data set name, for example "iris".
func Dataset(t testing.TB, name string) Table {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	f, err := os.Open(filepath.Join(filepath.Dir(here), "..", "..", "datasets", name+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	table := Table{}
	for j, column := range records[0] {
		for _, record := range records[1:] {
			table[column] = append(table[column], record[j])
		}
	}
	return table
}

// Floats returns a numeric column; NULL becomes NaN.
func (d Table) Floats(t testing.TB, column string) []float64 {
	t.Helper()
	texts, ok := d[column]
	if !ok {
		t.Fatalf("no column %q", column)
	}
	out := make([]float64, len(texts))
	for i, text := range texts {
		if text == "" {
			out[i] = math.NaN()
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatalf("%s row %d: %v", column, i+1, err)
		}
		out[i] = v
	}
	return out
}

// Digits returns the number of significant decimal digits in which got agrees
// with want: −log10 of the relative error, absolute where want is 0, at most 17.
func Digits(got, want float64) float64 {
	if got == want || math.IsNaN(got) && math.IsNaN(want) {
		return 17
	}
	e := math.Abs(got - want)
	if want != 0 {
		e /= math.Abs(want)
	}
	if math.IsNaN(e) {
		return 0
	}
	return math.Max(0, math.Min(17, -math.Log10(e)))
}
