package plan

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/millrace/millrace/sql/tree"
)

// printer writes expressions so that two are equal in PostgreSQL's sense, which leaves
// out where and how they were written, exactly if their texts are. The columns in
// computed are printed as what they stand for.
type printer struct {
	text     strings.Builder
	computed map[col]string
}

// printed is the text of an expression.
func printed(e tree.Expr, computed map[col]string) string {
	p := &printer{computed: computed}
	p.value(reflect.ValueOf(&e).Elem())
	return p.text.String()
}

func (p *printer) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			p.text.WriteString("nil")
			return
		}
		if c, ok := v.Interface().(*tree.Column); ok {
			if text, ok := p.computed[col(c.Index)]; ok {
				p.text.WriteString(text)
				return
			}
		}
		p.value(v.Elem())
	case reflect.Struct:
		p.text.WriteString(v.Type().Name() + "{")
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != "Location" && name != "Form" {
				p.value(v.Field(i))
				p.text.WriteByte(' ')
			}
		}
		p.text.WriteByte('}')
	case reflect.Slice:
		p.text.WriteByte('[')
		for i := range v.Len() {
			p.value(v.Index(i))
			p.text.WriteByte(' ')
		}
		p.text.WriteByte(']')
	default:
		fmt.Fprintf(&p.text, "%#v", v.Interface())
	}
}
