package pgserver

import (
	"os"
	"strconv"
	"syscall"
)

// attributes returns how to start a process of the user: with that user's rights,
// and with a signal that the kernel sends to it when this process dies.
func attributes(who identity, atParentDeath syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: atParentDeath}
	if who.changes {
		attr.Credential = &syscall.Credential{Uid: who.uid, Gid: who.gid}
	}
	return attr
}

// serves reports whether a process runs a server on a data folder: a postgres
// process works inside its folder.
func serves(pid int, dir string) bool {
	cwd, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/cwd")
	if err != nil {
		// Without the right to look, the process is not of our user, and so it
		// cannot be a server on a folder that our user owns.
		return false
	}
	return cwd == dir
}
