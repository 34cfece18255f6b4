-- nearest runs a call that answers with rows instead of a table.
CREATE FUNCTION ml_private.nearest(inputs jsonb, args jsonb)
RETURNS TABLE (id text, distance double precision)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    state pg_catalog.jsonb;
BEGIN
    PERFORM ml_private.require_enrolled();
    state := ml_private.ask(pg_catalog.jsonb_build_object('op', 'prepare', 'version', ml_private.version(),
        'function', 'nearest', 'args', args, 'inputs', inputs, 'restricted', false));
    state := ml_private.compute(state, inputs);
    RETURN QUERY SELECT r.t1, r.f1 FROM ml_private.rows AS r
        WHERE r.request OPERATOR(pg_catalog.=)
            (SELECT pg_catalog.format('fetch %s 0', pg_catalog.jsonb_extract_path_text(state, 'job')));
END
$$;
