package view

import "time"

// Tests that cut the network need not wait as long as an administrator would.
func init() { beat, patience = 300*time.Millisecond, 4*time.Second }
