//go:build unix && !linux

package supervise

import "syscall"

// attributes: only the end of its pipe tells the child that the supervisor died.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
