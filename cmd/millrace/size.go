package main

import (
	"fmt"
	"strconv"
	"strings"
)

// size is a number of bytes that is written with or without a unit: 1048576, 1MiB.
type size int64

// units are binary, longest name first so that "B" is tried last.
var units = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1},
}

// Set implements pflag.Value.
func (s *size) Set(text string) error {
	digits, unit := text, int64(1)
	for _, u := range units {
		if before, found := strings.CutSuffix(text, u.name); found {
			digits, unit = strings.TrimSpace(before), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < -1 || n == -1 && unit != 1 || n > (1<<63-1)/unit {
		return fmt.Errorf("size %q: want a number of bytes, or one with KiB, MiB, GiB or TiB, or -1", text)
	}
	*s = size(n * unit)
	return nil
}

// String implements pflag.Value, with the largest unit that divides the number.
func (s *size) String() string {
	for _, u := range units[:len(units)-1] {
		if n := int64(*s); n > 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

// Type implements pflag.Value: the word for a value in help texts.
func (s *size) Type() string { return "size" }
