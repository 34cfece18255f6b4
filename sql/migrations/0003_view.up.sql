-- What the maintained views are: written by their owners, followed by the worker.

ALTER TABLE ml_private.identity ADD COLUMN worker oid;
COMMENT ON COLUMN ml_private.identity.worker IS 'The worker''s login role.';

-- Functions that users' tables depend on: they stay while others are replaced.
CREATE SCHEMA ml_view;
COMMENT ON SCHEMA ml_view IS 'Millrace: what the tables of maintained views depend on';
GRANT USAGE ON SCHEMA ml_view TO PUBLIC;

-- One function for each enrolled role, that writes result rows as that role. Nobody
-- but the worker may name what is in this schema, so an owner of such a function
-- cannot change it.
CREATE SCHEMA ml_apply;
COMMENT ON SCHEMA ml_apply IS 'Millrace: how the worker writes the tables of maintained views as their owners';

CREATE FUNCTION ml_view.guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- In the worker's session code of another view's owner may run; only the table's
    -- own owner writes it there.
    PERFORM FROM ml_private.identity AS i, pg_catalog.pg_roles AS r, pg_catalog.pg_class AS c, pg_catalog.pg_roles AS o
    WHERE r.oid OPERATOR(pg_catalog.=) i.worker AND r.rolname OPERATOR(pg_catalog.=) SESSION_USER
        AND c.oid OPERATOR(pg_catalog.=) TG_RELID AND o.oid OPERATOR(pg_catalog.=) c.relowner AND o.rolname OPERATOR(pg_catalog.=) CURRENT_USER;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    RAISE object_not_in_prerequisite_state USING
        MESSAGE = pg_catalog.format('table %I.%I is a maintained view: only Millrace writes it', TG_TABLE_SCHEMA, TG_TABLE_NAME),
        HINT = 'Change the tables that it reads. ml.alter_view gives it another query, and ml.drop_view drops it.';
END
$$;
COMMENT ON FUNCTION ml_view.guard IS 'Refuses writes to the table of a maintained view, unless the worker is writing.';

-- log_change copies the rows that one statement on a maintained view's table wrote to
-- the table that its argument names, as the view's owner.
CREATE FUNCTION ml_view.log_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    place pg_catalog.text := pg_catalog.format('pg_catalog.current_setting(%L, true)::pg_catalog.pg_lsn, pg_catalog.transaction_timestamp()', 'millrace.position');
BEGIN
    IF TG_OP OPERATOR(pg_catalog.<>) 'INSERT' THEN
        EXECUTE pg_catalog.format('INSERT INTO %s SELECT %s, ''-'', o.* FROM old_rows AS o', TG_ARGV[0]::pg_catalog.oid::pg_catalog.regclass, place);
    END IF;
    IF TG_OP OPERATOR(pg_catalog.<>) 'DELETE' THEN
        EXECUTE pg_catalog.format('INSERT INTO %s SELECT %s, ''+'', n.* FROM new_rows AS n', TG_ARGV[0]::pg_catalog.oid::pg_catalog.regclass, place);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION ml_view.log_change IS 'Copies changes of a maintained view to its log: see ml.log_view.';

CREATE TABLE ml_private.view (
    view       oid         NOT NULL,
    definition oid         NOT NULL,
    owner      oid         NOT NULL,
    made       boolean     NOT NULL,
    settings   jsonb       NOT NULL,
    generation integer     NOT NULL DEFAULT 1,
    revision   integer     NOT NULL DEFAULT 1,
    paused     boolean     NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT view_pkey PRIMARY KEY (view)
);
COMMENT ON TABLE ml_private.view IS
'Maintained views: the table, the plain view that defines it (made with it, or found), the owner of both, settings that its query
depends on, a number that rises when it is to be built anew, and one that rises with every change, for ml.wait. Each owner sees and writes his own.';

ALTER TABLE ml_private.view ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON ml_private.view
    USING (pg_has_role(owner, 'USAGE'))
    WITH CHECK (EXISTS (SELECT FROM pg_class AS c WHERE c.oid = view AND c.relkind = 'r' AND c.relowner = owner AND pg_has_role(c.relowner, 'USAGE'))
        AND EXISTS (SELECT FROM pg_class AS c WHERE c.oid = definition AND c.relkind = 'v' AND c.relowner = owner));
-- Enrolled roles write it, by their membership in the publication's owner: who may
-- write a table may also lock it.
GRANT SELECT ON ml_private.view TO PUBLIC;

CREATE TABLE ml_private.view_state (
    view       oid         NOT NULL,
    state      text        NOT NULL,
    reason     text,
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT view_state_pkey PRIMARY KEY (view)
);
COMMENT ON TABLE ml_private.view_state IS 'What the worker last said of each maintained view. Written by the worker alone.';
ALTER TABLE ml_private.view_state ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON ml_private.view_state FOR SELECT
    USING (EXISTS (SELECT FROM ml_private.view AS v WHERE v.view = view_state.view));
GRANT SELECT ON ml_private.view_state TO PUBLIC;

-- The position that all live views show. Written in the transaction that writes
-- their rows, so that both are there, or neither.
CREATE TABLE ml_private.position (
    one               boolean     NOT NULL DEFAULT true,
    lsn               pg_lsn      NOT NULL,
    system_identifier bigint      NOT NULL,
    timeline          integer     NOT NULL,
    at                timestamptz NOT NULL,
    CONSTRAINT position_pkey PRIMARY KEY (one),
    CONSTRAINT position_one CHECK (one)
) WITH (fillfactor = 10);
COMMENT ON TABLE ml_private.position IS 'The position in the log that all live views show; one row.';
GRANT SELECT ON ml_private.position TO PUBLIC;
