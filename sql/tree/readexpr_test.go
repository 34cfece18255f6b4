package tree

import (
	"strings"
	"testing"
)

// sum is what pg_attrdef.adbin has for GENERATED ALWAYS AS (a + 1).
const sum = `{OPEXPR :opno 551 :opfuncid 177 :opresulttype 23 :opretset false :opcollid 0 :inputcollid 0 :args (` +
	`{VAR :varno 1 :varattno 2 :vartype 23 :vartypmod -1 :varcollid 0 :varlevelsup 0 :varnosyn 1 :varattnosyn 2 :location 33} ` +
	`{CONST :consttype 23 :consttypmod -1 :constcollid 0 :constlen 4 :constbyval true :constisnull false :location 37 :constvalue 4 [ 1 0 0 0 0 0 0 0 ]}) :location 35}`

// TestReadExpr reads an expression that stands alone. Its places are of another text.
func TestReadExpr(t *testing.T) {
	t.Parallel()
	e, err := ReadExpr(sum)
	if err != nil {
		t.Fatal(err)
	}
	op, ok := e.(*Op)
	if !ok || op.Operator != 551 || len(op.Args) != 2 || op.Args[0].(*Var).Number != 2 {
		t.Fatalf("ReadExpr = %#v, want column 2 + 1", e)
	}
	Walk(e, func(e Expr) bool {
		if e.At() != -1 {
			t.Errorf("%T is at %d", e, e.At())
		}
		return true
	})
	for name, text := range map[string]string{
		"nothing": "", "no node": "<>", "list": "(" + sum + ")", "more behind it": sum + sum, "cut off": sum[:len(sum)-9],
		"another table":  strings.Replace(sum, ":varno 1", ":varno 2", 1),
		"a query around": strings.Replace(sum, ":varlevelsup 0", ":varlevelsup 1", 1),
	} {
		if e, err := ReadExpr(text); err == nil {
			t.Errorf("%s: ReadExpr = %#v, want an error", name, e)
		}
	}
}

// FuzzReadExpr reads damaged expressions: there may be an error, but no panic.
func FuzzReadExpr(f *testing.F) {
	f.Add(sum)
	f.Add(sum[:len(sum)/2])
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := ReadExpr(text); err == nil {
			_, _ = SQL(e, none{}, func(int) string { return "c0" })
		}
	})
}
