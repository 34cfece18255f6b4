package row

import (
	"fmt"
	"strconv"
	"time"
)

// showLimit bounds the bytes of one value in a message.
const showLimit = 60

// Show is a value as a message shows it to a person: the common types as PostgreSQL
// would, others in hexadecimal; long ones are cut.
func (t *Type) Show(v Value) string {
	if v == nil {
		return "NULL"
	}
	switch t.Kind {
	case Bool:
		return strconv.FormatBool(v.Bool())
	case Int2:
		return strconv.Itoa(int(v.Int2()))
	case Int4:
		return strconv.Itoa(int(v.Int4()))
	case Int8:
		return strconv.FormatInt(v.Int8(), 10)
	case OID:
		return strconv.FormatUint(uint64(v.OID()), 10)
	case Float4:
		return strconv.FormatFloat(float64(v.Float4()), 'g', -1, 32)
	case Float8:
		return strconv.FormatFloat(v.Float8(), 'g', -1, 64)
	case Date:
		return time.Unix(epoch2000, 0).UTC().AddDate(0, 0, int(v.Date())).Format(time.DateOnly)
	case Timestamp, Timestamptz:
		return time.UnixMicro(epoch2000*1e6 + v.Timestamp()).UTC().Format("2006-01-02 15:04:05.999999")
	case Text, Bpchar, Name, Enum:
		return strconv.Quote(cut(v))
	}
	return fmt.Sprintf("\\x%x", cut(v))
}

// epoch2000 is PostgreSQL's day zero in Unix seconds.
const epoch2000 = 946684800

func cut(v Value) string {
	if len(v) > showLimit {
		return string(v[:showLimit]) + "…"
	}
	return string(v)
}
