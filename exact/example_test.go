package exact_test

import (
	"fmt"

	"github.com/millrace/millrace/exact"
)

// Plain addition loses the small term; an exact sum does not, and a term that
// is taken back leaves no trace.
func ExampleSum() {
	var s exact.Sum
	s.Add(1e100)
	s.Add(0.25)
	s.Sub(1e100)
	plain := 1e100
	plain += 0.25
	plain -= 1e100
	fmt.Println(plain, s.Float64())
	// Output: 0 0.25
}
