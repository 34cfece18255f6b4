package linreg

import (
	"maps"
	"slices"
	"sync"
	"testing"
)

// achieved is the least number of digits reached by any case, by field.
var achieved = struct {
	sync.Mutex
	least map[string]float64
}{least: map[string]float64{}}

func recordDigits(name string, d float64) {
	achieved.Lock()
	defer achieved.Unlock()
	if old, ok := achieved.least[name]; !ok || d < old {
		achieved.least[name] = d
	}
}

// reportDigits logs what was achieved; run with -v to see it.
func reportDigits(t *testing.T) {
	achieved.Lock()
	defer achieved.Unlock()
	for _, name := range slices.Sorted(maps.Keys(achieved.least)) {
		t.Logf("%-18s %4.1f digits", name, achieved.least[name])
	}
}
