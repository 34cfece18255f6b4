package view_test

import (
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/milltest"
	"github.com/millrace/millrace/worker"
)

// network is what lies between the worker and the server: a forwarder that can be cut.
type network struct {
	target string
	listen net.Listener
	work   sync.WaitGroup

	mutex sync.Mutex
	open  map[net.Conn]bool
	flows chan struct{} // closed while bytes are forwarded
}

// newNetwork puts a network between the site's worker and the server.
func newNetwork(s *site) *network {
	s.t.Helper()
	u, err := url.Parse(s.config.DatabaseURL)
	if err != nil {
		s.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	n := &network{target: u.Host, listen: l, open: map[net.Conn]bool{}, flows: make(chan struct{})}
	close(n.flows)
	u.Host = l.Addr().String()
	s.config.DatabaseURL = u.String()
	n.work.Go(n.accept)
	s.t.Cleanup(func() {
		n.listen.Close()
		n.thaw()
		n.reset()
		n.work.Wait()
	})
	return n
}

func (n *network) accept() {
	for {
		near, err := n.listen.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", n.target)
		if err != nil {
			near.Close()
			continue
		}
		n.mutex.Lock()
		n.open[near], n.open[far] = true, true
		n.mutex.Unlock()
		n.work.Go(func() { n.forward(near, far) })
		n.work.Go(func() { n.forward(far, near) })
	}
}

// forward copies bytes one way until either end closes.
func (n *network) forward(from, to net.Conn) {
	buffer := make([]byte, 1<<14)
	for {
		got, err := from.Read(buffer)
		n.mutex.Lock()
		flows := n.flows
		n.mutex.Unlock()
		<-flows
		if _, writeErr := to.Write(buffer[:got]); err != nil || writeErr != nil {
			break
		}
	}
	for _, c := range []net.Conn{from, to} {
		c.Close()
		n.mutex.Lock()
		delete(n.open, c)
		n.mutex.Unlock()
	}
}

// freeze stops forwarding, without a word to either end.
func (n *network) freeze() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.flows = make(chan struct{})
}

func (n *network) thaw() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	select {
	case <-n.flows:
	default:
		close(n.flows)
	}
}

// reset breaks all connections.
func (n *network) reset() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for c := range n.open {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // it is broken either way
		}
		c.Close()
	}
}

// TestCrashNetwork cuts the network between the worker and the server at random
// moments while money moves: by breaking connections, and by silence.
func TestCrashNetwork(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.config.StateDir, s.config.Checkpoint = t.TempDir(), 50*time.Millisecond
	n := newNetwork(s)
	s.run()
	b := newBank(s)
	s.settle()
	b.begin(3, 2)
	for range rounds(t, 4) {
		b.pause(400 * time.Millisecond)
		n.reset()
	}
	for range rounds(t, 1) {
		b.pause(400 * time.Millisecond)
		n.freeze()
		warned := s.log.count("starting again")
		milltest.Until(t, "the worker notices the silence", func() bool { return s.log.count("starting again") > warned })
		n.reset() // what was on its way is lost
		n.thaw()
	}
	b.pause(300 * time.Millisecond)
	b.verify()
}

// TestCrashLeader has two workers on one database: one stands by, says so, and takes
// over when the other has ended.
func TestCrashLeader(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.config
	first.Listen = worker.Address{Network: "tcp", Host: "127.0.0.1"}.String()
	stop := s.runWith(first)
	b := newBank(s)
	b.begin(2, 2)
	c := s.open()
	milltest.Until(t, "the first worker writes", func() bool { return c.Text("SELECT moves > 0 FROM total") == "t" })
	s.run() // this one is asked
	milltest.Until(t, "the second stands by", func() bool {
		return c.Text("SELECT count(*) FROM ml.views WHERE reason LIKE 'another worker follows this database%'") == "3"
	})
	for range rounds(t, 2) {
		b.pause(300 * time.Millisecond)
		stop()
		s.settle()
		stop = s.runWith(first) // stands by
		s.openAdmin().Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'millrace worker' AND query LIKE 'LISTEN%'")
	}
	stop()
	b.verify()
}

// TestHugeTransaction has 300,000 rows in one transaction, which is open while the
// worker is stopped and started.
func TestHugeTransaction(t *testing.T) {
	t.Parallel()
	i := newItem(newSite(t))
	i.c.Run("BEGIN; INSERT INTO item SELECT i, i % 50, i FROM generate_series(10001, 160000) AS i")
	i.stop()
	i.c.Run("INSERT INTO item SELECT i, i % 50, i FROM generate_series(160001, 310000) AS i")
	i.stop = i.run()
	i.c.Run("UPDATE item SET n = n + 1 WHERE id % 1000 = 0; COMMIT")
	i.settle()
	i.compare("kinds")
	if n := i.log.count("built anew"); n != 1 {
		t.Errorf("views were built anew %d times, want once", n)
	}
	i.c.Run("DELETE FROM item WHERE id > 10000")
	i.settle()
	i.compare("kinds")
}
