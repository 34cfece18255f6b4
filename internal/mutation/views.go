package main

const (
	view       = "./worker/internal/view"
	dataflow   = "./sql/dataflow"
	viewFolder = "worker/internal/view/"
)

// viewMutations are the defences of maintained views.
var viewMutations = []Mutation{
	// What survives a crash.
	{"AcknowledgedAheadOfState", "the server forgets nothing that is not on disk", viewFolder + "loop.go", "target = e.checkpoints.position", "target = e.position", view, "^TestSlotNotAhead$"},
	{"StateAheadOfTables", "the state on disk is not ahead of the tables", viewFolder + "checkpoint.go", "SET LOCAL synchronous_commit = local", "SET LOCAL synchronous_commit = off", view, "^TestStateOfLostTables$"},
	{"BrokenCircuitKept", "a state in the middle of a step is not kept", "sql/dataflow/state.go", "if c.broken {", "if false {", dataflow, "^TestStepErrors$"},
	{"HistoryUnchecked", "a state goes on only where the log does", viewFolder + "open.go", "case slot.ConfirmedFlush > e.position:", "case slot.ConfirmedFlush > e.position && false:", view, "^TestStateRefused$/SlotAhead"},
	{"TablesOlderUnseen", "tables that were put back are noticed", viewFolder + "open.go", "case e.durable > shown:", "case e.durable > shown && false:", view, "^TestStateRefused$/TablesOlder"},
	{"WriterUnfenced", "a lost writer commits nothing beside the next one", viewFolder + "open.go", "if err := fence(ctx, conn); err != nil {", "if err := error(nil); err != nil {", view, "^TestWriterAlone$"},

	// What is copied, and what comes by the log.
	{"VisibilityByPosition", "a copy shows what its snapshot sees, not what was in the log", viewFolder + "copy.go", "return !u.snapshot.sees(t.XID)", "return t.EndLSN > j.until", view, "^TestCopyBesideStalledCommit$"},
	{"RunningTransactionsSeen", "what is running in a snapshot is not seen by it", viewFolder + "snapshot.go", "return full < s.xmax && !slices.Contains(s.running, full)", "return full < s.xmax || slices.Contains(s.running, full)", view, "^TestCopyBesideStalledCommit$"},
	{"CopyAppliedAgain", "what a copy shows is not applied to it again", viewFolder + "copy.go", "return !u.snapshot.sees(t.XID)", "return true", view, "^TestCopyAheadOfLog$"},
	{"LogBehindCopy", "what a copy shows does not come behind it", viewFolder + "copy.go", "return e.awaitPosition(ctx, j.until)", "return nil", view, "^TestCopyAheadOfLog$"},
	{"NothingRetained", "transactions beside a copy are kept for it", viewFolder + "copy.go", "if j == nil || j.retained == nil ||", "if j == nil || j.retained != nil ||", view, "^TestCopyBesideStalledCommit$"},
	{"EarlyWriterLost", "who wrote before a table was followed is waited for", viewFolder + "copy.go", "if ended {", "if ended || true {", view, "^TestCopyBesideWriter$"},
	{"ToastDropped", "what the log does not repeat stays", viewFolder + "store.go", "r = row.Append(r, s.cells[i])\n\t\t\tcontinue", "r = row.Append(r, nil)\n\t\t\tcontinue", view, "^TestToast$"},
	{"EmptyAsNull", "an empty value is not NULL", viewFolder + "copyrows.go", "arena := make([]byte, 0, 1024)", "var arena []byte", view, "^TestDecodeEmpty$"},
	{"RenameUnseen", "columns are what they were when copied", viewFolder + "tick.go", "if stamps[c.Number] != c.Stamp || since != s.since {", "if false && (stamps[c.Number] != c.Stamp || since != s.since) {", view, "^TestDDL$/^renames$"},
	{"PartitionReadWhole", "a partition is copied once", viewFolder + "copy.go", "if u.part {", "if false {", view, "^TestDDL$/^partitions$"},
	{"PublishedByRoot", "partitions are followed one by one", "ext/sql/19_relation.sql", "p.pubtruncate AND NOT p.pubviaroot AND (", "p.pubtruncate AND (", view, "^TestPublication$"},
	{"UntrackedAccepted", "a view reads tables that are followed", "ext/sql/19_relation.sql", "WHERE NOT ml_private.followed(t) AND NOT EXISTS (", "WHERE false AND NOT EXISTS (", view, "^TestFollow$"},

	// As whom rows are written, and beside whom.
	{"ApplyAsWorker", "rows are written as the view's owner", "worker/internal/catalog/apply.sql", "VOLATILE SECURITY DEFINER SET", "VOLATILE SET", view, "^TestFollow$"},
	{"GuardOff", "nobody but the worker writes a view", "sql/migrations/0003_view.up.sql", "    IF FOUND THEN\n        RETURN NULL;\n    END IF;\n    RAISE object_not_in_prerequisite_state USING", "    RETURN NULL;\n    RAISE object_not_in_prerequisite_state USING", view, "^TestSurface$/^guard$"},
	{"GuardByRole", "another owner's code in the worker's session writes no view", "sql/migrations/0003_view.up.sql", "AND o.rolname OPERATOR(pg_catalog.=) CURRENT_USER;", ";", view, "^TestAttack$"},
	{"ConstraintsDeferred", "one owner's constraints are not in the way of others", "worker/internal/catalog/apply.sql", "SET CONSTRAINTS ALL IMMEDIATE;", "", view, "^TestDeferredConstraint$"},
	{"SettingsLeak", "one owner's settings do not reach another's values", viewFolder + "apply.go", "s.add(nil, \"RESET ALL\", nil)\n\t\t\ts.add(", "s.add(", view, "^TestSettingsOfTriggers$"},
	{"UsersTypesRendered", "a user's type runs nothing as the worker", viewFolder + "writing.go", "case !builtIn(t, n):", "case false:", view, "^TestTypesOfUsers$"},
	{"OthersViewShown", "a request names own views only", viewFolder + "answer.go", "if r.View != nil && !visible[*r.View] {", "if false {", view, "^TestSurface$/^ask$"},
	{"PrivilegeUnwatched", "what the owner may no longer read is not shown", viewFolder + "tables.go", "if denied != 0 {", "if false {", view, "^TestSurface$/^privileges$"},
	{"PanicUncaught", "a bug in one view does not end the others", viewFolder + "bug.go", "if r := recover(); r != nil {", "if r := any(nil); r != nil {", view, "^TestPanicInCircuit$"},
	{"KeyUnpaired", "a row whose key stays is changed in its place", viewFolder + "writing.go", "if v.plan.Key != nil && !v.unpaired {", "if false {", view, "^TestRowsStay$"},
	{"PairTwice", "a row that is changed is not added too", viewFolder + "writing.go", "if !paired[i] {", "if true {", view, "^TestRowsStay$"},
	{"PlacesMixed", "the worker knows where each row is", viewFolder + "writing.go", "w.places[len(w.moved)+i]", "w.places[i]", view, "^TestRowsStay$"},

	// What is computed.
	{"DistinctCountsRows", "DISTINCT gives a row once", "sql/dataflow/distinct.go", "case before <= 0 && after > 0:", "case after > before:", dataflow, "^TestLaw$"},
	{"DistinctEndsEarly", "DISTINCT gives a row as long as one is there", "sql/dataflow/distinct.go", "case before > 0 && after <= 0:", "case after < before:", dataflow, "^TestLaw$"},
	{"OuterJoinByKey", "an outer join extends each row", "sql/dataflow/match.go", "return class, s[0]\n", "return class, min(s[0], 1)\n", dataflow, "^TestLaw$"},
	{"ErrorsStay", "an error goes with its row", "sql/dataflow/errors.go", "e.count += abs(after) - abs(before)", "e.count += abs(after-before)", dataflow, "^TestErrorsComeAndGo$"},
	{"SumsOfFloatsRounded", "a sum is what remains, rounded once", "sql/aggregate/sum.go", "addScaled(&sum, x, w)\n\ts.close(&sum)", "v := sum.Float64() + x*float64(w)\n\tsum.Reset()\n\tsum.Add(v)\n\ts.close(&sum)", "./sql/aggregate", "^TestLaw$|^TestRoundedOnce$"},
	{"ScalesUncounted", "a numeric's scale goes with it", "sql/numeric/sum.go", "s.terms[i].count == 0 && s.terms[i].total.IsZero()", "false", "./sql/numeric", "^TestSumAsPostgreSQL$"},
	{"CountOverEmptyNull", "count over nothing is 0", "sql/aggregate/count.go", "func (c *count) Result() (row.Value, error) {", "func (c *count) Result() (row.Value, error) {\n\tif c.n == 0 {\n\t\treturn nil, nil\n\t}\n", "./sql/aggregate", "^TestLaw$"},
	{"NotInTwoValued", "NOT IN knows unknown", "sql/plan/subquery.go", "if unknown != nil && negated && err == nil {", "if unknown != nil && negated && err != nil {", "./sql/plan", "^TestOracle$/^subqueries$"},
	{"NullsJoined", "NULL equals nothing", "sql/dataflow/join.go", "if v == nil && (a.side.NullSafe == nil || !a.side.NullSafe[i]) {", "if v == nil && a.side.NullSafe != nil && !a.side.NullSafe[i] {", dataflow, "^TestLaw$"},

	// What asks for a look at the catalog.
	{"HintIgnored", "a hint in the log brings the comparison forward", viewFolder + "tick.go", "e.seen.hints.note(t.XID)", "_ = t.XID", view, "^TestHint$"},
	{"HintSpentEarly", "a hint is kept until the catalog shows its transaction", viewFolder + "hint.go", "h.from = slices.DeleteFunc(h.from, now.sees)", "_, h.from = now, nil", view, "^TestHintOfStalledCommit$"},
	{"HintAsCaller", "the event triggers need no right of whoever runs a command", "worker/internal/catalog/hint.sql", "VOLATILE SECURITY DEFINER SET", "VOLATILE SET", "./worker/internal/catalog", "^TestHintsEverywhere$"},
	{"HintOfRestorer", "who restored a dump cannot change what superusers run", "worker/internal/catalog/hint.sql", "ALTER FUNCTION ml_view.hint OWNER TO CURRENT_USER;", "", "./worker/internal/catalog", "^TestHintsReplaced$"},

	// Bugs, and what a change costs.
	{"BuggyViewSaved", "a view that cannot be saved is built anew, and the others are saved", viewFolder + "checkpoint.go", "w.Fail(err)\n\t\t\te.broken(v, err)", "w.Fail(err)", view, "^TestBugInSave$"},
	{"BuggyStateKept", "what a bug has left half done is not gone on with", viewFolder + "engine.go", "defer func() { e.torn = e.torn || errors.Is(err, errBug) }()\n\tdefer e.contain(\"slot\", e.slot, &err)\n\treturn e.loop", "defer e.contain(\"slot\", e.slot, &err)\n\treturn e.loop", view, "^TestBugElsewhere$"},
	{"FillingCounted", "what filled a view is not told as the cost of a change", "sql/dataflow/meter.go", "\tif m.first {\n\t\tt = &n.fill\n", "\tif false {\n\t\tt = &n.fill\n", dataflow, "^TestCost$"},

	// What asks and alters.
	{"AlteredBare", "what goes with columns that stay is made again", "ext/sql/24_alter.sql", "PERFORM ml_private.restore(objects, statements);", "", view, "^TestAlter$/^kept$"},
	{"AlteredReadsItself", "a view does not read itself", "ext/sql/24_alter.sql", "IF ml_private.reads_itself(next, v.view) OR", "IF", view, "^TestAlter$/^itself$"},
	{"PlaceAmbiguous", "a place is told only where it is the only one", viewFolder + "place.go", "if found >= 0 {", "if false {", view, "^TestRefusal$/^places$"},

	// What the audit compares.
	{"NullFieldsAsNull", "each row is in one range, and a value with NULL in all fields is not NULL", viewFolder + "keyrange.go", `" IS NOT DISTINCT FROM NULL"`, `" IS NULL"`, view, "^TestWalkCovers$"},
	{"FreedomAsDifference", "a row that may be in two ranges is no difference", viewFolder + "audit.go", "if !r.stride.keys.sure(w.columns) {", "if false {", view, "^TestAuditUnfit$/^Floats$"},
	{"StackedUnwatched", "a query over a view and a table is read at one position", viewFolder + "cut.go", "c.missed = c.missed || sees", "_ = sees", view, "^TestCheckStacked$"},

	// How much one statement brings.
	{"ParametersUnbounded", "a statement has as many parameters as PostgreSQL takes", viewFolder + "split.go", "min(b.rows, w.rowsByParameters(b.parameters))", "b.rows", view, "^TestSplit$"},
	{"BytesUnbounded", "a statement is no longer than PostgreSQL takes", viewFolder + "split.go", "(n == b.rows || bytes > b.bytes)", "n == b.rows", view, "^TestSplit$"},
	{"LeftForgotten", "what could not be written stays to be written", viewFolder + "writing.go", "\t\tall.left.Add(r, n)\n", "", view, "^TestLeft$"},

	// What another server, or another time of this one, shows.
	{"PositionKept", "a server that comes back does not show what its predecessor did", viewFolder + "publish.go", "v.current = false", "v.current = v.current && true", view, "^TestRecoveredBackup$/^Beside$"},

	// Generated columns.
	{"GenerationUnseen", "a column's new expression is noticed", "ext/sql/19_relation.sql", "ml_private.generation(ARRAY[relation])", "NULL::text", view, "^TestGenerated$/^alter$"},
	{"OtherGeneration", "no partition's rows are computed by another's expression", viewFolder + "generated.go", "if !same {", "if false && !same {", view, "^TestGenerated$/^members$"},
}
