package tpch

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// Words of the specification that queries look for, among others.
var (
	regionNames = []string{"AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"}
	nationNames = []string{"ALGERIA", "ARGENTINA", "BRAZIL", "CANADA", "EGYPT", "ETHIOPIA", "FRANCE", "GERMANY", "INDIA", "INDONESIA", "IRAN", "IRAQ", "JAPAN",
		"JORDAN", "KENYA", "MOROCCO", "MOZAMBIQUE", "PERU", "CHINA", "ROMANIA", "SAUDI ARABIA", "VIETNAM", "RUSSIA", "UNITED KINGDOM", "UNITED STATES"}
	nationRegions = []int{0, 1, 1, 1, 4, 0, 3, 3, 2, 2, 4, 4, 2, 4, 0, 0, 0, 1, 2, 3, 4, 2, 3, 3, 1}

	colors       = strings.Fields("almond azure blue brown coral cream cyan dim firebrick forest gold green grey indigo ivory khaki lace lemon linen mint navy olive peach pink plum red rose sky tan white")
	sizes        = strings.Fields("STANDARD SMALL MEDIUM LARGE ECONOMY PROMO")
	finishes     = strings.Fields("ANODIZED BURNISHED PLATED POLISHED BRUSHED")
	metals       = strings.Fields("TIN NICKEL BRASS STEEL COPPER")
	boxSizes     = strings.Fields("SM LG MED JUMBO WRAP")
	boxes        = strings.Fields("CASE BOX BAG JAR PKG PACK CAN DRUM")
	segments     = strings.Fields("AUTOMOBILE BUILDING FURNITURE MACHINERY HOUSEHOLD")
	priorities   = []string{"1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"}
	instructions = []string{"DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"}
	modes        = []string{"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"}

	// Of its own, the text is made of these.
	vocabulary = strings.Fields("accounts among blithely carefully deposits express final foxes furiously ideas instructions packages pending quickly regular requests silent sleep slyly special theodolites unusual")
)

// The nations that stories are set in.
const (
	brazil, canada, france, germany, china, saudiArabia = 2, 3, 6, 7, 18, 20
)

// pick returns one of the words.
func pick(rng *rand.Rand, words []string) string { return words[rng.IntN(len(words))] }

// text returns n words.
func text(rng *rand.Rand, n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = pick(rng, vocabulary)
	}
	return strings.Join(words, " ")
}

// partName returns five different colors.
func partName(rng *rand.Rand) string {
	words := make([]string, 5)
	for i, k := range rng.Perm(len(colors))[:5] {
		words[i] = colors[k]
	}
	return strings.Join(words, " ")
}

// phone begins with the nation's country code.
func phone(rng *rand.Rand, nation int) string {
	return fmt.Sprintf("%d-%03d-%03d-%04d", nation+10, 100+rng.IntN(900), 100+rng.IntN(900), 1000+rng.IntN(9000))
}

// brand is one of 25.
func brand(rng *rand.Rand) string { return fmt.Sprintf("Brand#%d%d", 1+rng.IntN(5), 1+rng.IntN(5)) }

// cents is an amount as numeric(15,2).
func cents(n int) pgtype.Numeric {
	return pgtype.Numeric{Int: big.NewInt(int64(n)), Exp: -2, Valid: true}
}

// date is a day of the calendar, which days are added to.
func date(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

// The days between which orders are placed, and the one that counts as today.
var (
	firstDay = date(1992, 1, 1)
	lastDay  = date(1998, 8, 2)
	today    = date(1995, 6, 17)
)

// between returns a day from a to b, both included.
func between(rng *rand.Rand, a, b time.Time) time.Time {
	return a.AddDate(0, 0, rng.IntN(int(b.Sub(a).Hours()/24)+1))
}
