// Package ext holds what is installed inside PostgreSQL: the functions of schema
// ml, one file per topic, and the caller's side of the bridge in ml_private.
//
// `millrace install` runs them as plain SQL, the only way that managed
// PostgreSQL allows.
package ext

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed sql/*.sql madlib/*.sql
var files embed.FS

// File is one script.
type File struct {
	Name string
	SQL  string
}

// Core returns the scripts of schemas ml and ml_private, in the order to run.
func Core() []File { return folder("sql") }

// Madlib returns the scripts of the compatibility schema madlib.
func Madlib() []File { return folder("madlib") }

func folder(name string) []File {
	entries, err := fs.ReadDir(files, name)
	if err != nil {
		panic(err) // the folder is embedded
	}
	var out []File
	for _, e := range entries {
		text, err := files.ReadFile(name + "/" + e.Name())
		if err != nil {
			panic(err)
		}
		out = append(out, File{Name: e.Name(), SQL: string(text)})
	}
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Version identifies the scripts by their content. Worker and functions must
// have the same one.
func Version() string {
	h := sha256.New()
	for _, f := range append(Core(), Madlib()...) {
		fmt.Fprintf(h, "%s\n%s\n", f.Name, f.SQL)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}
