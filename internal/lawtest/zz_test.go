package lawtest
import ("testing";"time";"fmt";"sort";"strings";"github.com/millrace/millrace/internal/pgtest")
func TestZZ(t *testing.T){
	conn := pgtest.Connect(t, pgtest.Database(t))
	type r struct{ d time.Duration; n int; q string; e error}
	var l []r
	var ts, tv time.Duration
	for seed := range uint64(60) {
		s := time.Now()
		c := stage(t, conn, seed)
		ts += time.Since(s)
		for _, q := range c.Queries {
			s := time.Now()
			var n int
			err := conn.QueryRow(t.Context(), "SELECT count(*) FROM ("+q+" OFFSET 0) AS r").Scan(&n)
			if err != nil { err = conn.QueryRow(t.Context(), "SELECT count(*) FROM ("+q+") AS r").Scan(&n) }
			l = append(l, r{time.Since(s), n, q, err})
			tv += time.Since(s)
		}
	}
	sort.Slice(l, func(i,j int) bool { return l[i].d > l[j].d })
	fmt.Println(ts, tv)
	for _, x := range l[:5] { fmt.Println(x.d, x.n, x.e, x.q) }
	cnt := map[string][2]int{}
	for _, x := range l { for _, w := range []string{"INTERSECT","EXCEPT","WHERE","HAVING"," JOIN", "LATERAL", "VALUES", "WITH ", "NOT IN", "EXISTS", "FROM (SELECT"} { if strings.Contains(x.q, w) { v := cnt[w]; v[0]++; if x.n==0 {v[1]++}; cnt[w]=v } }
	 w := "small"; if len(x.q) > 500 { w = "big" }; v := cnt[w]; v[0]++; if x.n==0 {v[1]++}; cnt[w]=v}
	fmt.Println(cnt)
	k := 0
	for _, x := range l { if x.n == 0 && x.e==nil { k++; if k%6==0 {fmt.Println("EMPTY", x.q)} } }
	fmt.Println(k, len(l))
}
