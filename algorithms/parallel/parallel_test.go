package parallel

import (
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

// boom panics in a frame that a stack must show.
func boom(v any) { panic(v) }

func TestGroupWaits(t *testing.T) {
	t.Parallel()
	var g Group
	var sum atomic.Int64
	for i := range 100 {
		g.Go(func() { sum.Add(int64(i)) })
	}
	g.Wait()
	if got := sum.Load(); got != 4950 {
		t.Errorf("sum = %d, want 4950", got)
	}
}

// A panic surfaces in Wait, after all members have ended, with its own stack.
func TestGroupPanics(t *testing.T) {
	t.Parallel()
	var g Group
	var ended atomic.Int64
	release := make(chan struct{})
	g.Go(func() { defer close(release); boom("first") })
	g.Go(func() { <-release; ended.Add(1) })
	p := Catch(g.Wait)
	if p == nil || p.Value != "first" || ended.Load() != 1 {
		t.Fatalf("Wait panic = %v, %d ended, want first and 1", p, ended.Load())
	}
	if text := p.Error(); !strings.HasPrefix(text, "first\n") || !strings.Contains(text, "parallel.boom") {
		t.Errorf("Error = %q, want the value and the stack of boom", text)
	}
}

// Of several panics one is reported, and a nested group's is not wrapped twice.
func TestGroupNested(t *testing.T) {
	t.Parallel()
	var outer Group
	index := 1
	outer.Go(func() {
		var inner Group
		for range 8 {
			inner.Go(func() { _ = []int{1}[index] })
		}
		inner.Wait()
	})
	p := Catch(outer.Wait)
	if p == nil {
		t.Fatal("Wait did not panic")
	}
	var bug runtime.Error
	if !errors.As(p, &bug) || !strings.Contains(string(p.Stack), "TestGroupNested") {
		t.Errorf("panic = %v, want a runtime error of the innermost goroutine", p)
	}
}

func TestCatch(t *testing.T) {
	t.Parallel()
	if p := Catch(func() {}); p != nil {
		t.Errorf("Catch = %v, want nil", p)
	}
	if p := Catch(func() { panic(nil) }); p == nil {
		t.Error("Catch of panic(nil) = nil")
	}
	var none *Panic
	none.Throw() // Does nothing.
	if p := Catch(func() { (&Panic{Value: 7}).Throw() }); p == nil || p.Value != 7 || p.Unwrap() != nil {
		t.Errorf("Catch of Throw = %v, want 7", p)
	}
}
