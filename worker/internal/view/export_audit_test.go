package view

import "time"

// Tests have small tables, and little time.
func init() {
	auditRows, leastAuditRows, auditTime = 10, 4, 3*time.Second
	leastAuditRest, auditRest = time.Millisecond, 0
}
