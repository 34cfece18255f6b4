package dictionary

import (
	"fmt"

	"github.com/millrace/millrace/sql/row"
)

// typeUse is a type as a column uses it.
type typeUse struct {
	oid       uint32
	mod       int32
	collation uint32
}

// typeName is what a type's name depends on.
type typeName struct {
	oid uint32
	mod int32
}

// Type implements [schema.Catalog]. The element of a range is its subtype, that of
// a multirange its range. A domain has the modifier, the kind and the parts of its
// base type, however many domains lie between.
func (d *Dictionary) Type(oid uint32, mod int32, collation uint32) (*row.Type, error) {
	use := typeUse{oid, mod, collation}
	if t, ok := d.types[use]; ok {
		return t, nil
	}
	f, err := d.look(oid)
	if err != nil {
		return nil, err
	}
	t := &row.Type{OID: oid, Mod: mod, Collation: collation}
	if t.Name, err = d.name(oid, mod); err != nil {
		return nil, err
	}
	t.BaseName = t.Name
	for f.base != 0 {
		t.Mod, t.BaseName = f.baseMod, f.baseName
		if f, err = d.look(f.base); err != nil {
			return nil, err
		}
	}
	t.ArrayName, t.Kind = f.arrayName, f.kind()
	if collation != 0 {
		c, err := d.collation(collation)
		if err != nil {
			return nil, err
		}
		t.ByteOrder, t.Nondeterministic = c.byteOrder, c.nondeterministic
	}
	if err := d.parts(t, f); err != nil {
		return nil, err
	}
	d.types[use] = t
	return t, nil
}

// parts fills in the types that t, whose base type is f, is made of. Elements of
// an array have its modifier and collation.
func (d *Dictionary) parts(t *row.Type, f *facts) error {
	var err error
	switch t.Kind {
	case row.Enum:
		t.Labels = f.labels
	case row.Array:
		t.Elem, err = d.Type(f.elem, t.Mod, t.Collation)
	case row.Range, row.Multirange:
		t.Elem, err = d.Type(f.inner, -1, f.innerColl)
	case row.Composite:
		t.Fields = make([]*row.Type, len(f.fields))
		for i := range f.fields {
			if t.Fields[i], err = d.Type(f.fields[i], f.fieldMods[i], f.fieldColl[i]); err != nil {
				return err
			}
		}
	}
	return err
}

// name is the qualified name of a type with a modifier.
func (d *Dictionary) name(oid uint32, mod int32) (string, error) {
	if mod == -1 {
		f, err := d.look(oid)
		if err != nil {
			return "", err
		}
		return f.name, nil
	}
	key := typeName{oid, mod}
	if name, ok := d.names[key]; ok {
		return name, nil
	}
	var name string
	what := fmt.Sprintf("type %d with modifier %d", oid, mod)
	if err := d.one(what, "SELECT pg_catalog.format_type($1, $2)", []any{oid, mod}, &name); err != nil {
		return "", err
	}
	d.names[key] = name
	return name, nil
}

// EnumLabel implements [tree.Labels].
func (d *Dictionary) EnumLabel(oid uint32) (string, error) {
	if label, ok := d.labels[oid]; ok {
		return label, nil
	}
	if err := d.open(); err != nil {
		return "", err
	}
	var label string
	const sql = "SELECT enumlabel::text FROM pg_catalog.pg_enum WHERE oid = $1"
	if err := d.one(fmt.Sprintf("enum label %d", oid), sql, []any{oid}, &label); err != nil {
		return "", err
	}
	d.labels[oid] = label
	return label, nil
}

// field is an attribute of a composite type; dropped ones count.
type field struct {
	oid    uint32
	number int16
}

// FieldName implements [tree.Fields].
func (d *Dictionary) FieldName(oid uint32, number int16) (string, error) {
	key := field{oid, number}
	if name, ok := d.fields[key]; ok {
		return name, nil
	}
	if err := d.open(); err != nil {
		return "", err
	}
	var name string
	const sql = `SELECT a.attname::text FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.typrelid
		WHERE t.oid = $1 AND a.attnum = $2 AND NOT a.attisdropped`
	if err := d.one(fmt.Sprintf("field %d of type %d", number, oid), sql, []any{oid, number}, &name); err != nil {
		return "", err
	}
	d.fields[key] = name
	return name, nil
}
