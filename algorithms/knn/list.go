package knn

import (
	"context"
	"math"
)

// neighbour is a train row that may belong to the answer.
type neighbour struct {
	distance  float64
	rank, row int32
}

// before is the order of the answer: by distance, NaN last, then by rank, then by
// row index. It is a strict total order, so the answer is one only.
func (a neighbour) before(b neighbour) bool {
	switch {
	case a.distance < b.distance:
		return true
	case a.distance > b.distance:
		return false
	case a.distance != b.distance: // One or both are NaN.
		if aNaN, bNaN := math.IsNaN(a.distance), math.IsNaN(b.distance); aNaN != bNaN {
			return bNaN
		}
	}
	if a.rank != b.rank {
		return a.rank < b.rank
	}
	return a.row < b.row
}

// list keeps the k first neighbours of those offered: once k are there, as a heap
// with the last one on top.
type list struct {
	k     int
	items []neighbour
}

// full reports whether k neighbours are there.
func (l *list) full() bool { return len(l.items) == l.k }

// offer adds x, in O(log k), and reports whether the last neighbour of a full
// list has changed.
func (l *list) offer(x neighbour) bool {
	if len(l.items) < l.k {
		l.items = append(l.items, x)
		if !l.full() {
			return false
		}
		l.heapify()
		return true
	}
	if !x.before(l.items[0]) {
		return false
	}
	l.items[0] = x
	l.sink(0, l.k)
	return true
}

// heapify makes the items a heap.
func (l *list) heapify() {
	for i := len(l.items)/2 - 1; i >= 0; i-- {
		l.sink(i, len(l.items))
	}
}

// sink restores the heap of the first n items below i.
func (l *list) sink(i, n int) {
	x := l.items[i]
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && l.items[child].before(l.items[child+1]) {
			child++
		}
		if !x.before(l.items[child]) {
			break
		}
		l.items[i] = l.items[child]
		i = child
	}
	l.items[i] = x
}

// sort puts the nearest first and ends the use as a heap. Sorting a million
// neighbours takes longer than a cancelled call may, so it looks at ctx.
func (l *list) sort(ctx context.Context) error {
	if !l.full() {
		l.heapify()
	}
	for n := len(l.items) - 1; n > 0; n-- {
		l.items[0], l.items[n] = l.items[n], l.items[0]
		l.sink(0, n)
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
