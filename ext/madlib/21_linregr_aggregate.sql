-- linregr as an aggregate. Its state is the exact sums of cross-products, which
-- the worker keeps, and the rows since then: they go to the worker when there
-- are enough of them, so a state has a bounded size and no sum is rounded.

CREATE TYPE madlib.linregr_result AS (
    coef          double precision[],
    r2            double precision,
    std_err       double precision[],
    t_stats       double precision[],
    p_values      double precision[],
    condition_no  double precision,
    num_processed bigint,
    vcov          double precision[]
);
COMMENT ON TYPE madlib.linregr_result IS 'What linregr returns: the columns of the table of linregr_train.';

CREATE TYPE madlib.__linregr_state AS (
    width  integer,
    buffer double precision[],
    sums   text
);
COMMENT ON TYPE madlib.__linregr_state IS 'Helper: the number of independent variables, rows as y, x1, x2, ..., and the worker''s sums of the rows before them.';

-- __linregr_ask sends the buffered rows and returns the job that has summed them.
-- The rows come from no relation: the request says so in place of facts.
CREATE FUNCTION madlib.__linregr_ask(state madlib.__linregr_state, finish boolean) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    array_type pg_catalog.text := 'pg_catalog.float8[]'::pg_catalog.regtype::pg_catalog.oid::pg_catalog.text;
    answer     pg_catalog.jsonb;
    job        pg_catalog.text;
BEGIN
    PERFORM ml_private.require_enrolled();
    answer := ml_private.ask(pg_catalog.jsonb_build_object('op', 'prepare', 'version', ml_private.version(), 'function', 'madlib_linregr_sums',
        'args', pg_catalog.jsonb_build_object('width', (state).width, 'sums', (state).sums, 'finish', finish),
        'inputs', pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('relation', 0, 'columns', ml_private.required('rows', 'x'))),
        'restricted', false));
    job := pg_catalog.jsonb_extract_path_text(answer, 'job');
    answer := ml_private.ask(pg_catalog.jsonb_build_object('op', 'start', 'job', job,
        'types', pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_array(array_type::pg_catalog.int8)),
        'facts', pg_catalog.jsonb_build_object(
            'relations', '[{"name": "linregr", "kind": "r", "rows": 1, "bytes": 0, "splittable": false}]'::pg_catalog.jsonb,
            'types', pg_catalog.jsonb_build_object(array_type, ml_private.describe_type(array_type::pg_catalog.oid)),
            'temporary', true, 'isolation', pg_catalog.current_setting('transaction_isolation'), 'backend', pg_catalog.pg_backend_pid())));
    WHILE pg_catalog.jsonb_extract_path_text(answer, 'step') OPERATOR(pg_catalog.<>) 'done' LOOP
        IF pg_catalog.jsonb_extract_path_text(answer, 'step') OPERATOR(pg_catalog.=) 'ship' THEN
            PERFORM ml_private.send_chunk(pg_catalog.format('ship %s 0 ', job), ARRAY[pg_catalog.record_send(ROW((state).buffer))]);
            answer := ml_private.ask(pg_catalog.jsonb_build_object('op', 'shipped', 'job', job));
        ELSE
            answer := ml_private.ask(pg_catalog.jsonb_build_object('op', 'wait', 'job', job));
        END IF;
    END LOOP;
    RETURN job;
END
$$;
COMMENT ON FUNCTION madlib.__linregr_ask IS 'Helper: sends rows of linregr to the worker.';

CREATE FUNCTION madlib.__linregr_step(state madlib.__linregr_state, y double precision, x double precision[]) RETURNS madlib.__linregr_state
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    job pg_catalog.text;
BEGIN
    IF y IS NULL OR x IS NULL OR pg_catalog.array_position(x, NULL) IS NOT NULL THEN
        RETURN state;
    END IF;
    IF (state).width IS NULL THEN
        state.width := pg_catalog.cardinality(x);
        state.buffer := '{}';
    ELSIF (state).width OPERATOR(pg_catalog.<>) pg_catalog.cardinality(x) THEN
        RAISE data_exception USING MESSAGE = 'Inconsistent numbers of independent variables.',
            DETAIL = pg_catalog.format('Both %s and %s occur.', (state).width, pg_catalog.cardinality(x));
    END IF;
    state.buffer := pg_catalog.array_cat(pg_catalog.array_append((state).buffer, y), x);
    IF pg_catalog.cardinality((state).buffer) OPERATOR(pg_catalog.>=) 4096 THEN
        job := madlib.__linregr_ask(state, false);
        SELECT r.t1 INTO state.sums FROM ml_private.rows AS r
        WHERE r.request OPERATOR(pg_catalog.=) (SELECT pg_catalog.format('fetch %s 0', job));
        state.buffer := '{}';
    END IF;
    RETURN state;
END
$$;
COMMENT ON FUNCTION madlib.__linregr_step IS 'Helper: takes one row of linregr.';

CREATE FUNCTION madlib.__linregr_result(state madlib.__linregr_state) RETURNS madlib.linregr_result
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    job    pg_catalog.text;
    result madlib.linregr_result;
BEGIN
    IF (state).width IS NULL THEN
        RETURN NULL;
    END IF;
    job := madlib.__linregr_ask(state, true);
    SELECT r.t1::pg_catalog.float8[], r.f1, r.t2::pg_catalog.float8[], r.t3::pg_catalog.float8[], r.t4::pg_catalog.float8[],
           r.t5::pg_catalog.float8, r.i1, r.t6::pg_catalog.float8[]
    INTO STRICT result
    FROM ml_private.rows AS r
    WHERE r.request OPERATOR(pg_catalog.=) (SELECT pg_catalog.format('fetch %s 0', job));
    RETURN result;
END
$$;
COMMENT ON FUNCTION madlib.__linregr_result IS 'Helper: the result of linregr.';

CREATE AGGREGATE madlib.linregr(y double precision, x double precision[]) (
    SFUNC = madlib.__linregr_step,
    STYPE = madlib.__linregr_state,
    FINALFUNC = madlib.__linregr_result,
    PARALLEL = UNSAFE
);
COMMENT ON AGGREGATE madlib.linregr(double precision, double precision[]) IS
'The linear regression of y on x; NULL without rows. Rows with NULL are skipped.

Sums are exact, so the order of rows is of no consequence; coefficients are then found as by a QR decomposition of the rows.
Example: SELECT (madlib.linregr(price, ARRAY[1, tax, bath, size])).* FROM houses';
