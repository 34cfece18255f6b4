package expr

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
	"github.com/millrace/millrace/sql/tree"
)

// ioCast compiles a cast through text, where the text does not depend on settings.
func (c *compiler) ioCast(e *tree.IOCast) (node, error) {
	from, to := e.Arg.Result().OID, e.Type.OID
	arg, err := c.compile(e.Arg)
	if err != nil {
		return nil, err
	}
	compute := run(nil)
	switch {
	case isText(to):
		if compute, err = c.output(e.Arg.Result()); err != nil {
			return nil, err
		}
	case isText(from):
		if compute, err = input(&site{catalog: c.catalog}, to); err != nil {
			return nil, err
		}
	}
	if compute == nil {
		return nil, notNative("cast from type %d to type %d", from, to)
	}
	return newCall(compute, []node{arg}), nil
}

func isText(oid uint32) bool { return oid == textOID || oid == varcharOID }

// output returns the function that prints values of a type, or nil.
func (c *compiler) output(from tree.TypeRef) (run, error) {
	return output(&site{catalog: c.catalog}, from)
}

func output(s *site, from tree.TypeRef) (run, error) {
	switch from.OID {
	case int2OID, int4OID, int8OID:
		return integerOut, nil
	case oidOID:
		return oidOut, nil
	case numericOID:
		return numericOut, nil
	case uuidOID:
		return uuidOut, nil
	case textOID, varcharOID, bpcharOID, nameOID, jsonOID:
		return same, nil
	case jsonbOID:
		return func(_ *buffer, args []row.Value) (row.Value, error) { return args[0][1:], nil }, nil
	}
	t, err := s.catalog.Type(from.OID, from.Mod, from.Collation)
	if err != nil {
		return nil, fmt.Errorf("expr: compile: %w", err)
	}
	if schema.InCatalog(from.OID) {
		return nil, nil
	}
	return outputOfKind[t.Kind], nil
}

// outputOfKind prints the values of enums, and of domains as their base types do.
var outputOfKind = map[row.Kind]run{
	row.Int2: integerOut, row.Int4: integerOut, row.Int8: integerOut, row.Numeric: numericOut, row.UUID: uuidOut,
	row.Text: same, row.Bpchar: same, row.Name: same, row.Enum: same,
}

func integerOut(b *buffer, args []row.Value) (row.Value, error) {
	return b.keep(strconv.AppendInt(b.start(), integer(args[0]), 10)), nil
}

func oidOut(b *buffer, args []row.Value) (row.Value, error) {
	return b.keep(strconv.AppendUint(b.start(), uint64(args[0].OID()), 10)), nil
}

func numericOut(b *buffer, args []row.Value) (row.Value, error) {
	d, err := decimal(args[0])
	if err != nil {
		return nil, err
	}
	return b.keep(append(b.start(), d.String()...)), nil
}

func uuidOut(b *buffer, args []row.Value) (row.Value, error) {
	dst := b.start()
	for i, part := range [][2]int{{0, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 16}} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, args[0][part[0]:part[1]])
	}
	return b.keep(dst), nil
}

// input returns the function that reads values of a type, or nil.
func input(s *site, to uint32) (run, error) {
	switch to {
	case boolOID:
		return boolIn, nil
	case int2OID:
		return integerIn(s, w2, "smallint")
	case int4OID:
		return integerIn(s, w4, "integer")
	case int8OID:
		return integerIn(s, w8, "bigint")
	default:
		return nil, nil
	}
}

func syntaxError(name string, v row.Value) error {
	return &RowError{"invalid input syntax for type " + name + ": \"" + string(v) + "\""}
}

const spaces = " \t\n\v\f\r"

// boolIn reads a bool: a word of a pair, or an abbreviation that tells it apart.
func boolIn(_ *buffer, args []row.Value) (row.Value, error) {
	word := strings.ToLower(string(bytes.Trim(args[0], spaces)))
	abbreviates := func(full string, least int) bool { return len(word) >= least && strings.HasPrefix(full, word) }
	switch {
	case word == "1", abbreviates("true", 1), abbreviates("yes", 1), abbreviates("on", 2):
		return trueValue, nil
	case word == "0", abbreviates("false", 1), abbreviates("no", 1), abbreviates("off", 2):
		return falseValue, nil
	}
	return nil, syntaxError("boolean", args[0])
}

// integerIn builds the reading of an integer. From version 16 on it may be
// hexadecimal, octal or binary, and have underscores between its digits.
func integerIn(s *site, w width, name string) (run, error) {
	version, err := s.version()
	if err != nil {
		return nil, err
	}
	limit := uint64(1) << (w*8 - 1)
	return func(b *buffer, args []row.Value) (row.Value, error) {
		text := strings.Trim(string(args[0]), spaces)
		negative := strings.HasPrefix(text, "-")
		if negative || strings.HasPrefix(text, "+") {
			text = text[1:]
		}
		u, read := scanInteger(text, limit, version >= 16)
		switch {
		case read == scanSyntax:
			return nil, syntaxError(name, args[0])
		case read == scanRange, u > limit, u == limit && !negative:
			return nil, &RowError{"value \"" + string(args[0]) + "\" is out of range for type " + name}
		case negative:
			return w.put(b, -int64(u))
		}
		return w.put(b, int64(u))
	}, nil
}

// Outcomes of scanInteger.
const (
	scanDone = iota
	scanSyntax
	scanRange
)

// scanInteger reads digits to the end of the text. Digits that leave the range end
// the reading before what is wrong behind them is seen: just when is a matter of
// version.
func scanInteger(text string, limit uint64, modern bool) (u uint64, outcome int) {
	base, digits := uint64(10), text
	if modern && len(text) > 1 && text[0] == '0' {
		switch text[1] | 0x20 {
		case 'x':
			base, digits = 16, text[2:]
		case 'o':
			base, digits = 8, text[2:]
		case 'b':
			base, digits = 2, text[2:]
		}
	}
	for i := 0; i < len(digits); i++ {
		if modern && digits[i] == '_' && (i > 0 || base != 10) {
			i++
		}
		if i == len(digits) || digit(digits[i]) >= base {
			return 0, scanSyntax
		}
		if u > limit/base {
			return 0, scanRange
		}
		u = u*base + digit(digits[i])
		if !modern && u > limit {
			return 0, scanRange
		}
	}
	if digits == "" {
		return 0, scanSyntax
	}
	return u, scanDone
}

func digit(c byte) uint64 {
	switch {
	case c >= '0' && c <= '9':
		return uint64(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return uint64(c|0x20-'a') + 10
	default:
		return 99
	}
}

// anyConcatenate builds text || value and value || text, which print the value.
func anyConcatenate(textFirst bool) builder {
	return func(s *site) (run, error) {
		value := 0
		if textFirst {
			value = 1
		}
		if s.args[value].Result().OID == boolOID {
			return nil, notNative("printing a bool")
		}
		print, err := output(s, s.args[value].Result())
		if err != nil {
			return nil, err
		}
		if print == nil {
			return nil, notNative("printing type %d", s.args[value].Result().OID)
		}
		var printed buffer
		return func(b *buffer, args []row.Value) (row.Value, error) {
			text, err := print(&printed, args[value:value+1])
			if err != nil {
				return nil, err
			}
			dst := b.start()
			if textFirst {
				return b.keep(append(append(dst, args[0]...), text...)), nil
			}
			return b.keep(append(append(dst, text...), args[1]...)), nil
		}, nil
	}
}

// limitLength builds the casts to varchar(n), and to char(n), which pads. An
// explicit cast cuts; another fails, unless only blanks are cut.
func limitLength(name string, pad bool) builder {
	return func(s *site) (run, error) {
		mod, ok := s.constant(1)
		explicit, okToo := s.constant(2)
		if !ok || !okToo {
			return nil, notNative("a length that is not constant")
		}
		limit := integer(mod) - 4
		cut := isTrue(explicit)
		if limit < 0 {
			return same, nil
		}
		tooLong := &RowError{fmt.Sprintf("value too long for type %s(%d)", name, limit)}
		return func(b *buffer, args []row.Value) (row.Value, error) {
			v := args[0]
			end := skip(v, limit)
			switch {
			case !cut && len(trimBlanks(v[end:])) > 0:
				return nil, tooLong
			case !pad || end < len(v):
				return v[:end], nil
			}
			v = append(b.start(), v...)
			for range limit - int64(utf8.RuneCount(args[0])) {
				v = append(v, ' ')
			}
			return b.keep(v), nil
		}, nil
	}
}

func boolText(_ *buffer, args []row.Value) (row.Value, error) {
	if isTrue(args[0]) {
		return row.Value("true"), nil
	}
	return row.Value("false"), nil
}

func boolInteger(b *buffer, args []row.Value) (row.Value, error) {
	return b.int4(int32(args[0][0])), nil
}

func integerBool(_ *buffer, args []row.Value) (row.Value, error) {
	return boolValue(integer(args[0]) != 0), nil
}

func oidInteger(b *buffer, args []row.Value) (row.Value, error) {
	return b.int8(int64(args[0].OID())), nil
}

// castFunctions is casts, and functions that print values.
var castFunctions = []function{
	{oid: 2971, signature: "text(bool)", run: boolText},
	{oid: 2558, signature: "int4(bool)", run: boolInteger},
	{oid: 2557, signature: "bool(int4)", run: integerBool},
	{oid: 1288, signature: "int8(oid)", run: oidInteger},
	{oid: 406, signature: "text(name)", run: same},
	{oid: 1401, signature: "varchar(name)", run: same},
	{oid: 408, signature: "bpchar(name)", run: same},
	{oid: 669, signature: "varchar(varchar,int4,bool)", build: limitLength("character varying", false)},
	{oid: 668, signature: "bpchar(bpchar,int4,bool)", build: limitLength("character", true)},
	{oid: 2003, signature: "textanycat(text,anynonarray)", build: anyConcatenate(true)},
	{oid: 2004, signature: "anytextcat(anynonarray,text)", build: anyConcatenate(false)},
}
