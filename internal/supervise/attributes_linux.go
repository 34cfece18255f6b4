package supervise

import "syscall"

// attributes: the kernel kills the child when the supervisor dies, even a child
// that is stopped and would not notice the end of its pipe.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
