//go:build unix && !linux

package pgserver

import "syscall"

// attributes returns how to start a process of the user: with that user's rights.
// These systems have no signal at the parent's death.
func attributes(who identity, _ syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{}
	if who.changes {
		attr.Credential = &syscall.Credential{Uid: who.uid, Gid: who.gid}
	}
	return attr
}

// serves reports whether a process may run a server on a data folder. These systems
// do not tell where a process works, so any process that our user may signal counts.
func serves(pid int, _ string) bool { return syscall.Kill(pid, 0) == nil }
