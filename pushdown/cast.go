package pushdown

import (
	"errors"
	"fmt"
	"strings"
)

// Cast names the binary form in which an expression's values leave PostgreSQL.
type Cast string

// The casts. Each is the target of a cast that PostgreSQL performs.
const (
	Float     Cast = "float8"
	Floats    Cast = "float8[]"
	Vector    Cast = "vector" // pgvector's type, through float4[] to float8[]
	Int       Cast = "int8"
	Text      Cast = "text"
	Timestamp Cast = "timestamp" // local time without zone

	// Timestamptz and Numeric are for keys: a form that does not depend on the
	// session's settings, and in which equal values are equal.
	Timestamptz Cast = "timestamptz"
	Numeric     Cast = "numeric" // decimal text without trailing zeros
)

// Type describes the static type of an expression, as the caller's catalog has
// it, domains resolved.
type Type struct {
	Name     string   `json:"name"`     // quoted, with schema
	Array    string   `json:"array"`    // quoted name of its array type
	Base     string   `json:"base"`     // typname behind domains
	Builtin  bool     `json:"builtin"`  // the base type is PostgreSQL's own
	Category string   `json:"category"` // typcategory
	Element  string   `json:"element"`  // typname of an array's elements
	Labels   []string `json:"labels"`   // of an enum, in its order
}

// Role is what an expression means to a call.
type Role string

// The roles of expressions.
const (
	Number  Role = "number"  // a quantity
	Point   Role = "point"   // a vector of quantities
	Key     Role = "key"     // an identity: compared, ordered, given back
	Carried Role = "carried" // only given back, as it is displayed
	Feature Role = "feature" // a quantity or a factor
	Time    Role = "time"    // a position in time
	Truth   Role = "truth"   // a boolean
	JSON    Role = "json"    // a document
)

// ErrType is wrapped by errors on expressions whose type does not fit.
var ErrType = errors.New("type does not fit")

var (
	integers = map[string]bool{"int2": true, "int4": true, "int8": true}
	numbers  = map[string]bool{"int2": true, "int4": true, "int8": true, "float4": true, "float8": true, "numeric": true}
	factors  = map[string]bool{"text": true, "varchar": true, "bpchar": true, "bool": true, "name": true, "char": true}
	times    = map[string]bool{"date": true, "timestamp": true, "timestamptz": true}
)

// IsNumber reports a numeric type.
func (t Type) IsNumber() bool { return t.Builtin && numbers[t.Base] }

// IsInteger reports an integer type.
func (t Type) IsInteger() bool { return t.Builtin && integers[t.Base] }

// IsFactor reports a type whose values are levels: text, boolean, enum.
func (t Type) IsFactor() bool { return t.Builtin && factors[t.Base] || t.Labels != nil || t.IsText() }

// IsText reports a type of category string, such as citext.
func (t Type) IsText() bool { return t.Category == "S" }

// IsBoolean reports boolean.
func (t Type) IsBoolean() bool { return t.Builtin && t.Base == "bool" }

// IsTime reports date and timestamps.
func (t Type) IsTime() bool { return t.Builtin && times[t.Base] }

// ReadsCatalog reports a type whose text form is looked up in the catalog under
// the session's search_path and own changes, such as regclass.
func (t Type) ReadsCatalog() bool {
	return t.Builtin && (strings.HasPrefix(t.Base, "reg") || strings.HasPrefix(t.Base, "_reg") || t.Base == "aclitem" || t.Base == "_aclitem")
}

// keyCast chooses a form that settings such as DateStyle and extra_float_digits
// do not change, as far as the type has one.
func keyCast(role Role, t Type) Cast {
	switch {
	case t.IsInteger():
		return Int
	case t.Builtin && (t.Base == "float4" || t.Base == "float8"):
		return Float
	case t.Builtin && (t.Base == "date" || t.Base == "timestamp"):
		return Timestamp
	case t.Builtin && t.Base == "timestamptz":
		return Timestamptz
	case t.Builtin && t.Base == "numeric" && role == Key:
		return Numeric
	}
	return Text
}

// CastFor returns the form in which an expression of type t travels in a role.
// The error wraps [ErrType] and tells what the role needs.
func CastFor(role Role, t Type) (Cast, error) {
	need := ""
	switch role {
	case Number:
		if t.IsNumber() {
			return Float, nil
		}
		need = "a number"
	case Point:
		if t.Category == "A" && numbers[t.Element] {
			return Floats, nil
		}
		if t.Base == "vector" && !t.Builtin {
			return Vector, nil
		}
		need = "an array of numbers, or a vector"
	case Key, Carried:
		return keyCast(role, t), nil
	case Feature:
		if t.IsNumber() {
			return Float, nil
		}
		if t.IsFactor() {
			return Text, nil
		}
		need = "a number, text, boolean or enum"
	case Time:
		switch {
		case t.IsTime():
			return Timestamp, nil
		case t.IsInteger():
			return Int, nil
		case t.IsNumber():
			return Float, nil
		}
		need = "a date, timestamp or number"
	case Truth:
		if t.IsBoolean() {
			return Text, nil
		}
		need = "a boolean"
	case JSON:
		return Text, nil
	}
	return "", fmt.Errorf("pushdown: %w: the type is %s, and %s is needed", ErrType, t.Name, need)
}
