package zset

import (
	"encoding/binary"
	"testing"
)

func BenchmarkSet(b *testing.B) {
	s := NewSet()
	var key [24]byte
	for i := 0; b.Loop(); i++ {
		binary.BigEndian.PutUint64(key[8:], uint64(i))
		s.Add(key[:], 1)
		if i >= 100_000 {
			binary.BigEndian.PutUint64(key[8:], uint64(i-100_000))
			s.Add(key[:], -1)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkIndex(b *testing.B) {
	x := NewIndex()
	var key [24]byte
	for i := 0; b.Loop(); i++ {
		binary.BigEndian.PutUint64(key[8:], uint64(i))
		x.Add(key[15:], key[:], 1)
		if i >= 100_000 {
			binary.BigEndian.PutUint64(key[8:], uint64(i-100_000))
			x.Add(key[15:], key[:], -1)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
