package doctor

import "context"

// checkHints says how the worker hears of changes of the catalog. Without event triggers
// everything works, a little later.
func (p *patient) checkHints(ctx context.Context) ([]Finding, error) {
	if !p.installed {
		return nil, nil
	}
	var there, enabled, unsafe int
	err := p.conn.QueryRow(ctx, `
		SELECT count(*), count(*) FILTER (WHERE e.evtenabled IN ('O', 'A')), count(*) FILTER (WHERE p.proowner <> e.evtowner)
		FROM pg_event_trigger AS e JOIN pg_proc AS p ON p.oid = e.evtfoid JOIN pg_namespace AS n ON n.oid = p.pronamespace
		WHERE n.nspname = 'ml_view' AND p.proname = 'hint'`).Scan(&there, &enabled, &unsafe)
	if err != nil {
		return nil, err
	}
	return []Finding{hintFinding(there, enabled, unsafe)}, nil
}

// hintCount is how many event triggers an installation by a superuser makes.
const hintCount = 2

func hintFinding(there, enabled, unsafe int) Finding {
	const slower = "changes of privileges, functions and partitions below views are found by comparison, within a second"
	switch {
	case unsafe > 0:
		return Finding{Warn, "the function of the event triggers millrace_hint belongs to another role than they do, which could change what superusers run", "run millrace install as a superuser"}
	case there == 0:
		return good("no event triggers, which only a superuser's millrace install makes: %s", slower)
	case there < hintCount:
		return Finding{Warn, "an event trigger millrace_hint is missing: " + slower, "run millrace install as a superuser"}
	case enabled < there:
		return good("the event triggers millrace_hint are disabled: %s", slower)
	}
	return good("event triggers tell the worker of changes of the catalog")
}
