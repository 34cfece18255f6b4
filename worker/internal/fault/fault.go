// Package fault holds the errors that a person who called a function sees: what
// went wrong with the facts of the data, and the next step.
//
// Only package bridge knows SQLSTATEs; everybody else says what kind of fault
// it is. An error of another type is a bug of ours and is reported as one.
package fault

import (
	"errors"
	"fmt"
)

// Kind classifies a fault. Its SQLSTATE is the bridge's business.
type Kind uint8

// The kinds of faults.
const (
	Internal       Kind = iota // a bug of ours
	Parameter                  // an argument is outside its bounds or unknown
	Data                       // the data do not allow the computation
	Syntax                     // a text is not one expression
	Type                       // an expression has a type that does not fit
	Privilege                  // the role may not do this
	Memory                     // a memory limit
	Busy                       // a limit of concurrent work
	Size                       // a limit of size other than memory
	State                      // not in the state that the call needs
	Unsupported                // a statement that the worker does not answer
	Cancelled                  // the caller, or somebody for them, stopped the call
	Deadlock                   // waiting would never end
	Authentication             // the password does not fit
	NotFound                   // no such job, model or data set
	NameTooLong                // an identifier over 63 bytes
)

// Error is a fault with its texts, each a sentence as PostgreSQL shows it.
type Error struct {
	Kind    Kind
	Message string // with the facts; no full stop
	Detail  string // may be empty
	Hint    string // the next step; may be empty
}

// Error returns the message alone.
func (e *Error) Error() string { return e.Message }

// New returns a fault with a formatted message.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// WithHint returns a copy of e with a hint.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// WithDetail returns a copy of e with a detail line.
func (e *Error) WithDetail(format string, args ...any) *Error {
	c := *e
	c.Detail = fmt.Sprintf(format, args...)
	return &c
}

// As returns err as a fault; an error of another type becomes an internal one.
func As(err error) *Error {
	if f, ok := errors.AsType[*Error](err); ok {
		return f
	}
	return &Error{Kind: Internal, Message: err.Error(), Hint: "This is a bug of Millrace: please report it with the worker's log."}
}
