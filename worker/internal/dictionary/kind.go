package dictionary

import "github.com/millrace/millrace/sql/row"

// kinds gives the kind of the base types in pg_catalog that have one. All others
// are opaque: those of extensions, and of ours those that PostgreSQL itself cannot
// compare (json, xml, point), or that nobody groups by (tsvector, pg_lsn, xid).
var kinds = map[uint32]row.Kind{
	16:   row.Bool,
	17:   row.Bytea,
	18:   row.Char,
	19:   row.Name,
	20:   row.Int8,
	21:   row.Int2,
	23:   row.Int4,
	24:   row.OID, // regproc
	25:   row.Text,
	26:   row.OID,
	650:  row.Inet, // cidr
	700:  row.Float4,
	701:  row.Float8,
	774:  row.Macaddr, // macaddr8
	790:  row.Money,
	829:  row.Macaddr,
	869:  row.Inet,
	1042: row.Bpchar,
	1043: row.Text, // varchar
	1082: row.Date,
	1083: row.Time,
	1114: row.Timestamp,
	1184: row.Timestamptz,
	1186: row.Interval,
	1266: row.Timetz,
	1560: row.Bit,
	1562: row.Bit, // varbit
	1700: row.Numeric,
	2202: row.OID, // regprocedure
	2203: row.OID, // regoper
	2204: row.OID, // regoperator
	2205: row.OID, // regclass
	2206: row.OID, // regtype
	2950: row.UUID,
	3734: row.OID, // regconfig
	3769: row.OID, // regdictionary
	3802: row.JSONB,
	4089: row.OID, // regnamespace
	4096: row.OID, // regrole
	4191: row.OID, // regcollation
}

// kind is the kind of a type that is no domain.
func (f *facts) kind() row.Kind {
	switch {
	case f.elem != 0:
		return row.Array
	case f.class == 'c':
		return row.Composite
	case f.class == 'e':
		return row.Enum
	case f.class == 'r':
		return row.Range
	case f.class == 'm':
		return row.Multirange
	}
	return kinds[f.oid]
}
