package pgserver

import (
	"regexp"
	"strconv"
)

var digits = regexp.MustCompile(`\d+`)

// versionNumbers returns the numbers in a version, in order: 17.10.0-beta.17 has 17,
// 10, 0 and 17.
func versionNumbers(version string) []int {
	var out []int
	for _, d := range digits.FindAllString(version, -1) {
		n, err := strconv.Atoi(d)
		if err != nil {
			return nil // a number too long to be of a version
		}
		out = append(out, n)
	}
	return out
}

// versionLess orders versions by their numbers. PostgreSQL's packages repackage the
// same release under a growing suffix, so a version with a suffix is the later one.
func versionLess(a, b string) bool {
	x, y := versionNumbers(a), versionNumbers(b)
	for i := 0; i < len(x) && i < len(y); i++ {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return len(x) < len(y)
}

// latestVersion returns the newest version of a major (zero: of any supported one).
func latestVersion(versions []string, major int) (string, bool) {
	best := ""
	for _, v := range versions {
		n := versionNumbers(v)
		if len(n) == 0 || n[0] < OldestMajor || n[0] > NewestMajor || (major != 0 && n[0] != major) {
			continue
		}
		if best == "" || versionLess(best, v) {
			best = v
		}
	}
	return best, best != ""
}
