package tree

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/millrace/millrace/sql/row"
	"github.com/millrace/millrace/sql/schema"
)

// literal prints a constant with a cast to its type, in a form that the server reads
// back to the same bytes whatever DateStyle, IntervalStyle, TimeZone and
// standard_conforming_strings are.
func literal(c schema.Catalog, k *Const) (string, error) {
	t, err := c.Type(k.Type.OID, k.Type.Mod, k.Type.Collation)
	if err != nil {
		return "", fmt.Errorf("tree: constant: %w", err)
	}
	if k.Null {
		return "NULL::" + t.Name, nil
	}
	if k.Value == nil {
		return "", fmt.Errorf("tree: constant of type %s: %w: not decoded", t.Name, ErrConstant)
	}
	switch {
	case t.Kind == row.Money && len(k.Value) == 8:
		return moneyLiteral(k.Value), nil
	case t.Kind == row.Char && len(k.Value) == 1 && (k.Value[0] < ' ' || k.Value[0] > '~'):
		return fmt.Sprintf("(%d)::pg_catalog.int4::%s", int8(k.Value[0]), t.Name), nil
	}
	text, err := textForm(t, k.Value)
	if err != nil {
		return "", fmt.Errorf("tree: constant of type %s: %w", t.Name, err)
	}
	return quote(text) + "::" + t.Name, nil
}

// moneyLiteral makes money from its smallest unit. How many of those a whole one has
// depends on lc_monetary; the scale of one as a numeric tells it.
func moneyLiteral(v row.Value) string {
	const unit = "('1e-' OPERATOR(pg_catalog.||) pg_catalog.scale('1'::pg_catalog.money::pg_catalog.numeric)::pg_catalog.text)::pg_catalog.numeric"
	return fmt.Sprintf("('%d'::pg_catalog.numeric OPERATOR(pg_catalog.*) %s)::pg_catalog.money", int64(binary.BigEndian.Uint64(v)), unit)
}

// quote quotes a string for SQL. E'…' means the same whatever
// standard_conforming_strings is.
func quote(s string) string {
	q := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return "E" + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}

// quoteName quotes an identifier if it needs quotes. Keywords do, so all but
// those of our own schemas' shape are quoted.
func quoteName(s string) string {
	if s == "pg_catalog" || s == "public" {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// textForms writes values as text that the type's input function reads back, by kind.
var textForms = map[row.Kind]func(row.Value) (string, error){
	row.Bool: boolText, row.Int2: intText, row.Int4: intText, row.Int8: intText, row.OID: oidText, row.Float4: floatText, row.Float8: floatText,
	row.Numeric: numericText, row.Text: plainText, row.Bpchar: plainText, row.Name: plainText, row.Char: plainText, row.Enum: plainText,
	row.Bytea: byteaText, row.Date: dateText, row.Time: timeText, row.Timetz: timetzText, row.Timestamp: timestampText,
	row.Timestamptz: timestamptzText, row.Interval: intervalText, row.UUID: hexText, row.Macaddr: hexText, row.JSONB: jsonbText,
	row.Inet: inetText, row.Bit: bitText,
}

// textForm writes a value as text.
func textForm(t *row.Type, v row.Value) (string, error) {
	if form := textForms[t.Kind]; form != nil {
		if t.Kind == row.Char && string(v) != "" && (v[0] < ' ' || v[0] > '~') {
			return "", ErrConstant // inside of a container
		}
		return form(v)
	}
	switch t.Kind {
	case row.Array:
		return arrayText(t, v)
	case row.Range:
		return rangeText(t, v)
	case row.Multirange:
		return multirangeText(t, v)
	case row.Opaque:
		return opaqueText(t.OID, v)
	}
	return "", ErrConstant
}

// opaqueText writes a value of a type without a kind.
func opaqueText(oid uint32, v row.Value) (string, error) {
	f := make([]any, 0, 4)
	if len(v)%8 == 0 {
		for i := 0; i < len(v); i += 8 {
			text, _ := floatText(v[i : i+8]) // of eight bytes, which are always a number
			f = append(f, text)
		}
	}
	switch {
	case oid == oidJSON || oid == oidXML || oid == oidUnknown:
		return string(v), nil
	case oid == oidPoint && len(f) == 2:
		return fmt.Sprintf("(%s,%s)", f...), nil
	case oid == oidSegment && len(f) == 4:
		return fmt.Sprintf("[(%s,%s),(%s,%s)]", f...), nil
	case oid == oidBox && len(f) == 4:
		return fmt.Sprintf("(%s,%s),(%s,%s)", f...), nil
	case oid == oidLine && len(f) == 3:
		return fmt.Sprintf("{%s,%s,%s}", f...), nil
	case oid == oidCircle && len(f) == 3:
		return fmt.Sprintf("<(%s,%s),%s>", f...), nil
	case oid == oidMAC8 && len(v) == 8:
		return hex.EncodeToString(v), nil
	case oid == oidLSN && len(v) == 8:
		return fmt.Sprintf("%X/%X", binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])), nil
	case oid == oidXID8 && len(v) == 8:
		return fmt.Sprint(binary.BigEndian.Uint64(v)), nil
	}
	return "", ErrConstant
}
