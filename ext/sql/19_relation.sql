-- Which tables are followed, and what a plain view reads.

-- followed reports whether changes of a table are published, by itself or by the
-- partitioned table that it belongs to.
CREATE FUNCTION ml_private.followed(relation oid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (
    SELECT FROM pg_publication AS p
    WHERE p.pubname = 'millrace' AND (p.puballtables
        OR EXISTS (SELECT FROM pg_publication_rel AS r WHERE r.prpubid = p.oid
            AND (r.prrelid = relation OR r.prrelid IN (SELECT a.relid::oid FROM pg_partition_ancestors(relation::regclass) AS a)))));

-- below lists a plain view and all that it reads, with pg_class.relkind.
CREATE FUNCTION ml_private.below(definition oid) RETURNS TABLE (relation oid, kind "char")
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    WITH RECURSIVE below(relation, kind) AS (
        SELECT definition, 'v'::"char"
        UNION
        SELECT c.oid, c.relkind
        FROM below AS b
        JOIN pg_rewrite AS w ON w.ev_class = b.relation AND b.kind = 'v'
        JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
        JOIN pg_class AS c ON c.oid = d.refobjid AND c.oid <> b.relation)
    SELECT relation, kind FROM below;
END;

-- plain_views lists a plain view and those that it reads.
CREATE FUNCTION ml_private.plain_views(definition oid) RETURNS SETOF oid
LANGUAGE sql STABLE PARALLEL SAFE ROWS 3
BEGIN ATOMIC
    SELECT relation FROM ml_private.below(definition) WHERE kind = 'v';
END;

-- base_tables lists the tables below a plain view, through other plain views; a
-- maintained view's table among them is one.
CREATE FUNCTION ml_private.base_tables(definition oid) RETURNS SETOF oid
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    SELECT relation FROM ml_private.below(definition) WHERE kind <> 'v' AND kind <> 'S';
END;

-- readers lists the maintained views that read a table, for messages: those that the
-- current role can see.
CREATE FUNCTION ml_private.readers(relation oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT string_agg(v.view::regclass::text, ', ' ORDER BY v.view::regclass::text)
        FROM ml_private.view AS v WHERE relation IN (SELECT ml_private.base_tables(v.definition)));

-- untracked lists the tables below a plain view that are neither followed nor the
-- table of a maintained view. Which tables those are is to be known whoever owns
-- them: they carry the guard.
CREATE FUNCTION ml_private.untracked(definition oid) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT array_agg(t::regclass::text ORDER BY t::regclass::text)
        FROM ml_private.base_tables(definition) AS t
        WHERE NOT ml_private.followed(t) AND NOT EXISTS (
            SELECT FROM pg_trigger AS g JOIN pg_proc AS p ON p.oid = g.tgfoid JOIN pg_namespace AS n ON n.oid = p.pronamespace
            WHERE g.tgrelid = t AND n.nspname = 'ml_view' AND p.proname = 'guard'));
