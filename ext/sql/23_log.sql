-- The changelog of a maintained view: what its rows were and became, tick by tick.

CREATE FUNCTION ml.log_view(name text, into_table text) RETURNS regclass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    v     ml_private.view := ml_private.registered(name);
    names pg_catalog.text[];
    view  pg_catalog.text := ml_private.relation_name(v.view::pg_catalog.int8);
    log   pg_catalog.regclass;
BEGIN
    PERFORM FROM pg_catalog.pg_trigger AS g WHERE g.tgrelid OPERATOR(pg_catalog.=) v.view AND g.tgname OPERATOR(pg_catalog.~) '^millrace_log_';
    IF FOUND THEN
        RAISE duplicate_object USING MESSAGE = pg_catalog.format('changes of %s are collected already', view),
            HINT = 'Drop its triggers millrace_log_insert, millrace_log_update and millrace_log_delete first.';
    END IF;
    names := ml_private.view_names('into_table', into_table, ARRAY['']);
    EXECUTE pg_catalog.format('CREATE TABLE %s AS SELECT NULL::pg_catalog.pg_lsn AS log_position, NULL::pg_catalog.timestamptz AS log_time, '
        'NULL::pg_catalog.text AS log_change, v.* FROM %s AS v WITH NO DATA', names[1], view);
    log := names[1]::pg_catalog.regclass;
    EXECUTE pg_catalog.format('COMMENT ON TABLE %s IS %L', names[1], pg_catalog.concat('Millrace: changes of ', view));
    EXECUTE pg_catalog.format('CREATE TRIGGER millrace_log_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT '
        'WHEN (%L::pg_catalog.regclass IS NOT NULL) EXECUTE FUNCTION ml_view.log_change()', view, names[1]);
    EXECUTE pg_catalog.format('CREATE TRIGGER millrace_log_update AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT '
        'WHEN (%L::pg_catalog.regclass IS NOT NULL) EXECUTE FUNCTION ml_view.log_change()', view, names[1]);
    EXECUTE pg_catalog.format('CREATE TRIGGER millrace_log_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT '
        'WHEN (%L::pg_catalog.regclass IS NOT NULL) EXECUTE FUNCTION ml_view.log_change()', view, names[1]);
    RETURN log;
END
$$;

COMMENT ON FUNCTION ml.log_view IS
'Makes a table that collects what changes in a maintained view from now on: log_position and log_time of the tick, log_change - for a row that
went and + for one that came, and the row. Read it and prune it as you like; DROP TABLE with CASCADE, for its triggers, ends it.
Example: SELECT ml.log_view(''people_by_city'', ''people_by_city_log'')';
