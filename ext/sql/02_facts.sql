-- facts tells the worker everything on which the choice of path depends, and
-- what types the expressions have. It reads catalogs only and runs in the same
-- statement as pg_export_snapshot(), so it speaks of the same moment.
--
-- closure: the relations themselves, their partitions and children, and what
-- views stand on, to any depth.
CREATE FUNCTION ml_private.closure(relations oid[]) RETURNS oid[]
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
DECLARE
    found_ pg_catalog.oid[] := relations;
    next_  pg_catalog.oid[] := relations;
BEGIN
    LOOP
        next_ := ARRAY(
            SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i
            WHERE i.inhparent OPERATOR(pg_catalog.=) ANY (next_) AND i.inhrelid OPERATOR(pg_catalog.<>) ALL (found_)
            UNION
            SELECT d.refobjid
            FROM pg_catalog.pg_class AS k
            JOIN pg_catalog.pg_rewrite AS w ON w.ev_class OPERATOR(pg_catalog.=) k.oid AND w.ev_type OPERATOR(pg_catalog.=) '1'
            JOIN pg_catalog.pg_depend AS d ON d.objid OPERATOR(pg_catalog.=) w.oid
                AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid
                AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
            WHERE k.oid OPERATOR(pg_catalog.=) ANY (next_) AND k.relkind OPERATOR(pg_catalog.=) 'v'
                AND d.refobjid OPERATOR(pg_catalog.<>) ALL (found_));
        IF pg_catalog.cardinality(next_) OPERATOR(pg_catalog.=) 0 THEN
            RETURN found_;
        END IF;
        found_ := pg_catalog.array_cat(found_, next_);
    END LOOP;
END
$$;

-- depends_on_session finds a function in a stored query tree that is not
-- IMMUTABLE, or a value such as CURRENT_USER: its result may depend on the
-- session. The tree names functions by OID; user text in it is escaped. A cast
-- by way of text is no function there: what such a cast reads may be 'now', so
-- it counts unless the input function of its type is immutable (what it writes
-- depends on settings only, and those are the same in a reader).
CREATE FUNCTION ml_private.depends_on_session(tree text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN strpos(tree, '{SQLVALUEFUNCTION ') > 0
    OR strpos(tree, '{NEXTVALUEEXPR ') > 0
    OR strpos(tree, '{COERCEVIAIO ') > 0 AND EXISTS (
        SELECT FROM regexp_matches(tree, ':resulttype (\d+)', 'g') AS m
        LEFT JOIN pg_type AS t ON t.oid = m[1]::oid
        LEFT JOIN pg_proc AS p ON p.oid = t.typinput
        WHERE coalesce(p.provolatile, 'v') <> 'i')
    OR EXISTS (
        SELECT FROM regexp_matches(tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g') AS m
        LEFT JOIN pg_proc AS p ON p.oid = m[1]::oid
        LEFT JOIN pg_aggregate AS a ON a.aggfnoid = p.oid
        LEFT JOIN pg_proc AS t ON t.oid = a.aggtransfn
        LEFT JOIN pg_proc AS f ON f.oid = nullif(a.aggfinalfn::oid, 0)
        WHERE coalesce(p.provolatile, 'v') <> 'i' OR coalesce(t.provolatile, 'i') <> 'i' OR coalesce(f.provolatile, 'i') <> 'i');

CREATE FUNCTION ml_private.describe_type(type oid) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    base pg_catalog.oid := type;
    next pg_catalog.oid;
BEGIN
    LOOP -- down through domains over domains
        SELECT t.typbasetype INTO next FROM pg_catalog.pg_type AS t WHERE t.oid OPERATOR(pg_catalog.=) base AND t.typtype OPERATOR(pg_catalog.=) 'd';
        EXIT WHEN NOT FOUND;
        base := next;
    END LOOP;
    RETURN (
        SELECT pg_catalog.jsonb_build_object(
            'name', pg_catalog.format('%I.%I', n.nspname, t.typname),
            'array', (SELECT pg_catalog.format('%I.%I', an.nspname, a.typname) FROM pg_catalog.pg_type AS a
                      JOIN pg_catalog.pg_namespace AS an ON an.oid OPERATOR(pg_catalog.=) a.typnamespace WHERE a.oid OPERATOR(pg_catalog.=) t.typarray),
            'base', b.typname,
            'builtin', b.oid::pg_catalog.int8 OPERATOR(pg_catalog.<) 16384,
            'category', b.typcategory,
            'element', (SELECT e.typname FROM pg_catalog.pg_type AS e WHERE e.oid OPERATOR(pg_catalog.=) b.typelem),
            'labels', CASE WHEN b.typtype OPERATOR(pg_catalog.=) 'e' THEN
                (SELECT pg_catalog.jsonb_agg(l.enumlabel ORDER BY l.enumsortorder USING OPERATOR(pg_catalog.<))
                 FROM pg_catalog.pg_enum AS l WHERE l.enumtypid OPERATOR(pg_catalog.=) b.oid) END)
        FROM pg_catalog.pg_type AS t
        JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
        JOIN pg_catalog.pg_type AS b ON b.oid OPERATOR(pg_catalog.=) base
        WHERE t.oid OPERATOR(pg_catalog.=) type);
END
$$;

-- describe_relations lists the inputs' relations, in their order.
CREATE FUNCTION ml_private.describe_relations(inputs jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
BEGIN
    RETURN (
        SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                'name', pg_catalog.format('%I.%I', n.nspname, r.relname),
                'kind', r.relkind,
                'rows', GREATEST(r.reltuples, 0::pg_catalog.float4),
                'bytes', CASE
                    WHEN r.relkind OPERATOR(pg_catalog.=) ANY ('{r,m}'::pg_catalog."char"[]) THEN pg_catalog.pg_relation_size(r.oid::pg_catalog.regclass)
                    WHEN r.relkind OPERATOR(pg_catalog.=) 'p' THEN
                        (SELECT pg_catalog.sum(pg_catalog.pg_relation_size(p.relid)) FROM pg_catalog.pg_partition_tree(r.oid::pg_catalog.regclass) AS p WHERE p.isleaf)
                    ELSE 0 END,
                'splittable', r.relkind OPERATOR(pg_catalog.=) ANY ('{r,m}'::pg_catalog."char"[]) AND NOT r.relhassubclass) ORDER BY i.n)
        FROM pg_catalog.jsonb_array_elements(inputs) WITH ORDINALITY AS i(input, n)
        JOIN pg_catalog.pg_class AS r ON r.oid OPERATOR(pg_catalog.=) pg_catalog.jsonb_extract_path_text(i.input, 'relation')::pg_catalog.oid
        JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) r.relnamespace);
END
$$;

-- own_locks says whether this transaction holds more than read locks on one of
-- the relations: it has written or altered it. Looked up only when it has an
-- XID, since only then it can (or wal_level = minimal, where LOCK TABLE takes none).
CREATE FUNCTION ml_private.own_locks(relations oid[]) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
BEGIN
    IF pg_catalog.pg_current_xact_id_if_assigned() IS NULL
        AND pg_catalog.current_setting('wal_level') OPERATOR(pg_catalog.<>) 'minimal' THEN
        RETURN false;
    END IF;
    RETURN EXISTS (
        SELECT FROM pg_catalog.pg_locks AS l
        JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) l.database
        WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND l.locktype OPERATOR(pg_catalog.=) 'relation'
          AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
          AND l.relation OPERATOR(pg_catalog.=) ANY (relations)
          AND l.mode OPERATOR(pg_catalog.<>) ALL ('{AccessShareLock,RowShareLock}'::pg_catalog.text[]));
END
$$;

CREATE FUNCTION ml_private.facts(inputs jsonb, types jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
DECLARE
    relations pg_catalog.oid[] := ml_private.closure(ARRAY(
        SELECT pg_catalog.jsonb_extract_path_text(i, 'relation')::pg_catalog.oid FROM pg_catalog.jsonb_array_elements(inputs) AS i));
    known     pg_catalog.jsonb;
    flags     pg_catalog.jsonb;
BEGIN
    SELECT pg_catalog.jsonb_object_agg(o.type, ml_private.describe_type(o.type::pg_catalog.oid)) INTO known
    FROM (SELECT DISTINCT e AS type FROM pg_catalog.jsonb_array_elements(types) AS t, pg_catalog.jsonb_array_elements_text(t) AS e) AS o;
    SELECT pg_catalog.jsonb_build_object(
        'temporary', pg_catalog.bool_or(r.relpersistence OPERATOR(pg_catalog.=) 't'),
        'row_security', pg_catalog.bool_or(r.relrowsecurity),
        'views', pg_catalog.bool_or(r.relkind OPERATOR(pg_catalog.=) 'v'),
        'foreign', pg_catalog.bool_or(r.relkind OPERATOR(pg_catalog.=) 'f'),
        'session_functions', pg_catalog.bool_or(CASE WHEN r.relkind OPERATOR(pg_catalog.=) 'v' THEN
            (SELECT pg_catalog.bool_or(ml_private.depends_on_session(w.ev_action::pg_catalog.text))
             FROM pg_catalog.pg_rewrite AS w WHERE w.ev_class OPERATOR(pg_catalog.=) r.oid) END)) INTO flags
    FROM pg_catalog.pg_class AS r WHERE r.oid OPERATOR(pg_catalog.=) ANY (relations);
    RETURN flags OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object(
        'relations', ml_private.describe_relations(inputs),
        'types', known,
        'wrote', pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL,
        'own_types', pg_catalog.pg_my_temp_schema()::pg_catalog.int8 OPERATOR(pg_catalog.<>) 0,
        'own_locks', ml_private.own_locks(relations),
        'isolation', pg_catalog.current_setting('transaction_isolation'),
        'superuser', (SELECT u.rolsuper FROM pg_catalog.pg_roles AS u WHERE u.rolname OPERATOR(pg_catalog.=) CURRENT_USER),
        'backend', pg_catalog.pg_backend_pid(),
        'session', (SELECT pg_catalog.jsonb_object_agg(s, pg_catalog.current_setting(s, true))
            FROM pg_catalog.unnest('{search_path,TimeZone,DateStyle,IntervalStyle,extra_float_digits,bytea_output,
                xmlbinary,lc_monetary,lc_numeric,lc_time,transform_null_equals,array_nulls,
                standard_conforming_strings,backslash_quote,default_text_search_config}'::pg_catalog.text[]) AS s));
END
$$;
