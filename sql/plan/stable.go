package plan

import (
	"fmt"
	"strings"
)

// stable is the functions of pg_catalog that are not immutable only because their
// result depends on settings which a view keeps as they were at its creation: the time
// zone, DateStyle, IntervalStyle, the locale of numbers and months.
var stable = words(`
	age array_to_json array_to_string concat concat_ws
	date date_bin date_part date_trunc extract
	date_cmp_timestamptz date_eq_timestamptz date_ge_timestamptz date_gt_timestamptz date_le_timestamptz date_lt_timestamptz date_ne_timestamptz
	timestamp_cmp_timestamptz timestamp_eq_timestamptz timestamp_ge_timestamptz timestamp_gt_timestamptz timestamp_le_timestamptz timestamp_lt_timestamptz timestamp_ne_timestamptz
	timestamptz_cmp_date timestamptz_eq_date timestamptz_ge_date timestamptz_gt_date timestamptz_le_date timestamptz_lt_date timestamptz_ne_date
	timestamptz_cmp_timestamp timestamptz_eq_timestamp timestamptz_ge_timestamp timestamptz_gt_timestamp timestamptz_le_timestamp timestamptz_lt_timestamp timestamptz_ne_timestamp
	date_add date_subtract timestamptz_pl_interval timestamptz_mi_interval interval_pl_timestamptz
	format interval
	json_agg json_agg_strict json_build_array json_build_object json_object_agg json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict
	jsonb_agg jsonb_agg_strict jsonb_build_array jsonb_build_object jsonb_object_agg jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict
	make_timestamptz overlaps row_to_json
	text textanycat anytextcat time timestamp timestamptz timetz timezone
	to_char to_date to_json to_jsonb to_number to_timestamp
	money numeric quote_literal quote_nullable

`)

// sqlValues is the names of what SQLValue stands for, by its number.
var sqlValues = []string{
	"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIME",
	"LOCALTIMESTAMP", "LOCALTIMESTAMP", "CURRENT_ROLE", "CURRENT_USER", "USER", "SESSION_USER", "CURRENT_CATALOG", "CURRENT_SCHEMA",
}

func sqlValueName(op int) string {
	if op >= 0 && op < len(sqlValues) {
		return sqlValues[op]
	}
	return fmt.Sprintf("SQL value function %d", op)
}

// unknownName is the SQL name of a node that is printed with this tag.
func unknownName(tag string) string {
	switch {
	case strings.HasPrefix(tag, "XML"):
		return "an XML expression"
	case strings.HasPrefix(tag, "JSON"):
		return "an SQL/JSON expression"
	case tag == "NEXTVALUEEXPR":
		return "nextval"
	case tag == "SETTODEFAULT":
		return "DEFAULT"
	case tag == "CURRENTOFEXPR":
		return "CURRENT OF"
	}
	return "an expression of kind " + tag
}
