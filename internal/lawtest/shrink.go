package lawtest

// Shrink makes a failure smaller: it deletes whole transactions, and then statements
// within them, as long as fails still says so. Each transaction keeps its first and
// last statement. Fails begins afresh each time; a deletion after which it does not
// fail in the same way, such as one of a savepoint that is needed, is taken back.
func Shrink(transactions [][]string, fails func([][]string) bool) [][]string {
	transactions = remove(transactions, 0, func(rest [][]string) bool { return fails(rest) })
	for i := range transactions {
		transactions[i] = remove(transactions[i], 1, func(statements []string) bool {
			trial := append([][]string(nil), transactions...)
			trial[i] = statements
			return fails(trial)
		})
	}
	return remove(transactions, 0, fails)
}

// remove deletes runs of items from a list, long ones first, as long as fails
// remains true. It keeps that many at each end.
func remove[T any](list []T, keep int, fails func([]T) bool) []T {
	for run := max(1, len(list)/2); ; run /= 2 {
		for at := keep; at+run <= len(list)-keep; {
			trial := append(append([]T(nil), list[:at]...), list[at+run:]...)
			if fails(trial) {
				list = trial
			} else {
				at += run
			}
		}
		if run <= 1 {
			return list
		}
	}
}
