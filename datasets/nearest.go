package datasets

import (
	"cmp"
	"slices"
)

// nearestCount is how many names an error proposes.
const nearestCount = 3

// nearest returns the names with the smallest edit distance to a name, nearest first.
func nearest(name string, names []string) []string {
	out := slices.Clone(names)
	slices.SortStableFunc(out, func(a, b string) int {
		return cmp.Compare(distance(name, a), distance(name, b))
	})
	return out[:min(nearestCount, len(out))]
}

// distance returns how many letters have to be inserted, removed or replaced to turn
// one word into the other, by the recurrence over prefixes
//
//	d[i,j] = min(d[i−1,j] + 1, d[i,j−1] + 1, d[i−1,j−1] + (a[i] ≠ b[j]))
//
// Cost: O(len(a)·len(b)) time, one row of memory.
//
// Source: Wagner and Fischer, The String-to-String Correction Problem, JACM 21(1), 1974.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			replace := diagonal
			if x[i] != y[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(y)]
}
