-- What the event triggers run: a message in the log, in the transaction of a command
-- that may have changed what maintained views depend on. The worker compares the
-- catalog when it meets one. It runs as its owner, since whoever runs the command may
-- have no rights here, and it must not make that command fail or wait: so it takes no
-- lock on a table that others may lock, reads no table of Millrace's, which may be on
-- its way out, and writes nothing but the message. Nobody reads that without the slot,
-- which is there as long as there is a view.
CREATE OR REPLACE FUNCTION ml_view.hint() RETURNS event_trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_get_replication_slots() AS s
                   WHERE s.slot_name = 'millrace_' || s.datoid AND s.datoid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())) THEN
        RETURN;
    END IF;
    IF TG_EVENT = 'sql_drop' THEN
        PERFORM FROM pg_event_trigger_dropped_objects() AS o
        WHERE NOT o.is_temporary AND o.classid IN ('pg_class'::regclass, 'pg_publication'::regclass, 'pg_publication_rel'::regclass);
    ELSE
        PERFORM FROM pg_event_trigger_ddl_commands() AS c WHERE c.schema_name IS DISTINCT FROM 'pg_temp';
    END IF;
    IF FOUND THEN
        PERFORM pg_logical_emit_message(true, 'millrace', ''::text);
    END IF;
END
$$;
COMMENT ON FUNCTION ml_view.hint IS 'Tells the worker, by a message in the log, that it should compare the catalog: see the event triggers millrace_hint.';
ALTER FUNCTION ml_view.hint OWNER TO CURRENT_USER; -- a restored one belongs to who restored it, who could change what superusers would run
