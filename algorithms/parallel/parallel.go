// Package parallel runs functions in goroutines whose bugs have an owner.
//
// A panic that nobody recovers ends the process, with every other caller's work.
// A goroutine cannot be recovered from outside, so a [Group] recovers in each of
// its own and hands the panic on:
//
//	a panic in Go(f) is a panic in the Wait of that group
//
// Whoever started the work decides there what a bug costs.
package parallel

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// Group is a set of goroutines that are waited for together. Its zero value is
// ready to use; it must not be copied after the first Go.
type Group struct {
	wait  sync.WaitGroup
	once  sync.Once
	first *Panic
}

// Go calls f in a goroutine of its own. It must not be called after Wait began,
// other than from a member of the group.
func (g *Group) Go(f func()) {
	g.wait.Go(func() {
		if p := Catch(f); p != nil {
			g.once.Do(func() { g.first = p })
		}
	})
}

// Wait waits until all functions have returned or panicked. If any panicked, Wait
// panics with the first one's value and stack, a [*Panic].
func (g *Group) Wait() {
	g.wait.Wait()
	g.first.Throw()
}

// Panic is a panic that another goroutine recovered.
type Panic struct {
	Value any    // what panic was called with
	Stack []byte // of the goroutine that panicked
}

// Catch calls f and returns its panic, or nil. A call of runtime.Goexit is not
// caught. It is for goroutines that something other than a [Group] starts.
func Catch(f func()) (caught *Panic) {
	done := false
	defer func() {
		if done {
			return
		}
		switch v := recover().(type) {
		case nil: // runtime.Goexit
		case *Panic: // of a group inside f: its stack is the one to see
			caught = v
		default:
			caught = &Panic{Value: v, Stack: debug.Stack()}
		}
	}()
	f()
	done = true
	return nil
}

// Throw panics with p, if it is not nil.
func (p *Panic) Throw() {
	if p != nil {
		panic(p)
	}
}

// Error tells the value and the stack of the goroutine that panicked. A Panic is
// an error so that whoever recovers one prints both.
func (p *Panic) Error() string {
	return fmt.Sprintf("%v\n\nin a goroutine started by the caller:\n%s", p.Value, p.Stack)
}

// Unwrap returns the value if it is an error, as those of the runtime are.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}
