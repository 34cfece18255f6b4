-- Another query for a maintained view: its table is changed in its place, so that
-- what the owner has made of it stays.

-- result_columns lists the columns of a maintained view's table that its query fills,
-- in their order: those that a query has, its former one or the next, and any that has
-- no values of its own. A generated column that the owner has added is not one.
CREATE FUNCTION ml_private.result_columns(relation oid, queries oid[]) RETURNS TABLE (name text, declaration text, number smallint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    SELECT a.attname::text, concat(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ' COLLATE ' || nullif(a.attcollation, 0)::regcollation::text), a.attnum
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND (NOT a.atthasdef AND a.attidentity = ''
        OR EXISTS (SELECT FROM pg_attribute AS q WHERE q.attrelid = ANY (queries) AND q.attname = a.attname AND q.attnum > 0 AND NOT q.attisdropped))
    ORDER BY a.attnum;
END;

-- view_shape describes them, as ADD COLUMN wants it.
CREATE FUNCTION ml_private.view_shape(relation oid, queries oid[]) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT coalesce(array_agg(c.declaration ORDER BY c.number), '{}') FROM ml_private.result_columns(relation, queries) AS c);

CREATE FUNCTION ml_private.view_columns(relation oid, queries oid[]) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT coalesce(array_agg(quote_ident(c.name) ORDER BY c.number), '{}') FROM ml_private.result_columns(relation, queries) AS c);

-- common counts the elements before the first that differs.
CREATE FUNCTION ml_private.common(a text[], b text[]) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT coalesce(min(u.n)::integer - 1, cardinality(common.a)) FROM unnest(a, b) WITH ORDINALITY AS u(x, y, n) WHERE u.x IS DISTINCT FROM u.y);

-- column_objects lists what goes with columns of a table when they are dropped, and
-- the statement that makes it again. columns are those that it is of, all of them.
CREATE FUNCTION ml_private.column_objects(relation oid, gone text[]) RETURNS TABLE (rank integer, object text, columns text[], again text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    WITH lost AS (SELECT a.attnum, a.attname::text AS name, a.attacl FROM pg_attribute AS a
        WHERE a.attrelid = relation AND NOT a.attisdropped AND quote_ident(a.attname) = ANY (gone)),
    found(rank, class, id, again) AS (
        SELECT 2, 'pg_constraint'::regclass, c.oid, format('ALTER TABLE %s ADD CONSTRAINT %I %s', ml_private.relation_name(relation::bigint), c.conname, pg_get_constraintdef(c.oid))
        FROM pg_constraint AS c WHERE c.conrelid = relation AND c.contype <> 't'
        UNION ALL
        SELECT 1, 'pg_class'::regclass, i.indexrelid, pg_get_indexdef(i.indexrelid)
        FROM pg_index AS i WHERE i.indrelid = relation AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid AND c.conrelid = relation)
        UNION ALL
        SELECT 3, 'pg_statistic_ext'::regclass, s.oid, pg_get_statisticsobjdef(s.oid) FROM pg_statistic_ext AS s WHERE s.stxrelid = relation)
    SELECT f.rank, pg_describe_object(f.class, f.id, 0), u.columns, f.again
    FROM found AS f, LATERAL (
        SELECT array_agg(DISTINCT a.attname::text) AS columns, bool_or(l.attnum IS NOT NULL) AS lost
        FROM pg_depend AS d JOIN pg_attribute AS a ON a.attrelid = relation AND a.attnum = d.refobjsubid LEFT JOIN lost AS l ON l.attnum = a.attnum
        WHERE d.classid = f.class AND d.objid = f.id AND d.refclassid = 'pg_class'::regclass AND d.refobjid = relation) AS u
    WHERE u.lost
    UNION ALL
    SELECT 4, format('comment on column %s', l.name), ARRAY[l.name],
        format('COMMENT ON COLUMN %s.%I IS %L', ml_private.relation_name(relation::bigint), l.name, col_description(relation, l.attnum))
    FROM lost AS l WHERE col_description(relation, l.attnum) IS NOT NULL
    UNION ALL
    SELECT 5, format('privilege on column %s', l.name), ARRAY[l.name],
        format('GRANT %s (%I) ON %s TO %s%s', g.privilege_type, l.name, ml_private.relation_name(relation::bigint),
            CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END, CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM lost AS l, aclexplode(l.attacl) AS g
    UNION ALL
    SELECT 6, format('NOT NULL of column %s', l.name), ARRAY[l.name], format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', ml_private.relation_name(relation::bigint), l.name)
    FROM lost AS l JOIN pg_attribute AS a ON a.attrelid = relation AND a.attnum = l.attnum AND a.attnotnull
    ORDER BY 1, 2;
END;

-- in_the_way lists what holds a table's columns as they are, and PostgreSQL would not
-- name: its changelog, and foreign keys that refer to it.
CREATE FUNCTION ml_private.in_the_way(relation oid) RETURNS TABLE (object text, removal text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT format('trigger %I, which collects its changes', g.tgname), format('DROP TRIGGER %I ON %s', g.tgname, ml_private.relation_name(relation::bigint))
    FROM pg_trigger AS g JOIN pg_proc AS p ON p.oid = g.tgfoid JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE g.tgrelid = relation AND n.nspname = 'ml_view' AND p.proname = 'log_change'
    UNION ALL
    SELECT format('foreign key %I of %s', c.conname, c.conrelid::regclass), format('ALTER TABLE %s DROP CONSTRAINT %I', ml_private.relation_name(c.conrelid::bigint), c.conname)
    FROM pg_constraint AS c WHERE c.confrelid = relation AND c.conrelid <> relation AND c.contype = 'f'
    ORDER BY 1;
END;

CREATE FUNCTION ml_private.make_way(relation oid, cascade boolean) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    objects  pg_catalog.text[];
    removals pg_catalog.text[];
    removal  pg_catalog.text;
BEGIN
    SELECT pg_catalog.array_agg(w.object), pg_catalog.array_agg(w.removal) INTO objects, removals FROM ml_private.in_the_way(relation) AS w;
    IF objects IS NULL THEN
        RETURN;
    END IF;
    IF cascade IS NOT TRUE THEN
        RAISE dependent_objects_still_exist USING
            MESSAGE = pg_catalog.format('the columns of %s cannot change while other objects depend on them', relation::pg_catalog.regclass),
            DETAIL = pg_catalog.format('They are: %s.', pg_catalog.array_to_string(objects, '; ')),
            HINT = 'Drop them first, or pass cascade => true, and make them again.';
    END IF;
    FOREACH removal IN ARRAY removals LOOP
        EXECUTE removal;
    END LOOP;
    RAISE NOTICE USING MESSAGE = pg_catalog.format('dropped: %s', pg_catalog.array_to_string(objects, '; '));
END
$$;

-- restore makes again what went with columns that are there again.
CREATE FUNCTION ml_private.restore(objects text[], statements text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    lost    pg_catalog.text[] := '{}';
    problem pg_catalog.text;
    example pg_catalog.text;
BEGIN
    FOR i IN 1 .. coalesce(pg_catalog.cardinality(objects), 0) LOOP
        BEGIN
            IF statements[i] IS NULL THEN
                lost := pg_catalog.array_append(lost, objects[i]);
            ELSE
                EXECUTE statements[i];
            END IF;
        EXCEPTION -- a type that it cannot be of
            WHEN undefined_object OR undefined_function OR datatype_mismatch OR wrong_object_type OR invalid_text_representation OR invalid_object_definition THEN
                lost := pg_catalog.array_append(lost, objects[i]);
            WHEN unique_violation THEN
                GET STACKED DIAGNOSTICS problem := MESSAGE_TEXT, example := PG_EXCEPTION_DETAIL;
                RAISE unique_violation USING MESSAGE = problem, DETAIL = example, HINT = 'Drop it first, if its columns are no key of the new query.';
        END;
    END LOOP;
    IF pg_catalog.cardinality(lost) OPERATOR(pg_catalog.>) 0 THEN
        RAISE WARNING USING MESSAGE = pg_catalog.format('gone with the columns: %s', pg_catalog.array_to_string(lost, '; ')),
            HINT = 'Make them again, if the new columns are to have them.';
    END IF;
END
$$;

-- fill puts the rows of a plain view into a table, and counts them.
CREATE FUNCTION ml_private.fill(target text, columns text, source text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    filled  pg_catalog.int8;
    problem pg_catalog.text;
    example pg_catalog.text;
BEGIN
    EXECUTE pg_catalog.format('INSERT INTO %s (%s) SELECT %s FROM %s', target, columns, columns, source);
    GET DIAGNOSTICS filled := ROW_COUNT;
    RETURN filled;
EXCEPTION
    WHEN unique_violation THEN
        GET STACKED DIAGNOSTICS problem := MESSAGE_TEXT, example := PG_EXCEPTION_DETAIL;
        RAISE unique_violation USING MESSAGE = problem, DETAIL = example, HINT = 'Drop it first, if its columns are no key of the new query.';
END
$$;

-- reshape gives a maintained view's table the columns of its next query, and its rows.
-- Columns before the first that differs stay, and with them what depends on them.
CREATE FUNCTION ml_private.reshape(relation oid, former oid, next oid, cascade boolean) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    target     pg_catalog.text := ml_private.relation_name(relation::pg_catalog.int8);
    queries    pg_catalog.oid[] := ARRAY[former, next];
    names      pg_catalog.text[] := ml_private.view_columns(next, queries);
    shape      pg_catalog.text[] := ml_private.view_shape(next, queries);
    kept       pg_catalog.int4 := ml_private.common(ml_private.view_shape(relation, queries), shape);
    gone       pg_catalog.text[] := (ml_private.view_columns(relation, queries))[kept OPERATOR(pg_catalog.+) 1:];
    objects    pg_catalog.text[];
    statements pg_catalog.text[];
    actions    pg_catalog.text;
    list       pg_catalog.text := pg_catalog.array_to_string(names, ', ');
    filled     pg_catalog.int8;
BEGIN
    PERFORM ml_private.make_way(relation, cascade);
    SELECT pg_catalog.array_agg(o.object ORDER BY o.rank, o.object),
        pg_catalog.array_agg(CASE WHEN o.columns OPERATOR(pg_catalog.<@) ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid OPERATOR(pg_catalog.=) next OR a.attrelid OPERATOR(pg_catalog.=) relation AND pg_catalog.quote_ident(a.attname) OPERATOR(pg_catalog.<>) ALL (gone))
            THEN o.again END ORDER BY o.rank, o.object)
    INTO objects, statements FROM ml_private.column_objects(relation, gone) AS o;
    actions := (SELECT pg_catalog.string_agg(u.action, ', ') FROM (
        SELECT pg_catalog.concat('DROP COLUMN ', g, CASE WHEN cascade THEN ' CASCADE' END) FROM pg_catalog.unnest(gone) AS g
        UNION ALL SELECT pg_catalog.concat('ADD COLUMN ', s) FROM pg_catalog.unnest(shape[kept OPERATOR(pg_catalog.+) 1:]) AS s) AS u(action));
    EXECUTE pg_catalog.format('DROP TRIGGER IF EXISTS millrace_guard ON %s', target);
    EXECUTE pg_catalog.format('TRUNCATE TABLE ONLY %s', target);
    EXECUTE pg_catalog.format('ALTER TABLE %s %s', target, actions);
    filled := ml_private.fill(target, list, ml_private.relation_name(next::pg_catalog.int8));
    PERFORM ml_private.restore(objects, statements);
    PERFORM ml_private.put_guard(target);
    RETURN filled;
END
$$;

-- reads_itself reports whether a query reads a table, through plain views and through
-- the maintained views that the role can see.
CREATE FUNCTION ml_private.reads_itself(query oid, relation oid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE reads(oid) AS (
        SELECT query
        UNION
        SELECT coalesce(v.definition, b.oid) FROM reads AS r, LATERAL ml_private.base_tables(r.oid) AS b(oid) LEFT JOIN ml_private.view AS v ON v.view = b.oid AND v.view <> relation)
    SELECT EXISTS (SELECT FROM reads AS r WHERE r.oid = relation);
END;

-- siblings lists the other maintained views that are kept equal to a plain view.
CREATE FUNCTION ml_private.siblings(query oid, relation oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT string_agg(v.view::regclass::text, ', ' ORDER BY v.view::regclass::text) FROM ml_private.view AS v WHERE v.definition = query AND v.view <> relation);

-- drop_definition drops the plain view that create_view or alter_view has made.
CREATE FUNCTION ml_private.drop_definition(query oid, relation oid, cascade boolean) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    siblings pg_catalog.text := ml_private.siblings(query, relation);
BEGIN
    IF siblings IS NOT NULL AND cascade IS NOT TRUE THEN
        RAISE dependent_objects_still_exist USING
            MESSAGE = pg_catalog.format('other maintained views are kept equal to %s too', query::pg_catalog.regclass),
            DETAIL = pg_catalog.format('They are: %s.', siblings), HINT = 'Drop them first, with ml.drop_view, or pass cascade => true: they stay as they are then.';
    END IF;
    EXECUTE pg_catalog.format('DROP VIEW %s%s', ml_private.relation_name(query::pg_catalog.int8), CASE WHEN cascade THEN ' CASCADE' END);
END
$$;

-- like_former gives a plain view the comment, privileges and options of the one before.
CREATE FUNCTION ml_private.like_former(former oid, next oid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    statement pg_catalog.text;
    target    pg_catalog.text := ml_private.relation_name(next::pg_catalog.int8);
BEGIN
    FOR statement IN
        SELECT pg_catalog.format('COMMENT ON VIEW %s IS %L', target, pg_catalog.obj_description(former, 'pg_class')) WHERE pg_catalog.obj_description(former, 'pg_class') IS NOT NULL
        UNION ALL
        SELECT pg_catalog.format('GRANT %s ON %s TO %s%s', g.privilege_type, target,
            CASE WHEN g.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END,
            CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM pg_catalog.pg_class AS c, pg_catalog.aclexplode(c.relacl) AS g WHERE c.oid OPERATOR(pg_catalog.=) former AND g.grantee OPERATOR(pg_catalog.<>) c.relowner
        UNION ALL
        SELECT pg_catalog.format('ALTER VIEW %s SET (%s)', target, pg_catalog.array_to_string(c.reloptions, ', '))
        FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) former AND c.reloptions IS NOT NULL
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$;

-- definition_name is the name that create_view would give to a table's plain view.
CREATE FUNCTION ml_private.definition_name(relation oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT format('%I.%I', n.nspname, c.relname || '_definition')
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation);

-- alterable locks a maintained view against others who would change it too, but not
-- against its readers and the worker, and returns its row.
CREATE FUNCTION ml_private.alterable(name text) RETURNS ml_private.view
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    v     ml_private.view := ml_private.registered(name);
    owner pg_catalog.name := pg_catalog.pg_get_userbyid(v.owner);
BEGIN
    IF owner OPERATOR(pg_catalog.<>) CURRENT_USER THEN
        RAISE insufficient_privilege USING MESSAGE = pg_catalog.format('only %I, its owner, can change view %s', owner, v.view::pg_catalog.regclass),
            HINT = pg_catalog.format('SET ROLE %I', owner);
    END IF;
    EXECUTE pg_catalog.format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', ml_private.relation_name(v.view::pg_catalog.int8));
    RETURN ml_private.registered(name);
END
$$;

-- take_query has the table hold the rows of the next query by COMMIT, or soon after if
-- only rows differ: the worker writes those.
CREATE FUNCTION ml_private.take_query(v ml_private.view, next oid, cascade boolean) RETURNS ml.view_status
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    status  ml.view_status;
    queries pg_catalog.oid[] := ARRAY[v.definition, next];
BEGIN
    status.view := v.view;
    status.state := 'catching up';
    IF ml_private.view_shape(v.view, queries) OPERATOR(pg_catalog.<>) ml_private.view_shape(next, queries) THEN
        status.rows := ml_private.reshape(v.view, v.definition, next, cascade);
    END IF;
    PERFORM pg_catalog.pg_notify('millrace_view', '');
    RETURN status;
END
$$;

-- replace_definition puts the next plain view in the place of the former, under whose
-- name PostgreSQL tells what depends on it.
CREATE FUNCTION ml_private.replace_definition(v ml_private.view, next oid, cascade boolean) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    space  pg_catalog.text := (SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace WHERE c.oid OPERATOR(pg_catalog.=) next);
    name   pg_catalog.text := (SELECT pg_catalog.quote_ident(c.relname) FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) next);
BEGIN
    PERFORM ml_private.like_former(v.definition, next);
    EXECUTE pg_catalog.format('ALTER VIEW %s.%s RENAME TO millrace_next_%s', space, name, v.view);
    EXECUTE pg_catalog.format('ALTER VIEW %s.millrace_former_%s RENAME TO %s', space, v.view, name);
    PERFORM ml_private.drop_definition(v.definition, v.view, cascade);
    EXECUTE pg_catalog.format('ALTER VIEW %s.millrace_next_%s RENAME TO %s', space, v.view, name);
END
$$;

CREATE FUNCTION ml.alter_view(name text, query text, cascade boolean DEFAULT false) RETURNS ml.view_status
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    body      pg_catalog.text := ml_private.one_query(query);
    v         ml_private.view := ml_private.alterable(name);
    former    pg_catalog.text := ml_private.relation_name(v.definition::pg_catalog.int8);
    unchecked pg_catalog.text;
    next      pg_catalog.oid;
    status    ml.view_status;
BEGIN
    IF former IS NOT NULL AND NOT v.made THEN
        RAISE wrong_object_type USING MESSAGE = pg_catalog.format('%s is kept equal to %s, a plain view of yours that others may read', v.view::pg_catalog.regclass, former),
            HINT = pg_catalog.format('CREATE OR REPLACE VIEW %s AS …: the worker notices. If that adds columns: SELECT ml.rebuild_view(%L)', former, name);
    END IF;
    IF former IS NOT NULL THEN
        EXECUTE pg_catalog.format('ALTER VIEW %s RENAME TO millrace_former_%s', former, v.view);
    END IF;
    next := ml_private.define(coalesce(former, ml_private.definition_name(v.view)), body);
    IF ml_private.reads_itself(next, v.view) OR EXISTS (SELECT FROM ml_private.plain_views(next) AS p WHERE p OPERATOR(pg_catalog.=) v.definition) THEN
        RAISE invalid_recursion USING MESSAGE = pg_catalog.format('the query reads %s itself', v.view::pg_catalog.regclass),
            HINT = 'Write what it was made of in the place of its name.';
    END IF;
    unchecked := ml_private.check_definition(next, body);
    status := ml_private.take_query(v, next, cascade);
    status.reason := unchecked;
    PERFORM ml_private.redefine(v.view, next);
    IF former IS NOT NULL THEN
        PERFORM ml_private.replace_definition(v, next, cascade);
    END IF;
    RETURN status;
END
$$;

COMMENT ON FUNCTION ml.alter_view IS
'Gives a maintained view another query. Its table stays, with its owner, grants, comments, options, triggers and publications. If the columns
are the same, rows are changed where they differ. If not, the columns before the first that differs stay, with what depends on them; those
from there on are dropped and added, and the table is filled anew in this transaction: a snapshot that is older sees it empty. Indexes,
constraints, statistics, grants and comments of such columns are made again where the query still has the columns, and a WARNING names those
that are not. What else depends on them, foreign keys that refer to the table, and the triggers of ml.log_view are in the way: it is refused
with 2BP01, or they are dropped with cascade => true. The plain view keeps its grants, options and comment. A plain view that
ml.maintain_view was given is yours: CREATE OR REPLACE VIEW it instead.
Example: SELECT ml.alter_view(''people_by_city'', ''SELECT city, count(*) FROM people WHERE alive GROUP BY city'')';

-- renamed lists columns of a table that its plain view has under another name.
CREATE FUNCTION ml_private.renamed(relation oid, query oid) RETURNS TABLE (name text, next text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    WITH t AS (SELECT c.name, c.declaration, row_number() OVER (ORDER BY c.number) AS n FROM ml_private.result_columns(relation, ARRAY[query]) AS c),
    q AS (SELECT c.name, c.declaration, row_number() OVER (ORDER BY c.number) AS n FROM ml_private.result_columns(query, ARRAY[query]) AS c)
    SELECT t.name, q.name FROM t JOIN q ON q.n = t.n
    WHERE t.name <> q.name AND q.name NOT IN (SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = relation)
        AND substr(t.declaration, length(quote_ident(t.name)) + 1) = substr(q.declaration, length(quote_ident(q.name)) + 1)
    ORDER BY t.n;
END;

-- follow_renames renames columns as those of the plain view have been. Its stored query
-- has the former names, which the worker reads: it is stored again.
CREATE FUNCTION ml_private.follow_renames(relation oid, query oid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    r       pg_catalog.record;
    options pg_catalog.text := (SELECT pg_catalog.format(' WITH (%s)', pg_catalog.array_to_string(c.reloptions, ', ')) FROM pg_catalog.pg_class AS c
        WHERE c.oid OPERATOR(pg_catalog.=) query AND c.reloptions IS NOT NULL);
BEGIN
    FOR r IN SELECT m.name, m.next FROM ml_private.renamed(relation, query) AS m LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s RENAME COLUMN %I TO %I', ml_private.relation_name(relation::pg_catalog.int8), r.name, r.next);
    END LOOP;
    IF FOUND THEN
        EXECUTE pg_catalog.format('CREATE OR REPLACE VIEW %s%s AS %s', ml_private.relation_name(query::pg_catalog.int8), options, pg_catalog.pg_get_viewdef(query));
    END IF;
END
$$;

CREATE FUNCTION ml.rebuild_view(name text, cascade boolean DEFAULT false) RETURNS ml.view_status
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    v      ml_private.view := ml_private.alterable(name);
    status ml.view_status;
BEGIN
    IF ml_private.relation_name(v.definition::pg_catalog.int8) IS NOT NULL THEN
        PERFORM ml_private.follow_renames(v.view, v.definition);
        status := ml_private.take_query(v, v.definition, cascade);
    END IF;
    PERFORM ml_private.mark(name, NULL, 1);
    status.view := v.view;
    status.state := 'catching up';
    RETURN status;
END
$$;
COMMENT ON FUNCTION ml.rebuild_view IS
'Computes a maintained view anew from the tables below it. Rows that differ are changed in one transaction: readers never see it empty.
If its plain view has got other columns, by CREATE OR REPLACE VIEW or by renaming, the table gets them, as with ml.alter_view.
Example: SELECT ml.rebuild_view(''people_by_city'')';
