-- What is known of maintained views while they run.

CREATE FUNCTION ml_private.views()
RETURNS TABLE (view regclass, state text, reason text, "position" pg_lsn, lag_transactions bigint, lag_ms double precision, rows bigint,
    state_bytes bigint, ticks_per_second double precision, last_change timestamptz, freshness_p50_ms double precision,
    freshness_p99_ms double precision, wal_retained_bytes bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10 AS $$
DECLARE
    reply pg_catalog.jsonb;
BEGIN
    PERFORM ml_private.require_enrolled();
    reply := ml_private.ask_if_up(ml_private.view_request('list', '{}'));
    RETURN QUERY
    SELECT v.view_name,
        CASE WHEN v.view_name OPERATOR(pg_catalog.<>) v.view THEN 'errored' -- the row came from a dump
             WHEN c.oid IS NULL THEN 'orphaned'
             WHEN reply IS NULL THEN 'lagging'
             ELSE coalesce(r.state, s.state, 'catching up') END,
        CASE WHEN v.view_name OPERATOR(pg_catalog.<>) v.view THEN 'it was restored from a dump: the administrator runs millrace install'
             WHEN c.oid IS NULL THEN 'its plain view has been dropped'
             WHEN reply IS NULL THEN 'the worker is not running'
             ELSE coalesce(r.reason, s.reason) END,
        coalesce(r.position, (SELECT p.lsn FROM ml_private.position AS p)),
        r.lag_transactions, r.lag_ms, r.rows, r.state_bytes, r.ticks_per_second, r.last_change, r.freshness_p50_ms, r.freshness_p99_ms,
        (SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), x.restart_lsn)::pg_catalog.int8 FROM pg_catalog.pg_replication_slots AS x
         WHERE x.slot_name OPERATOR(pg_catalog.=) ml_private.slot_name() AND NOT pg_catalog.pg_is_in_recovery())
    FROM ml_private.view AS v
    LEFT JOIN ml_private.view_state AS s ON s.view OPERATOR(pg_catalog.=) v.view
    LEFT JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) v.definition
    LEFT JOIN pg_catalog.jsonb_to_recordset(pg_catalog.jsonb_extract_path(reply, 'views')) AS r(view pg_catalog.int8, state pg_catalog.text,
        reason pg_catalog.text, "position" pg_catalog.pg_lsn, lag_transactions pg_catalog.int8, lag_ms pg_catalog.float8, rows pg_catalog.int8,
        state_bytes pg_catalog.int8, ticks_per_second pg_catalog.float8, last_change pg_catalog.timestamptz, freshness_p50_ms pg_catalog.float8,
        freshness_p99_ms pg_catalog.float8) ON r.view OPERATOR(pg_catalog.=) v.view::pg_catalog.int8
    WHERE EXISTS (SELECT FROM pg_catalog.pg_class AS t WHERE t.oid OPERATOR(pg_catalog.=) v.view_name)
    ORDER BY v.view_name::pg_catalog.text;
END
$$;

-- slot_name is that of this database's replication slot.
CREATE FUNCTION ml_private.slot_name() RETURNS name
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT ('millrace_' || d.oid)::name FROM pg_database AS d WHERE d.datname = current_database());

CREATE VIEW ml.views AS
SELECT view::text AS name, state, reason, "position", lag_transactions, lag_ms, rows, state_bytes, ticks_per_second, last_change,
    freshness_p50_ms, freshness_p99_ms, wal_retained_bytes
FROM ml_private.views();

COMMENT ON VIEW ml.views IS
'Your maintained views: state (catching up, live, lagging, paused, errored, orphaned) and its reason, the position in the log that the table
shows, how far behind it is in transactions and milliseconds, rows, bytes of state in the worker, ticks per second, when its rows last
changed, milliseconds from commit to visible (median and 99th percentile of the last changes), and bytes of log held back for Millrace.';

-- require_waitable raises where waiting could not end, or would show nothing.
CREATE FUNCTION ml_private.require_waitable(relation regclass) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
    IF pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'read committed'
        AND pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'read uncommitted' THEN
        RAISE active_sql_transaction USING
            MESSAGE = pg_catalog.format('a transaction at %s keeps its snapshot: it would not see what it waited for', pg_catalog.current_setting('transaction_isolation')),
            HINT = 'Wait before BEGIN, or use READ COMMITTED.';
    END IF;
    PERFORM FROM pg_catalog.pg_locks AS l JOIN ml_private.view AS v ON v.view OPERATOR(pg_catalog.=) l.relation
    WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND l.locktype OPERATOR(pg_catalog.=) 'relation' AND l.granted
        AND (require_waitable.relation IS NULL OR v.view OPERATOR(pg_catalog.=) require_waitable.relation)
        AND l.mode OPERATOR(pg_catalog.=) ANY (ARRAY['ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']);
    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'this transaction has made or locked the view''s table: the worker can write it only after COMMIT',
            HINT = 'Call ml.wait in the next transaction.';
    END IF;
END
$$;

CREATE FUNCTION ml.wait(name text DEFAULT NULL, timeout interval DEFAULT '30 s') RETURNS pg_lsn
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    target  pg_catalog.pg_lsn;
    until   pg_catalog.timestamptz := pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) timeout;
    v       ml_private.view;
    reply   pg_catalog.jsonb;
    request pg_catalog.jsonb;
BEGIN
    PERFORM ml_private.require_enrolled();
    IF pg_catalog.pg_is_in_recovery() THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'this server is a standby: its views show what the primary has written to them',
            HINT = 'Call ml.wait on the primary, and then wait until the standby has replayed its log.';
    END IF;
    target := pg_catalog.pg_current_wal_insert_lsn();
    IF name IS NOT NULL THEN
        v := ml_private.registered(name);
    END IF;
    PERFORM ml_private.require_waitable(v.view);
    request := ml_private.view_request('wait', pg_catalog.jsonb_build_object('view', v.view::pg_catalog.int8, 'lsn', target::pg_catalog.text,
        'timeline', pg_catalog.substr(pg_catalog.pg_walfile_name(target), 1, 8),
        'revisions', (SELECT pg_catalog.jsonb_object_agg(r.view, r.revision) FROM ml_private.view AS r)));
    LOOP
        reply := ml_private.ask(request);
        EXIT WHEN pg_catalog.jsonb_extract_path_text(reply, 'done')::pg_catalog.bool;
        IF pg_catalog.jsonb_extract_path_text(reply, 'building')::pg_catalog.bool AND pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL THEN
            RAISE object_not_in_prerequisite_state USING
                MESSAGE = 'this transaction has written something, and the first copy of the view''s tables waits for it to end',
                HINT = 'Call ml.wait in the next transaction.';
        END IF;
        IF pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>=) until THEN
            RAISE object_not_in_prerequisite_state USING
                MESSAGE = pg_catalog.format('the views have not reached position %s within %s', target, timeout),
                DETAIL = pg_catalog.format('They show position %s.', pg_catalog.jsonb_extract_path_text(reply, 'position')),
                HINT = 'SELECT * FROM ml.views tells what they wait for.';
        END IF;
    END LOOP;
    RETURN target;
END
$$;

COMMENT ON FUNCTION ml.wait IS
'Waits until the maintained views, or one of them, show everything committed before this call, and returns that position: read your own
writes. It fails with 55000 if a view is errored or paused, or when the timeout has passed.
Example: SELECT ml.wait(''people_by_city'')';

CREATE FUNCTION ml.check_view(name text, OUT differing bigint, OUT compared bigint, OUT with_tolerance bigint, OUT "position" pg_lsn, OUT example text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    v     ml_private.view := ml_private.registered(name);
    reply pg_catalog.jsonb;
BEGIN
    reply := ml_private.ask(ml_private.view_request('compare', pg_catalog.jsonb_build_object('view', v.view::pg_catalog.int8)));
    WHILE NOT pg_catalog.jsonb_extract_path_text(reply, 'done')::pg_catalog.bool LOOP
        reply := ml_private.ask(ml_private.view_request('compared', pg_catalog.jsonb_build_object(
            'view', v.view::pg_catalog.int8, 'ticket', pg_catalog.jsonb_extract_path(reply, 'ticket'))));
    END LOOP;
    differing := pg_catalog.jsonb_extract_path_text(reply, 'differing')::pg_catalog.int8;
    compared := pg_catalog.jsonb_extract_path_text(reply, 'compared')::pg_catalog.int8;
    with_tolerance := pg_catalog.jsonb_extract_path_text(reply, 'with_tolerance')::pg_catalog.int8;
    "position" := pg_catalog.jsonb_extract_path_text(reply, 'position')::pg_catalog.pg_lsn;
    example := pg_catalog.jsonb_extract_path_text(reply, 'example');
END
$$;

COMMENT ON FUNCTION ml.check_view IS
'Compares a maintained view''s table with its defining SELECT in one snapshot at one position of the log: rows that differ (0 is right), rows
compared, how many of them differ in a floating sum within 1e-12, the position, and a differing row.
Example: SELECT * FROM ml.check_view(''people_by_city'')';

CREATE FUNCTION ml.explain_view(name text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    v ml_private.view := ml_private.registered(name);
BEGIN
    RETURN pg_catalog.jsonb_extract_path_text(
        ml_private.ask(ml_private.view_request('explain', pg_catalog.jsonb_build_object('view', v.view::pg_catalog.int8))), 'text');
END
$$;

COMMENT ON FUNCTION ml.explain_view IS
'Shows how a maintained view is computed: its operators as a tree, with rows and bytes of state, the tables below it and which views share
them, and what PostgreSQL evaluates.
Example: SELECT ml.explain_view(''people_by_city'')';
