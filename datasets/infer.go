package datasets

import (
	"errors"
	"regexp"
	"strconv"
	"time"
)

// sqlTypes lists the types that are tried for a column, most specific first, and
// whether a value has the type. Integers come before double precision, so
// that a column of whole numbers is not taken for measurements with a fraction.
var sqlTypes = []struct {
	name string
	fits func(string) bool
}{
	{"boolean", func(s string) bool { return s == "true" || s == "false" }},
	{"integer", isInteger},
	{"double precision", isDouble},
	{"date", func(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil }},
	{"text", func(string) bool { return true }},
}

// sqlType returns the first type that all values of column j have. NULL has every type,
// so a column of NULLs only is an error.
func sqlType(values [][]*string, j int) (string, error) {
	for _, t := range sqlTypes {
		some, all := false, true
		for _, row := range values {
			if v := row[j]; v != nil {
				some, all = true, all && t.fits(*v)
			}
		}
		if !some {
			return "", errors.New("all values are NULL")
		}
		if all {
			return t.name, nil
		}
	}
	panic("datasets: a value is not even text")
}

// isInteger reports whether a value is a 32-bit integer in its shortest form: codes
// such as 007 and numbers such as +1 stay text.
func isInteger(s string) bool {
	n, err := strconv.ParseInt(s, 10, 32)
	return err == nil && strconv.FormatInt(n, 10) == s
}

// decimal matches a number in decimal digits, with a fraction or an exponent or
// neither, and without superfluous zeros or a plus sign in front.
var decimal = regexp.MustCompile(`^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$`)

// isDouble reports whether a value is a decimal number that is finite in 64 bits.
func isDouble(s string) bool {
	_, err := strconv.ParseFloat(s, 64) // an error if it is too large
	return err == nil && decimal.MatchString(s)
}
