-- Maintained views: made by their owners in their own transactions, written by the
-- worker from then on.

CREATE TYPE ml.view_status AS (
    view   regclass,
    rows   bigint,
    state  text,
    reason text
);
COMMENT ON TYPE ml.view_status IS
'What a maintained view''s function returns: its table, the rows in it when it was made or changed, its state (catching up, live, lagging,
paused, errored, orphaned) and the reason for it.';

-- ask_if_up is ask, but NULL when no worker answers: a view is made, and followed
-- when the worker is back. The one place with an EXCEPTION block: nothing is read by
-- snapshot behind it.
CREATE FUNCTION ml_private.ask_if_up(request jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
    RETURN ml_private.ask(request);
EXCEPTION
    WHEN sqlclient_unable_to_establish_sqlconnection OR connection_failure THEN
        RETURN NULL;
END
$$;

CREATE FUNCTION ml_private.view_request(verb text, args jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
BEGIN
    RETURN pg_catalog.jsonb_build_object('op', 'view', 'version', ml_private.version(), 'verb', verb, 'args', args);
END
$$;

-- pinned are the session's settings that can change what an expression gives.
CREATE FUNCTION ml_private.pinned() RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT jsonb_object_agg(s, current_setting(s))
        FROM unnest('{TimeZone,DateStyle,IntervalStyle,extra_float_digits,bytea_output,lc_monetary,lc_numeric,lc_time,default_text_search_config,xmlbinary,xmloption}'::text[]) AS s);

CREATE FUNCTION ml_private.view_shape(relation oid) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT coalesce(array_agg(format('%I %s %s', a.attname, format_type(a.atttypid, a.atttypmod), a.attcollation::regcollation) ORDER BY a.attnum), '{}')
        FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped);

CREATE FUNCTION ml_private.view_action(definition oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT w.ev_action::text FROM pg_rewrite AS w WHERE w.ev_class = definition AND w.rulename = '_RETURN');

-- one_query refuses what is no single query, and returns the body of a view.
CREATE FUNCTION ml_private.one_query(query text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF query IS NULL OR pg_catalog.btrim(query, E' \t\r\n;') OPERATOR(pg_catalog.=) '' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'argument query is missing',
            HINT = 'Write a SELECT, for example: SELECT city, count(*) FROM people GROUP BY city';
    END IF;
    -- In parentheses there is room for one query only; a comment at the end stays one.
    RETURN pg_catalog.format(E'(%s\n)', pg_catalog.rtrim(query, E' \t\r\n;'));
END
$$;

-- check_definition has the worker compile a plain view, which raises what cannot be
-- maintained, and names the tables that are not followed.
CREATE FUNCTION ml_private.check_definition(definition oid) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    missing pg_catalog.text[] := ml_private.untracked(definition);
    reply   pg_catalog.jsonb;
BEGIN
    reply := ml_private.ask_if_up(ml_private.view_request('check', pg_catalog.jsonb_build_object(
        'definition', definition::pg_catalog.int8, 'action', ml_private.view_action(definition))));
    IF missing IS NOT NULL THEN
        RAISE insufficient_privilege USING
            MESSAGE = pg_catalog.format('table %s is not followed', missing[1]),
            DETAIL = CASE WHEN pg_catalog.cardinality(missing) OPERATOR(pg_catalog.>) 1
                THEN pg_catalog.format('Nor are: %s', pg_catalog.array_to_string(missing[2:], ', ')) ELSE '' END,
            HINT = pg_catalog.format('Its owner runs: SELECT ml.track(%L)', missing[1]);
    END IF;
    IF reply IS NULL THEN
        RETURN 'the worker is not running: the query will be checked when it is back';
    END IF;
    RETURN pg_catalog.jsonb_extract_path_text(reply, 'unchecked');
END
$$;

-- keep fills the table from the plain view, guards it, and registers both.
CREATE FUNCTION ml_private.keep(view text, definition text, made boolean, key text[]) RETURNS ml.view_status
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    source    pg_catalog.pg_class;
    unchecked pg_catalog.text;
    columns   pg_catalog.text;
    status    ml.view_status;
BEGIN
    SELECT c.* INTO STRICT source FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) definition::pg_catalog.regclass;
    IF pg_catalog.array_position(key, NULL) IS NOT NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'argument key has a NULL element', HINT = 'Name columns of the query, as in key => ''{city}''.';
    END IF;
    unchecked := ml_private.check_definition(source.oid);
    EXECUTE pg_catalog.format('CREATE TABLE %s AS SELECT * FROM %s', view, definition);
    GET DIAGNOSTICS status.rows := ROW_COUNT;
    status.view := view::pg_catalog.regclass;
    IF pg_catalog.cardinality(key) OPERATOR(pg_catalog.>) 0 THEN
        columns := (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(k.name), ', ' ORDER BY k.n)
                    FROM ROWS FROM (pg_catalog.unnest(key)) WITH ORDINALITY AS k(name, n));
        EXECUTE pg_catalog.format('CREATE UNIQUE INDEX ON %s (%s)', view, columns);
    END IF;
    EXECUTE pg_catalog.format('CREATE TRIGGER millrace_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION ml_view.guard()', view);
    EXECUTE pg_catalog.format('COMMENT ON TABLE %s IS %L', view, pg_catalog.concat('Millrace: kept equal to ', definition));
    INSERT INTO ml_private.view (view, definition, owner, made, settings)
    SELECT c.oid, source.oid, c.relowner, keep.made, ml_private.pinned()
    FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) status.view;
    PERFORM pg_catalog.pg_notify('millrace_view', '');
    status.state := 'catching up';
    status.reason := unchecked;
    RETURN status;
END
$$;

CREATE FUNCTION ml.create_view(name text, query text, key text[] DEFAULT NULL) RETURNS ml.view_status
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    names pg_catalog.text[];
    body  pg_catalog.text := ml_private.one_query(query);
BEGIN
    PERFORM ml_private.require_enrolled();
    names := ml_private.output_tables(name, ARRAY['', '_definition'], false);
    EXECUTE pg_catalog.format('CREATE VIEW %s AS %s', names[2], body);
    RETURN ml_private.keep(names[1], names[2], true, key);
END
$$;

COMMENT ON FUNCTION ml.create_view IS
'Makes a table that stays equal to a query while the tables below it change, and the plain view NAME_definition that defines it. The table
is filled in this transaction, as CREATE TABLE AS would. key, if given, names columns for a unique index. The tables below are followed with
ml.track first. What cannot be maintained is refused with 0A000 and its name.
Example: SELECT ml.create_view(''people_by_city'', ''SELECT city, count(*) FROM people GROUP BY city'')';

CREATE FUNCTION ml.maintain_view("view" regclass, into_table text) RETURNS ml.view_status
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    names  pg_catalog.text[];
    source pg_catalog.pg_class;
BEGIN
    PERFORM ml_private.require_enrolled();
    SELECT c.* INTO source FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) "view";
    IF source.oid IS NULL OR source.relkind OPERATOR(pg_catalog.<>) 'v' THEN
        RAISE wrong_object_type USING MESSAGE = pg_catalog.format('%s is not a plain view', coalesce("view"::pg_catalog.text, 'NULL')),
            HINT = 'ml.create_view takes a query instead.';
    END IF;
    IF NOT pg_catalog.pg_has_role(source.relowner, 'USAGE') THEN
        RAISE insufficient_privilege USING MESSAGE = pg_catalog.format('only the owner of %s can have it maintained', "view"),
            HINT = pg_catalog.format('Make a view of your own that reads %s.', "view");
    END IF;
    names := ml_private.output_tables(into_table, ARRAY[''], false);
    RETURN ml_private.keep(names[1], ml_private.relation_name(source.oid::pg_catalog.int8), false, NULL);
END
$$;

COMMENT ON FUNCTION ml.maintain_view IS
'Makes a table that stays equal to an existing plain view of yours, as ml.create_view does with a query.
Example: SELECT ml.maintain_view(''sales_by_day'', ''sales_by_day_now'')';

-- Assignments in an UPDATE cannot be qualified, so these two have standard bodies.
CREATE FUNCTION ml_private.redefine(relation oid, by oid) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    UPDATE ml_private.view SET definition = by, made = true, settings = ml_private.pinned(), generation = generation + 1, revision = revision + 1 WHERE view = relation;
END;

CREATE FUNCTION ml_private.set_mark(relation oid, pause boolean, build integer) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
BEGIN ATOMIC
    UPDATE ml_private.view SET paused = coalesce(pause, paused), generation = generation + build, revision = revision + 1 WHERE view = relation;
END;

-- registered returns the row of a maintained view that the current role may change.
CREATE FUNCTION ml_private.registered(name text) RETURNS ml_private.view
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
DECLARE
    relation pg_catalog.regclass;
    found_   ml_private.view;
BEGIN
    PERFORM ml_private.require_enrolled();
    IF name IS NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'argument name is NULL', HINT = 'SELECT * FROM ml.views lists the maintained views.';
    END IF;
    relation := pg_catalog.to_regclass(name);
    SELECT v.* INTO found_ FROM ml_private.view AS v WHERE v.view OPERATOR(pg_catalog.=) relation;
    IF found_.view IS NULL THEN
        RAISE undefined_table USING MESSAGE = pg_catalog.format('%s is not a maintained view of yours', name),
            HINT = 'SELECT * FROM ml.views lists them.';
    END IF;
    RETURN found_;
END
$$;

CREATE FUNCTION ml.drop_view(name text, cascade boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    v    ml_private.view := ml_private.registered(name);
    rest pg_catalog.text := CASE WHEN cascade THEN ' CASCADE' ELSE '' END;
BEGIN
    EXECUTE pg_catalog.format('DROP TABLE %s%s', ml_private.relation_name(v.view::pg_catalog.int8), rest);
    IF v.made AND ml_private.relation_name(v.definition::pg_catalog.int8) IS NOT NULL THEN
        EXECUTE pg_catalog.format('DROP VIEW %s%s', ml_private.relation_name(v.definition::pg_catalog.int8), rest);
    END IF;
    DELETE FROM ml_private.view AS d WHERE d.view OPERATOR(pg_catalog.=) v.view;
    PERFORM pg_catalog.pg_notify('millrace_view', '');
END
$$;

COMMENT ON FUNCTION ml.drop_view IS
'Drops a maintained view: its table, and the plain view if ml.create_view made it. What depends on them is listed by PostgreSQL, or
dropped too with cascade => true.
Example: SELECT ml.drop_view(''people_by_city'')';

CREATE FUNCTION ml.alter_view(name text, query text, cascade boolean DEFAULT false) RETURNS ml.view_status
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    v          ml_private.view := ml_private.registered(name);
    body       pg_catalog.text := ml_private.one_query(query);
    view       pg_catalog.text := ml_private.relation_name(v.view::pg_catalog.int8);
    definition pg_catalog.text := ml_private.relation_name(v.definition::pg_catalog.int8);
    rest       pg_catalog.text := CASE WHEN cascade THEN ' CASCADE' ELSE '' END;
    status     ml.view_status;
BEGIN
    IF definition IS NULL THEN
        definition := ml_private.definition_name(v.view);
    ELSE
        EXECUTE pg_catalog.format('ALTER VIEW %s RENAME TO millrace_former', definition);
    END IF;
    EXECUTE pg_catalog.format('CREATE VIEW %s AS %s', definition, body);
    IF ml_private.view_shape(v.view) OPERATOR(pg_catalog.=) ml_private.view_shape(definition::pg_catalog.regclass) THEN
        status.view := v.view;
        status.reason := ml_private.check_definition(definition::pg_catalog.regclass);
        PERFORM ml_private.redefine(v.view, definition::pg_catalog.regclass);
        status.state := 'catching up';
        PERFORM pg_catalog.pg_notify('millrace_view', '');
    ELSE
        EXECUTE pg_catalog.format('DROP TABLE %s%s', view, rest);
        DELETE FROM ml_private.view AS d WHERE d.view OPERATOR(pg_catalog.=) v.view;
        status := ml_private.keep(view, definition, true, NULL);
    END IF;
    IF ml_private.relation_name(v.definition::pg_catalog.int8) IS NOT NULL THEN
        EXECUTE pg_catalog.format('DROP VIEW %s%s', ml_private.relation_name(v.definition::pg_catalog.int8), rest);
    END IF;
    RETURN status;
END
$$;

COMMENT ON FUNCTION ml.alter_view IS
'Gives a maintained view another query. With the same columns its table stays, with its grants, indexes and dependents, and its rows are
changed where they differ; with others it is made anew in this transaction, which PostgreSQL refuses while something depends on it, unless
cascade => true.
Example: SELECT ml.alter_view(''people_by_city'', ''SELECT city, count(*) FROM people WHERE alive GROUP BY city'')';

-- definition_name is the name that create_view would give to a table's plain view.
CREATE FUNCTION ml_private.definition_name(relation oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT format('%I.%I', n.nspname, c.relname || '_definition')
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relation);

-- mark changes what the worker is to do with a view.
CREATE FUNCTION ml_private.mark(name text, paused boolean, build integer) RETURNS ml.view_status
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    v      ml_private.view := ml_private.registered(name);
    status ml.view_status;
BEGIN
    PERFORM ml_private.set_mark(v.view, mark.paused, mark.build);
    PERFORM pg_catalog.pg_notify('millrace_view', '');
    status.view := v.view;
    status.state := CASE WHEN mark.paused THEN 'paused' ELSE 'catching up' END;
    RETURN status;
END
$$;

CREATE FUNCTION ml.pause_view(name text) RETURNS ml.view_status
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
    RETURN ml_private.mark(name, true, 0);
END
$$;
COMMENT ON FUNCTION ml.pause_view IS
'Leaves a maintained view''s table as it is until ml.resume_view. Changes are kept and applied then.
Example: SELECT ml.pause_view(''people_by_city'')';

CREATE FUNCTION ml.resume_view(name text) RETURNS ml.view_status
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
    RETURN ml_private.mark(name, false, 0);
END
$$;
COMMENT ON FUNCTION ml.resume_view IS
'Ends what ml.pause_view began.
Example: SELECT ml.resume_view(''people_by_city'')';

CREATE FUNCTION ml.rebuild_view(name text) RETURNS ml.view_status
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
    RETURN ml_private.mark(name, NULL, 1);
END
$$;
COMMENT ON FUNCTION ml.rebuild_view IS
'Computes a maintained view anew from the tables below it. Rows that differ are changed in one transaction: readers never see it empty.
Example: SELECT ml.rebuild_view(''people_by_city'')';
