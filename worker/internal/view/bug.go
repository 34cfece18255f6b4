package view

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// errBug is wrapped by the error that a panic becomes. Only a bug of ours panics.
var errBug = errors.New("a bug of Millrace")

// contain, deferred, makes a panic the function's error: a bug in the part of one view
// or table must not end the others. What the function was changing may be in any state
// then, and is to be made anew. The log tells where the bug is.
func (e *Engine) contain(kind string, name any, err *error) {
	if r := recover(); r != nil {
		e.config.Log.Error("views: a bug of Millrace", kind, name, "panic", r, "stack", string(debug.Stack()))
		*err = fmt.Errorf("%w: %v", errBug, r)
	}
}
