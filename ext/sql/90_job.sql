CREATE FUNCTION ml_private.jobs()
RETURNS TABLE (job text, function text, state text, phase text, rows bigint, percent double precision, started timestamptz, memory_bytes bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10 AS $$
BEGIN
    PERFORM ml_private.require_enrolled();
    RETURN QUERY SELECT r.t1, r.t2, r.t3, r.t4, r.t5::pg_catalog.int8, r.t6::pg_catalog.float8, r.t7::pg_catalog.timestamptz, r.t8::pg_catalog.int8
        FROM ml_private.rows AS r WHERE r.request OPERATOR(pg_catalog.=) (SELECT 'jobs'::pg_catalog.text);
END
$$;

CREATE VIEW ml.jobs AS
SELECT job, function, state, phase, rows, percent, started, memory_bytes FROM ml_private.jobs();

COMMENT ON VIEW ml.jobs IS
'Calls that run now for the current role, in any session: state (queued, running, returning, failed), phase, rows done in it, percent (NULL
when the total is unknown), start, and bytes of rows held in the worker. Stop one with ml.cancel(job).';

CREATE FUNCTION ml.cancel(job text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
    PERFORM ml_private.require_enrolled();
    RETURN pg_catalog.jsonb_extract_path_text(
        ml_private.ask(pg_catalog.jsonb_build_object('op', 'cancel', 'job', cancel.job)), 'cancelled')::pg_catalog.bool;
END
$$;

COMMENT ON FUNCTION ml.cancel IS
'Stops a call of the current role, in any session; its caller gets SQLSTATE 57014. False if there is no such call (any more).
Example: SELECT ml.cancel(job) FROM ml.jobs WHERE function = ''knn''';
