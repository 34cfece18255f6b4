package lawtest
import ("testing";"time";"fmt";"math/rand/v2";"github.com/millrace/millrace/internal/pgtest")
func TestZZ(t *testing.T){
	conn := pgtest.Connect(t, pgtest.Database(t))
	bad, all, big := 0, 0, 0
	for seed := uint64(1000); seed < 1150; seed++ {
		c := stage(t, conn, seed)
		rng := rand.New(rand.NewPCG(seed, 9))
		for i, q := range c.Queries {
			if _, err := conn.Exec(t.Context(), fmt.Sprintf("CREATE VIEW v%d AS %s", i, q)); err != nil { fmt.Println(seed, err, q) }
		}
		for range 3 { 
		for range 12 { for _, s := range c.Transaction(rng) { run(t, conn, s) } }
		for i, q := range c.Queries {
			all++
			var n int
			s := time.Now()
			err := conn.QueryRow(t.Context(), fmt.Sprintf("SELECT count(*) FROM (SELECT * FROM v%d OFFSET 0) AS r", i)).Scan(&n)
			if err != nil { bad++; fmt.Println(seed, err, q) }
			if n > 20000 || time.Since(s) > time.Second { big++ ; fmt.Println("BIG", n, time.Since(s)) }
		}
		}
	}
	fmt.Println(bad, all, big)
}
