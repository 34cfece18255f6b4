-- Which tables are followed, and what a plain view reads.

-- followed reports whether all changes of a table are published, by itself or by the
-- partitioned table that it belongs to. A row filter, a column list or a kind of
-- change that is left out would hide some: pg_publication_rel has those columns from
-- PostgreSQL 15 on.
CREATE FUNCTION ml_private.followed(relation oid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN EXISTS (
    SELECT FROM pg_publication AS p
    WHERE p.pubname = 'millrace' AND p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AND NOT p.pubviaroot AND (p.puballtables
        OR EXISTS (SELECT FROM pg_publication_rel AS r WHERE r.prpubid = p.oid AND to_jsonb(r) ->> 'prqual' IS NULL AND to_jsonb(r) ->> 'prattrs' IS NULL
            AND (r.prrelid = relation OR r.prrelid IN (SELECT a.relid::oid FROM pg_partition_ancestors(relation::regclass) AS a)))));

-- column_stamp changes when a column is renamed or retyped, or the labels of its
-- enumeration are: its values in the log are not what they were.
CREATE FUNCTION ml_private.column_stamp(relation oid, number smallint) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT concat_ws(' ', a.xmin, a.attname, a.atttypid, (
        SELECT md5(string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)) FROM pg_type AS t
        JOIN pg_enum AS e ON e.enumtypid IN (t.oid, t.typelem, t.typbasetype) WHERE t.oid = a.atttypid))
    FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum = number AND NOT a.attisdropped);

-- generators lists the functions in a generated column's expression, its operators'
-- among them, that PostgreSQL was not built with. Before version 15 the column depends
-- on them, and then its expression does.
CREATE FUNCTION ml_private.generators(relation oid, number smallint) RETURNS SETOF oid
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT DISTINCT p.oid
    FROM pg_depend AS d
    LEFT JOIN pg_operator AS o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
    JOIN pg_proc AS p ON p.oid = CASE d.refclassid WHEN 'pg_proc'::regclass THEN d.refobjid ELSE o.oprcode END
    WHERE d.classid = 'pg_class'::regclass AND d.objid = relation AND d.objsubid = number
        OR d.classid = 'pg_attrdef'::regclass AND d.objid = (SELECT a.oid FROM pg_attrdef AS a WHERE a.adrelid = relation AND a.adnum = number);
END;

-- generation is a fingerprint of some tables' generated columns, their expressions and
-- the functions in them: these columns are computed from those that the log carries.
-- NULL if there are none, which is better found out before: PostgreSQL before 18 plans
-- it at each call.
CREATE FUNCTION ml_private.generation(relations oid[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT md5(string_agg(concat_ws(' ', a.attrelid, a.attnum, a.attgenerated, ml_private.column_stamp(a.attrelid, a.attnum), d.adbin::text, (
        SELECT string_agg(format('%s %s', p.oid, p.xmin), ',' ORDER BY p.oid) FROM ml_private.generators(a.attrelid, a.attnum) AS f JOIN pg_proc AS p ON p.oid = f)),
        ',' ORDER BY a.attrelid, a.attnum))
    FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = ANY (relations) AND a.attgenerated <> '' AND NOT a.attisdropped);

-- followed_since tells spans of following a table apart: rows that were kept in an
-- earlier one have missed changes, or mean others. It changes with the publication,
-- with the table's membership, where the table is attached, and with its generated
-- columns: to give them other expressions rewrites the table, which is not logged.
CREATE FUNCTION ml_private.followed_since(relation oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    WITH chain(oid) AS (SELECT relation UNION SELECT a.relid::oid FROM pg_partition_ancestors(relation::regclass) AS a)
    SELECT concat_ws(' ', ml_private.followed(relation),
        (SELECT format('%s %s', p.oid, p.xmin) FROM pg_publication AS p WHERE p.pubname = 'millrace'),
        (SELECT string_agg(format('%s %s', r.oid, r.xmin), ',' ORDER BY r.oid) FROM pg_publication_rel AS r
         JOIN pg_publication AS p ON p.oid = r.prpubid AND p.pubname = 'millrace' WHERE r.prrelid IN (SELECT c.oid FROM chain AS c)),
        (SELECT string_agg(format('%s %s %s', i.inhrelid, i.inhparent, i.xmin), ',' ORDER BY i.inhrelid, i.inhparent) FROM pg_inherits AS i
         JOIN pg_class AS t ON t.oid = i.inhrelid AND t.relispartition WHERE i.inhrelid IN (SELECT c.oid FROM chain AS c)),
        (SELECT t.relpersistence FROM pg_class AS t WHERE t.oid = relation),
        CASE WHEN EXISTS (SELECT FROM pg_attribute AS g WHERE g.attrelid = relation AND g.attgenerated <> '') THEN ml_private.generation(ARRAY[relation]) END));

-- latest is a fingerprint of what changes without a trace in the log: partitions and
-- generated columns of the tables, the publication, enumerations, the maintained views
-- and their plain views.
CREATE FUNCTION ml_private.latest(parents oid[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN md5(concat_ws('|',
    (SELECT string_agg(format('%s %s', i.inhrelid, i.xmin), ',' ORDER BY i.inhrelid) FROM pg_inherits AS i WHERE i.inhparent = ANY (parents)),
    CASE WHEN EXISTS (SELECT FROM pg_attribute AS g WHERE g.attrelid = ANY (parents) AND g.attgenerated <> '') THEN ml_private.generation(parents) END,
    (SELECT format('%s %s', p.oid, p.xmin) FROM pg_publication AS p WHERE p.pubname = 'millrace'),
    (SELECT string_agg(format('%s %s', r.oid, r.xmin), ',' ORDER BY r.oid) FROM pg_publication_rel AS r),
    (SELECT string_agg(format('%s %s', e.oid, e.xmin), ',' ORDER BY e.oid) FROM pg_enum AS e),
    (SELECT string_agg(concat_ws(' ', v.view, v.xmin, c.xmin, d.xmin, w.xmin), ',' ORDER BY v.view) FROM ml_private.view AS v
     LEFT JOIN pg_class AS c ON c.oid = v.view LEFT JOIN pg_class AS d ON d.oid = v.definition
     LEFT JOIN pg_rewrite AS w ON w.ev_class = v.definition AND w.rulename = '_RETURN')));

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
