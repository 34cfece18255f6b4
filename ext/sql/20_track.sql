-- Which tables are followed: membership in publication millrace. Enrolled roles are
-- members of the role that owns it, and a table is added by its own owner.

-- unidentified lists the tables, of a table and its partitions, whose changed rows
-- the log could not identify. A whole row does not if it has virtual generated columns,
-- which PostgreSQL 18 does not publish.
CREATE FUNCTION ml_private.unidentified(relation oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT string_agg(c.oid::regclass::text, ', ' ORDER BY c.oid::regclass::text)
    FROM pg_class AS c
    WHERE (c.oid = relation OR c.oid IN (SELECT t.relid::oid FROM pg_partition_tree(relation::regclass) AS t)) AND c.relkind = 'r'
        AND (c.relreplident = 'n' OR c.relreplident = 'f' AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attgenerated = 'v')
            OR c.relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid)));

-- mend_publication undoes what somebody has left out of the publication: kinds of
-- changes, and rows or columns of a table. From PostgreSQL 18 on it publishes stored
-- generated columns: else UPDATE would fail on a table that has some, where they
-- belong to the replica identity, as all columns do under FULL.
CREATE FUNCTION ml_private.mend_publication(relation oid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
    PERFORM FROM pg_catalog.pg_publication AS p WHERE p.pubname OPERATOR(pg_catalog.=) 'millrace';
    IF NOT FOUND THEN
        RAISE object_not_in_prerequisite_state USING MESSAGE = 'publication millrace has been dropped',
            HINT = 'Ask the administrator to run: millrace install';
    END IF;
    PERFORM FROM pg_catalog.pg_publication AS p WHERE p.pubname OPERATOR(pg_catalog.=) 'millrace'
        AND NOT (p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AND NOT p.pubviaroot);
    IF FOUND THEN
        EXECUTE 'ALTER PUBLICATION millrace SET (publish = ''insert, update, delete, truncate'', publish_via_partition_root = false)';
    END IF;
    PERFORM FROM pg_catalog.pg_publication AS p WHERE p.pubname OPERATOR(pg_catalog.=) 'millrace'
        AND pg_catalog.to_jsonb(p) OPERATOR(pg_catalog.->>) 'pubgencols' OPERATOR(pg_catalog.<>) 's';
    IF FOUND THEN
        EXECUTE 'ALTER PUBLICATION millrace SET (publish_generated_columns = stored)';
    END IF;
    PERFORM FROM pg_catalog.pg_publication_rel AS r JOIN pg_catalog.pg_publication AS p ON p.oid OPERATOR(pg_catalog.=) r.prpubid
    WHERE p.pubname OPERATOR(pg_catalog.=) 'millrace' AND r.prrelid OPERATOR(pg_catalog.=) relation;
    IF FOUND THEN
        EXECUTE pg_catalog.format('ALTER PUBLICATION millrace DROP TABLE %s', ml_private.relation_name(relation::pg_catalog.int8));
    END IF;
END
$$;

CREATE FUNCTION ml.track("table" regclass, append_only boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    relation pg_catalog.pg_class;
    missing  pg_catalog.text;
BEGIN
    SELECT c.* INTO relation FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) "table";
    IF relation.oid IS NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'argument table is NULL', HINT = 'Name a table, as in ml.track(''orders'').';
    END IF;
    IF pg_catalog.strpos('rp', relation.relkind::pg_catalog.text) OPERATOR(pg_catalog.=) 0 THEN
        RAISE wrong_object_type USING MESSAGE = pg_catalog.format('%s is not a table', "table"),
            HINT = 'Follow the tables that it reads.';
    END IF;
    IF EXISTS (SELECT FROM ml_private.view AS v WHERE v.view OPERATOR(pg_catalog.=) relation.oid) THEN
        RAISE wrong_object_type USING MESSAGE = pg_catalog.format('%s is a maintained view: others read it as it is', "table"),
            HINT = 'Name it in the query of ml.create_view.';
    END IF;
    IF relation.relpersistence OPERATOR(pg_catalog.<>) 'p' THEN
        RAISE feature_not_supported USING
            MESSAGE = pg_catalog.format('table %s is temporary or unlogged: its changes are not in the log', "table"),
            HINT = pg_catalog.format('ALTER TABLE %s SET LOGGED', "table");
    END IF;
    IF ml_private.followed(relation.oid) THEN
        RETURN;
    END IF;
    missing := ml_private.unidentified(relation.oid);
    IF missing IS NOT NULL AND append_only IS NOT TRUE THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = pg_catalog.format('the log would not say which row of %s was changed or deleted: no primary key, REPLICA IDENTITY NOTHING, or FULL with virtual generated columns', missing),
            DETAIL = 'Once followed, PostgreSQL refuses UPDATE and DELETE on a table without a replica identity.',
            HINT = pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY FULL, or a primary key and REPLICA IDENTITY DEFAULT; or, for a table that only grows: SELECT ml.track(%L, append_only => true)',
                pg_catalog.split_part(missing, ', ', 1), "table"::pg_catalog.text);
    END IF;
    IF NOT pg_catalog.pg_has_role(relation.relowner, 'USAGE') THEN
        RAISE insufficient_privilege USING MESSAGE = pg_catalog.format('only the owner of %s can have it followed', "table"),
            HINT = pg_catalog.format('Ask role %I to run: SELECT ml.track(%L)', pg_catalog.pg_get_userbyid(relation.relowner), "table"::pg_catalog.text);
    END IF;
    PERFORM ml_private.require_enrolled();
    PERFORM ml_private.mend_publication(relation.oid);
    EXECUTE pg_catalog.format('ALTER PUBLICATION millrace ADD TABLE %s', ml_private.relation_name(relation.oid::pg_catalog.int8));
END
$$;

COMMENT ON FUNCTION ml.track IS
'Has a table''s changes followed, so that maintained views can read it. Its owner runs this once; a partitioned table brings its partitions.
A table needs a primary key or another replica identity; with append_only => true none, and PostgreSQL then refuses UPDATE and DELETE on it.
Example: SELECT ml.track(''orders'')';

CREATE FUNCTION ml.untrack("table" regclass) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    readers pg_catalog.text;
BEGIN
    IF "table" IS NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'argument table is NULL', HINT = 'Name a table, as in ml.untrack(''orders'').';
    END IF;
    IF NOT ml_private.followed("table") THEN
        RETURN;
    END IF;
    readers := ml_private.readers("table");
    IF readers IS NOT NULL THEN
        RAISE dependent_objects_still_exist USING MESSAGE = pg_catalog.format('maintained views read %s', "table"),
            DETAIL = pg_catalog.format('They are: %s', readers), HINT = 'Drop them first, with ml.drop_view.';
    END IF;
    EXECUTE pg_catalog.format('ALTER PUBLICATION millrace DROP TABLE %s', ml_private.relation_name("table"::pg_catalog.oid::pg_catalog.int8));
END
$$;

COMMENT ON FUNCTION ml.untrack IS
'Ends what ml.track began. Refused while a maintained view reads the table.
Example: SELECT ml.untrack(''orders'')';
