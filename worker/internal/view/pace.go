package view

import "time"

// pace has transactions gather while they come fast. Each write has a fixed cost,
// and that of a group that changes again and again, which is PostgreSQL's to bear: so
// after a write the next tick rests, the longer the more changes the last one had. A
// change after a quiet moment is written at once.
type pace struct {
	until    time.Time // no tick before, unless enough has gathered
	gathered int64     // changes that wait for a tick
	taken    int64     // changes of the last tick
}

const (
	leastRest   = 0.5                   // times the last write
	mostRest    = 4                     // times the last write
	restChanges = 50                    // that many more changes have it rest for one write more
	longestRest = 20 * time.Millisecond // what a reader may wait for it
	enough      = 20_000                // changes for which nothing rests
)

// wrote notes a write.
func (p *pace) wrote(took time.Duration, ended time.Time) {
	factor := min(leastRest+float64(p.taken)/restChanges, mostRest)
	p.until = ended.Add(min(time.Duration(factor*float64(took)), longestRest))
}

// came notes a transaction that waits.
func (p *pace) came(changes int64) { p.gathered += max(1, changes) }

// begin notes that what has gathered is taken.
func (p *pace) begin() { p.taken, p.gathered = p.gathered, 0 }

// rest is how long the next tick has to wait.
func (p *pace) rest(now time.Time) time.Duration {
	if p.gathered >= enough {
		return 0
	}
	return p.until.Sub(now)
}
