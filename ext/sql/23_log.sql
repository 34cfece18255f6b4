-- The changelog of a maintained view: what its rows were and became, tick by tick.

CREATE FUNCTION ml.log_view(name text, into_table text) RETURNS regclass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    v     ml_private.view := ml_private.registered(name);
    names pg_catalog.text[];
    view  pg_catalog.text := ml_private.relation_name(v.view::pg_catalog.int8);
    log   pg_catalog.regclass;
BEGIN
    names := ml_private.output_tables(into_table, ARRAY[''], false);
    EXECUTE pg_catalog.format('CREATE TABLE %s AS SELECT NULL::pg_catalog.pg_lsn AS log_position, NULL::pg_catalog.timestamptz AS log_time, '
        'NULL::pg_catalog.text AS log_change, v.* FROM %s AS v WITH NO DATA', names[1], view);
    log := names[1]::pg_catalog.regclass;
    EXECUTE pg_catalog.format('COMMENT ON TABLE %s IS %L', names[1], pg_catalog.concat('Millrace: changes of ', view));
    EXECUTE pg_catalog.format('CREATE TRIGGER millrace_log_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ml_view.log_change(%L)', view, log::pg_catalog.oid);
    EXECUTE pg_catalog.format('CREATE TRIGGER millrace_log_update AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ml_view.log_change(%L)', view, log::pg_catalog.oid);
    EXECUTE pg_catalog.format('CREATE TRIGGER millrace_log_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION ml_view.log_change(%L)', view, log::pg_catalog.oid);
    RETURN log;
END
$$;

COMMENT ON FUNCTION ml.log_view IS
'Makes a table that collects what changes in a maintained view from now on: log_position and log_time of the tick, log_change - for a row that
went and + for one that came, and the row. Read it, prune it and drop it as you like: dropping the triggers millrace_log_* ends it.
Example: SELECT ml.log_view(''people_by_city'', ''people_by_city_log'')';
