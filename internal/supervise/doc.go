// Package supervise runs a program as a child process and replaces it when it
// crashes or hangs.
//
// The child sends a heartbeat over a pipe, every [Interval], from a goroutine that
// does nothing else. A child that is silent for Config.HeartbeatTimeout is stopped
// or stuck: its callers would wait on an open socket for ever. It is killed, so
// that its sockets close and its callers get an error, and started again. A child
// that ends by itself is started again too, after a delay that doubles each time
// when it ends soon after its start.
//
// Supervisor and child live and die together. The child ends when the supervisor's
// end of a second pipe closes, and on Linux the kernel also kills it.
//
// The child inherits what the command says. It finds its two pipes as descriptors 3
// and 4 and calls [Attach] first of all.
package supervise

import (
	"errors"
	"time"
)

// Interval is the time between two heartbeats.
const Interval = 250 * time.Millisecond

// Errors of this package.
var (
	// ErrGivenUp says that the child failed too often in a row; the reason of its
	// last failure follows. Cure that reason, and start again.
	ErrGivenUp = errors.New("given up")
	// ErrPermanent says that the child reported a reason that another start cannot
	// cure; it follows.
	ErrPermanent = errors.New("cannot run")
	// ErrKilled says that the child had to be killed because it did not stop when
	// it was asked to.
	ErrKilled = errors.New("killed")
	// ErrDetached says that the process was not started by this package.
	ErrDetached = errors.New("not a child of the supervisor")
)
