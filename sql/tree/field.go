package tree

import (
	"fmt"
	"strconv"
)

// decoder turns values into nodes. The first error sticks: what is decoded after it
// is thrown away.
type decoder struct {
	err   error
	alone bool // an expression without the text that its locations are in
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("tree: "+format, args...)
	}
}

// fields gives a node's fields by name, as Go types.
type fields struct {
	*rawNode
	d *decoder
}

// get returns a field that every version prints.
func (f fields) get(name string) value {
	v, ok := f.fields[name]
	if !ok {
		f.d.fail("%s: no field %s", f.tag, name)
	}
	return v
}

func (f fields) bad(name, want string) { f.d.fail("%s: field %s: %s expected", f.tag, name, want) }

func (f fields) number(name string, v value, bits int) int64 {
	n, err := strconv.ParseInt(v.token, 10, bits)
	if v.kind != valueToken || err != nil {
		f.bad(name, "number")
		return 0
	}
	return n
}

func (f fields) int(name string) int { return int(f.number(name, f.get(name), 32)) }

// small returns a number that counts something: it is not negative.
func (f fields) small(name string) int {
	n := f.int(name)
	if n < 0 {
		f.bad(name, "number that is not negative")
	}
	return n
}

func (f fields) oid(name string) uint32 {
	n := f.number(name, f.get(name), 64)
	if n < 0 || n > 1<<32-1 {
		f.bad(name, "oid")
		return 0
	}
	return uint32(n)
}

func (f fields) bool(name string) bool {
	v := f.get(name)
	if v.kind != valueToken || v.token != "true" && v.token != "false" {
		f.bad(name, "true or false")
	}
	return v.token == "true"
}

// text returns a string; NULL is "".
func (f fields) text(name string) string {
	v := f.get(name)
	switch {
	case v.kind == valueNull || v.kind == valueToken && v.token == `""`:
		return ""
	case v.kind != valueToken:
		f.bad(name, "string")
		return ""
	}
	return unescape(v.token)
}

// char returns a single byte, 0 for none.
func (f fields) char(name string) byte {
	s := f.text(name)
	if len(s) > 1 {
		f.bad(name, "one character")
	}
	if s == "" {
		return 0
	}
	return s[0]
}

// at returns the location, -1 if the node has none.
func (f fields) at() int {
	if _, ok := f.fields["location"]; !ok || f.d.alone {
		return -1
	}
	return f.int("location")
}

// list returns a list's items; NULL is the empty list.
func (f fields) list(name string) []value {
	v := f.get(name)
	if v.kind != valueNull && v.kind != valueList {
		f.bad(name, "list")
	}
	return v.list
}

func (f fields) oids(name string) []uint32 {
	items := f.list(name)
	out := make([]uint32, 0, len(items))
	for _, v := range items {
		n := f.number(name, v, 64)
		if n < 0 || n > 1<<32-1 {
			f.bad(name, "oid")
		}
		out = append(out, uint32(n))
	}
	return out
}

func (f fields) ints(name string) []int {
	items := f.list(name)
	out := make([]int, 0, len(items))
	for _, v := range items {
		out = append(out, int(f.number(name, v, 32)))
	}
	return out
}

func (f fields) mods(name string) []int32 {
	items := f.list(name)
	out := make([]int32, 0, len(items))
	for _, v := range items {
		out = append(out, int32(f.number(name, v, 32)))
	}
	return out
}

// strings returns a list of string nodes, which are printed in quotes.
func (f fields) strings(name string) []string {
	items := f.list(name)
	out := make([]string, 0, len(items))
	for _, v := range items {
		n := len(v.token)
		if v.kind != valueToken || n < 2 || v.token[0] != '"' || v.token[n-1] != '"' {
			f.bad(name, "list of strings")
			return nil
		}
		out = append(out, unescape(v.token[1:n-1]))
	}
	return out
}

// child returns the node in a field, if there is one.
func (f fields) child(name string) (fields, bool) {
	v := f.get(name)
	return f.inner(name, v)
}

// inner makes fields of a value that is a node or NULL.
func (f fields) inner(name string, v value) (fields, bool) {
	switch v.kind {
	case valueNode:
		return fields{v.node, f.d}, true
	case valueNull:
	default:
		f.bad(name, "node")
	}
	return fields{}, false
}

// children returns the nodes of a list, all of which have the tag.
func (f fields) children(name, tag string) []fields {
	items := f.list(name)
	out := make([]fields, 0, len(items))
	for _, v := range items {
		in, ok := f.inner(name, v)
		if !ok || in.tag != tag {
			f.bad(name, "list of "+tag)
			return nil
		}
		out = append(out, in)
	}
	return out
}
