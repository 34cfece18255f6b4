package zset

import (
	"bytes"
	"iter"
	"unsafe"
)

// Map is a map from bytes to values. V should hold no pointers, so that the garbage
// collector has nothing to follow.
//
// Cost: O(1) expected for Get, Put and Delete.
type Map[V any] struct {
	keys   arena // header: number of the value, from 1
	table  table
	values [][]V
	free   []uint64 // numbers of values that no key has
	next   uint64   // numbers given so far
}

// valuesPerChunk is the length of the slices that values lie in.
const valuesPerChunk = 256

// NewMap returns an empty map.
func NewMap[V any]() *Map[V] { return &Map[V]{keys: arena{words: 1}} }

// Get returns the value of key, nil if there is none. The pointer is valid until
// the next Put or Delete.
func (m *Map[V]) Get(key []byte) *V {
	if _, at := m.find(hash(key), key); at != none {
		return m.value(m.keys.word(at, 0))
	}
	return nil
}

// Put returns the value of key, which is a new zero value if there was none. The
// pointer is valid until the next Put or Delete.
func (m *Map[V]) Put(key []byte) *V {
	h := hash(key)
	if _, at := m.find(h, key); at != none {
		return m.value(m.keys.word(at, 0))
	}
	if m.table.full() {
		m.rehash()
	}
	at, number := m.keys.add(key), m.number()
	m.keys.set(at, 0, number)
	m.table.insert(h, at)
	return m.value(number)
}

// Delete removes key and its value, if it is there.
func (m *Map[V]) Delete(key []byte) {
	slot, at := m.find(hash(key), key)
	if at == none {
		return
	}
	number := m.keys.word(at, 0)
	var zero V
	*m.value(number) = zero
	m.free = append(m.free, number)
	m.table.remove(slot)
	m.keys.kill(at)
	if m.keys.wasteful() {
		m.compact()
	}
}

// All yields the keys and values, in the order in which the keys came. Nothing may
// be put or deleted meanwhile; the keys stay valid.
func (m *Map[V]) All() iter.Seq2[[]byte, *V] {
	return func(yield func([]byte, *V) bool) {
		for at := range m.keys.live() {
			if !yield(m.keys.data(at), m.value(m.keys.word(at, 0))) {
				return
			}
		}
	}
}

// Len is the number of keys.
func (m *Map[V]) Len() int { return m.table.present }

// Bytes is the memory that the map holds, without what values point to.
func (m *Map[V]) Bytes() int64 {
	var v V
	n := m.keys.bytes() + int64(len(m.table.slots)+cap(m.free))*8 + int64(cap(m.values))*24
	for _, c := range m.values {
		n += int64(cap(c)) * int64(unsafe.Sizeof(v))
	}
	return n
}

func (m *Map[V]) find(h uint64, key []byte) (int, address) {
	return m.table.find(h, func(at address) bool { return bytes.Equal(m.keys.data(at), key) })
}

func (m *Map[V]) value(number uint64) *V {
	return &m.values[(number-1)/valuesPerChunk][(number-1)%valuesPerChunk]
}

// number takes a zero value.
func (m *Map[V]) number() uint64 {
	if n := len(m.free); n > 0 {
		number := m.free[n-1]
		m.free = m.free[:n-1]
		return number
	}
	var zero V
	if m.next%valuesPerChunk == 0 {
		m.values = append(m.values, nil)
	}
	last := len(m.values) - 1
	if last > 0 && m.values[last] == nil {
		m.values[last] = make([]V, 0, valuesPerChunk)
	}
	m.values[last] = append(m.values[last], zero)
	m.next++
	return m.next
}

func (m *Map[V]) rehash() {
	m.table.reset(m.table.present)
	for at := range m.keys.live() {
		m.table.insert(hash(m.keys.data(at)), at)
	}
}

// compact copies what is live to a new arena and new values.
func (m *Map[V]) compact() {
	old := *m
	*m = *NewMap[V]()
	for key, v := range old.All() {
		number := m.number()
		*m.value(number) = *v
		m.keys.set(m.keys.add(key), 0, number)
	}
	m.table.present = old.table.present
	m.rehash()
}
