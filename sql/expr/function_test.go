package expr

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
)

// sqlTypes are the types of signatures whose SQL name or stand-in is another.
var sqlTypes = map[string]string{"char": `"char"`, "anyenum": "mood", "anynonarray": "int4", "varchar": "text"}

// signatureTypes splits a signature.
func signatureTypes(signature string) (name string, types []string) {
	name, list, _ := strings.Cut(strings.TrimSuffix(signature, ")"), "(")
	for _, typ := range strings.Split(list, ",") {
		if other, ok := sqlTypes[typ]; ok {
			typ = other
		}
		types = append(types, typ)
	}
	return name, types
}

// calls returns a call of each function that needs no constants, over c0, c1, …, by
// the types of the arguments.
func calls() map[string][]string {
	groups := map[string][]string{}
	for _, f := range functions {
		if needsConstant[f.signature] {
			continue
		}
		name, types := signatureTypes(f.signature)
		collate := ""
		if strings.Contains(f.signature, "text") || strings.Contains(f.signature, "bpchar") || strings.Contains(f.signature, "name") {
			collate = ` COLLATE "C"`
		}
		args := make([]string, len(types))
		for i, typ := range types {
			args[i] = fmt.Sprintf("c%d", i)
			if typ == "text" || typ == "bpchar" || typ == "name" {
				args[i] += collate
			}
		}
		key := strings.Join(types, ",")
		groups[key] = append(groups[key], fmt.Sprintf(`pg_catalog."%s"(%s)`, name, strings.Join(args, ", ")))
	}
	return groups
}

// TestFunctions calls every function that needs no constants, on all combinations of
// nasty and random values of its argument types, and compares bytes and messages
// with the server's. It fails for each function that computes anything else.
func TestFunctions(t *testing.T) {
	t.Parallel()
	const seed = 7
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	o := newOracle(t)
	groups := calls()
	keys := make([]string, 0, len(groups))
	for key := range groups {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		types := strings.Split(key, ",")
		random := 2
		if len(types) == 1 {
			random = 100
		}
		o.fill(t, types, product(r, types, random, o.catalog.major))
		sort.Strings(groups[key])
		for _, sql := range groups[key] {
			o.check(t, sql)
		}
	}
	for oid, f := range functions {
		if !o.used[oid] && !needsConstant[f.signature] {
			t.Errorf("%s was not called", f.signature)
		}
	}
}

// needsConstant is the functions that are native only with constant arguments:
// TestConstants calls them.
var needsConstant = map[string]bool{}

func init() {
	for _, f := range functions {
		name, types := signatureTypes(f.signature)
		switch {
		case strings.Contains(name, "like"), name == "extract", name == "date_part", name == "date_trunc",
			strings.HasSuffix(name, "shl"), strings.HasSuffix(name, "shr"),
			name == "timestamptz_pl_interval", name == "timestamptz_mi_interval",
			len(types) == 2 && types[1] == "int4" && strings.Contains(" round trunc numeric timestamp timestamptz time ", " "+name+" ") && types[0] != "int4",
			len(types) == 3 && types[2] == "bool":
			needsConstant[f.signature] = true
		}
	}
}
