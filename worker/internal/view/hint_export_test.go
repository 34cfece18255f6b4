package view

import "time"

// WatchEvery has all engines that are run until restore is called compare what the log
// does not tell at another interval. No test may run beside.
func WatchEvery(d time.Duration) (restore func()) {
	former := watchInterval
	watchInterval = d
	return func() { watchInterval = former }
}
