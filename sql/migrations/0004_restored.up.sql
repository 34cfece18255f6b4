-- What a dump has to tell of maintained views. The numbers of tables mean others in a
-- restored copy, and pg_dump writes a regclass as a name.

ALTER TABLE ml_private.view ADD COLUMN view_name regclass, ADD COLUMN definition_name regclass;
COMMENT ON COLUMN ml_private.view.view_name IS 'The same table as view: by its name in a dump. Where the two differ the row was restored, and millrace install mends it.';
COMMENT ON COLUMN ml_private.view.definition_name IS 'The same plain view as definition: by its name in a dump.';

UPDATE ml_private.view SET view_name = view, definition_name = definition
WHERE EXISTS (SELECT FROM ml_private.identity AS i, pg_control_system() AS c, pg_database AS d
    WHERE i.system_identifier = c.system_identifier AND i.database = d.oid AND d.datname = current_database());

CREATE FUNCTION ml_view.note_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.view_name := NEW.view;
    NEW.definition_name := NEW.definition;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION ml_view.note_names IS 'Notes the names of a maintained view and of its plain view, which outlive a dump.';
CREATE TRIGGER note_names BEFORE INSERT OR UPDATE ON ml_private.view FOR EACH ROW EXECUTE FUNCTION ml_view.note_names();

-- log_change copies the rows that one statement on a maintained view's table wrote to
-- the table that its trigger's condition names, as the view's owner. The condition is
-- always true: it is where a trigger can name a table so that a rename, a dump and DROP
-- TABLE know of it.
CREATE OR REPLACE FUNCTION ml_view.log_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    log   pg_catalog.regclass;
    place pg_catalog.text := pg_catalog.format('pg_catalog.current_setting(%L, true)::pg_catalog.pg_lsn, pg_catalog.transaction_timestamp()', 'millrace.position');
BEGIN
    SELECT d.refobjid INTO STRICT log FROM pg_catalog.pg_trigger AS g JOIN pg_catalog.pg_depend AS d ON d.objid OPERATOR(pg_catalog.=) g.oid
    WHERE g.tgrelid OPERATOR(pg_catalog.=) TG_RELID AND g.tgname OPERATOR(pg_catalog.=) TG_NAME
        AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_trigger'::pg_catalog.regclass
        AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype OPERATOR(pg_catalog.=) 'n';
    IF TG_OP OPERATOR(pg_catalog.<>) 'INSERT' THEN
        EXECUTE pg_catalog.format('INSERT INTO %s SELECT %s, ''-'', o.* FROM old_rows AS o', log, place);
    END IF;
    IF TG_OP OPERATOR(pg_catalog.<>) 'DELETE' THEN
        EXECUTE pg_catalog.format('INSERT INTO %s SELECT %s, ''+'', n.* FROM new_rows AS n', log, place);
    END IF;
    RETURN NULL;
END
$$;
