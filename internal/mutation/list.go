package main

const (
	paths     = "./worker"
	bridge    = "./worker/internal/bridge"
	source    = "./worker/internal/source"
	rulesFile = "pushdown/path.go"
)

// rule switches off one rule of the choice of path.
func rule(name, breaks, condition, test string) Mutation {
	return Mutation{name, breaks, rulesFile, "{" + condition + ", \"", "{false && (" + condition + "), \"", paths, test}
}

// callMutations are the defences of calls, each with the test that holds it.
var callMutations = []Mutation{
	rule("DetectorOff", "own uncommitted rows are seen", "f.OwnLocks", "^TestSessionPath$/^Own"),
	rule("SubtransactionRuleOff", "a call in a subtransaction goes by the session", "c.Subtransaction", "^TestSessionPath$/Savepoint"),
	rule("SerializableRuleOff", "SERIALIZABLE goes by the session", `f.Isolation == "serializable"`, "^TestSessionPath$/Serializable"),
	rule("TemporaryRuleOff", "temporary tables go by the session", "f.Temporary", "^TestSessionPath$/Temporary"),
	rule("ForeignRuleOff", "rows of the caller's remote transaction are seen", "f.Foreign", "^TestForeignTablePath$"),
	rule("RowSecurityRuleOff", "policies see the caller's session", "f.RowSecurity", "^TestSessionPath$/Policy"),
	rule("ViewFunctionRuleOff", "functions in views see the caller's session", "f.SessionFunctions", "^TestSessionPath$/View"),
	rule("WroteAndViewRuleOff", "own changes below a view are seen", "f.Wrote && f.Views", "^TestSessionPath$/View|Own"),
	rule("WroteAndExpressionRuleOff", "own functions are seen", "f.Wrote && !c.PlainOnly", "^TestSessionPath$/Own"),
	{"PathsSwapped", "committed tables go by the readers", rulesFile, `return Snapshot, ""`, `return Session, ""`, paths, "^TestSnapshotPath$/^Table$"},
	{"DepthUnknown", "the worker knows of subtransactions", "worker/internal/bridge/session.go", "return s.savepoints > 0", "return false", paths, "^TestSessionPath$/Savepoint"},
	{"ExpressionsNotAnalysed", "functions in expressions see the caller's session", "worker/internal/source/analyse.go", `return string(result.Rows[0][0]) != "f", nil`, "return false, nil", paths, "^TestSessionPath$/Expression"},
	{"ClockNotSeen", "'now' is the caller's", "pushdown/expression.go", "if t.Kind == token.String && strings.Contains(strings.ToLower(t.Value), word) {", "if false && word == t.Value {", paths, "^TestSessionPath$/ExpressionNowLiteral"},
	{"SnapshotNotImported", "one call, one snapshot, the caller's", "pushdown/render/render.go", `READ ONLY; SET TRANSACTION SNAPSHOT " + token.QuoteLiteral(snapshot) + "; ")`, `READ ONLY; ")
	_ = snapshot`, paths, "^TestIsolation$"},
	{"SnapshotPerStatement", "all readers of one call see one snapshot", "pushdown/render/render.go", `"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " + token.QuoteLiteral(snapshot) + "; "`,
		`"BEGIN READ ONLY; " + snapshot[:0]`, paths, "^TestIsolation$"},
	{"FallbackOff", "a reader never raises an error of its own", "worker/internal/job/run.go", "errors.Is(err, source.ErrDimensions) || j.ctx.Err() != nil {", "err != nil {", paths, "^TestFallback$"},
	{"OtherRelationRead", "a name means what it means to the caller", "worker/internal/source/reader.go", "got != strconv.FormatInt(in.OID, 10) {", `got == "" && strconv.FormatInt(in.OID, 10) == "" {`, paths, "^TestFallback$/OwnSchemaSwap"},
	{"DeadlockWatchOff", "no circle of locks beside PostgreSQL's sight", "worker/internal/source/deadlock.go", "if waits {", "if false && waits {", paths, "^TestThreeWayDeadlock$/Column"},

	{"RoleNotSet", "readers act as the caller's role", "pushdown/render/render.go", `"SET LOCAL ROLE %s; SET LOCAL statement_timeout`, `"SELECT '%s'; SET LOCAL statement_timeout`, paths, "^TestSnapshotPath$/^Table$"},
	{"SharedReader", "a reader can become one role only", "worker/internal/catalog/enroll.go", "format('ml_r_%s_%s', d.oid, u.oid)", "format('ml_r_%s', d.oid)", paths, "^TestReaderIsNobodyElse$"},
	{"PasswordUnchecked", "nobody gets in without the password", "worker/internal/bridge/scram.go", "if subtle.ConstantTimeCompare(stored[:], s.verifier.StoredKey) != 1 {", "if subtle.ConstantTimeCompare(stored[:], s.verifier.StoredKey) == 2 {", bridge, "^TestLogin$|^TestScramAttacks$"},
	{"NonceConstant", "no proof serves twice", "worker/internal/bridge/scram.go", "s.nonce = clientNonce + base64.StdEncoding.EncodeToString(raw)", "s.nonce = clientNonce", bridge, "^TestScramAttacks$"},
	{"BindingUnchecked", "the proof covers the channel", "worker/internal/bridge/scram.go", "return bytes.Equal(got, want)", "return len(got) > 0 || bytes.Equal(got, want)", bridge, "^TestScramAttacks$"},
	{"DowngradeUnseen", "nobody hides the offer of channel binding", "worker/internal/bridge/scram.go", `case !s.plus && flag == "y" && s.binding != nil:`, `case false:`, bridge, "^TestDowngrade$"},
	{"MessageUnbounded", "nobody makes the worker reserve memory before the password", "worker/internal/bridge/startup.go", "b.SetMaxBodyLen(maxHandshakeMessage)", "b.SetMaxBodyLen(0)", bridge, "^TestHugeMessage$"},
	{"PanicEndsWorker", "one caller's bug does not end all", "worker/internal/bridge/session.go", "if r := recover(); r != nil {", "if r := error(nil); r != nil {", bridge, "^TestPanic$"},
	{"FormerRoleCounts", "a renamed role loses its enrollment", "worker/internal/catalog/catalog.go", `SELECT e.verifier FROM ml_private.role AS e
		JOIN pg_catalog.pg_roles AS r ON r.oid = e.role AND r.rolname = e.name`, `SELECT e.verifier FROM ml_private.role AS e
		JOIN pg_catalog.pg_roles AS r ON r.oid = e.role`, paths, "^TestFormerRoles$"},
	{"FormerRoleBlocks", "a name can be enrolled again", "worker/internal/catalog/enroll.go", "DELETE FROM ml_private.role WHERE name = $1 AND role <> $2", "DELETE FROM ml_private.role WHERE name = $1 AND role <> $2 AND false", paths, "^TestFormerRoles$"},
	{"JobOwnerUnchecked", "a job belongs to its session", "worker/internal/job/manager.go", "if j == nil || j.session != s {", "if j == nil {", paths, "^TestOthersJobs$"},
	{"CancelOwnerUnchecked", "ml.cancel stops own calls only", "worker/internal/job/rows.go", "if j == nil || j.role != s.Role {", "if j == nil {", paths, "^TestOthersJobs$"},
	{"JobsOfAllShown", "ml.jobs shows own calls only", "worker/internal/job/rows.go", "if j.role != s.Role {", "if j.role != s.Role && false {", paths, "^TestOthersJobs$"},
	{"ExpressionUnchecked", "an expression is an expression", "pushdown/expression.go", "if err := checkToken(tokens, i, len(open) == 0); err != nil {", "if err := checkToken(tokens, i, len(open) == 0); false {", paths, "^TestHostileExpressions$"},
	{"BracketsUnchecked", "an expression stays within its parentheses", "pushdown/expression.go", "if len(open) > 0 {\n\t\treturn", "if len(open) > 99 {\n\t\treturn", "./pushdown", "^TestParseExpression$"},
	{"RestrictionOff", "another role's model runs no functions of users", "worker/internal/job/manager.go", "if r.Restricted {", "if false {", paths, "^TestForeignModel$"},
	{"GrantsUnseen", "who may write a model is its author", "ext/sql/08_model.sql", "a.privilege_type IN ('INSERT', 'UPDATE', 'TRIGGER')", "a.privilege_type IN ('NOTHING')", paths, "^TestForeignModel$"},
	{"StubWithSet", "names resolve under the caller's path", "ext/sql/03_run.sql", "restricted boolean DEFAULT false)\nRETURNS ml.result\nLANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$", "restricted boolean DEFAULT false)\nRETURNS ml.result\nLANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog AS $$", "./ext", "^TestDeclared$"},
	{"OperatorUnqualified", "no name resolves under a hostile path", "ext/sql/03_run.sql", "IF step OPERATOR(pg_catalog.=) 'done' THEN", "IF step = 'done' THEN", paths, "^TestHostilePath$"},
	{"RequestInContext", "requests stay out of contexts and logs", "ext/sql/01_private.sql", "OPERATOR(pg_catalog.=) (SELECT ask.request::pg_catalog.text);", "OPERATOR(pg_catalog.=) ask.request::pg_catalog.text;", paths, "^TestSecrets$"},

	{"JobsOutliveTransaction", "nothing of a call outlives its transaction", "worker/internal/bridge/perform.go", "s.server.config.Handler.EndTransaction(s)", "", paths, "^TestStop$/InTransaction"},
	{"JobsOutliveSavepoint", "a failed call gives its place back", "worker/internal/bridge/perform.go", "s.server.config.Handler.EndSubtransaction(s, s.savepoints)", "", paths, "^TestFailedCallsInSavepoints$"},
	{"MemoryUncounted", "memory has a bound", "worker/internal/source/budget.go", "b.Limit > 0 &&", "b.Limit < 0 &&", paths, "^TestMemory$"},
	{"MemoryNotReturned", "what is counted is given back", "worker/internal/source/budget.go", "a.budget.Add(int64(-len(b)))", "", source, "^TestBudgetReturns$"},
	{"PlacesUnbounded", "calls at once have a bound", "worker/internal/job/limit.go", "semaphore.NewWeighted(int64(n))", "semaphore.NewWeighted(int64(n) + 99)", paths, "^TestQueue$"},
	{"ConnectionsUnbounded", "connections have a bound", "worker/internal/bridge/startup.go", "s.enter(&s.seated, s.config.MaxConnections)", "s.enter(&s.seated, s.config.MaxConnections+99)", paths, "^TestMaxConnections$"},
	{"VersionUnchecked", "functions and worker fit", "worker/internal/job/manager.go", "if r.Version == m.config.Version {", "if true {", paths, "^TestOtherVersion$"},
	{"HeadOfTupleLost", "a stream may be cut anywhere", "worker/internal/source/copy.go", "d.pending = append(d.pending[:0], data[used:]...)", "d.pending = append(d.pending[:0], data[used:used]...)", source, "^TestCopySplits$"},
	{"LastRangeClosed", "pages added meanwhile are read", "worker/internal/source/reader.go", "end = 0 // the last", "_ = 0 // the last", source, "^TestTasks$"},
	{"NotANumberLetIn", "NaN is refused where rows enter", "worker/internal/function/rows.go", "if math.IsNaN(values[row]) || math.IsInf(values[row], 0) {", "if false {", paths, "^TestBadInput$"},
	{"SumsRounded", "sums do not depend on the order of rows", "exact/exact.go", "func (s *Sum) AddProduct(x, y float64) {", "func (s *Sum) AddProduct(x, y float64) {\n\tv := s.Float64() + x*y\n\ts.Reset()\n\ts.Add(v)\n}\n\nfunc (s *Sum) addProductExactly(x, y float64) {", "./algorithms/suffstat", "^TestLaws$"},
	{"StatementTimeoutOfDatabase", "only the caller's own timeout stops a reader", "pushdown/render/render.go", "SET LOCAL statement_timeout = 0; ", "", paths, "^TestReaderStatementTimeout$"},
	{"WorkerMayNotConnect", "the installation works where PUBLIC may not connect", "worker/internal/catalog/install.go", `role TO " + name + connect`, `role TO " + name + connect[:0]`, paths, "^TestHardenedDatabase$"},
	{"OthersLoginDropped", "uninstalling drops its own logins only", "worker/internal/catalog/uninstall.go", "AND shobj_description(r.oid, 'pg_authid') LIKE 'Millrace%'", "", paths, "^TestUninstall$"},
}
