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

CREATE FUNCTION ml_private.view_action(definition oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT w.ev_action::text FROM pg_rewrite AS w WHERE w.ev_class = definition AND w.rulename = '_RETURN');

-- is_name reports whether a text can be the name of a relation, and nothing else.
CREATE FUNCTION ml_private.is_name(name text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN name ~ '^\s*("([^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*)(\s*\.\s*("([^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*))*\s*$';

-- without_end leaves out the last semicolon and the comments behind it. A quote or a
-- star there might be the end of what the semicolon is in: then all stays.
CREATE FUNCTION ml_private.without_end(query text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN rtrim(regexp_replace(query, $re$;(\s|;|--[^\n'"$*]*(\n|$)|/\*[^'"$*]*\*/)*$$re$, ''), E' \t\r\n;');

-- one_query refuses what is no single query, and returns the body of a view.
CREATE FUNCTION ml_private.one_query(query text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF query IS NULL OR pg_catalog.btrim(query, E' \t\r\n;') OPERATOR(pg_catalog.=) '' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'argument query is missing',
            HINT = 'Write a SELECT, for example: SELECT city, count(*) FROM people GROUP BY city';
    END IF;
    -- In parentheses there is room for one query only; a comment at the end stays one.
    RETURN pg_catalog.format(E'(%s\n)', ml_private.without_end(query));
END
$$;

-- define makes a plain view. What PostgreSQL refuses with the place gets through as
-- it is.
CREATE FUNCTION ml_private.define(name text, body text) RETURNS oid
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    problem pg_catalog.text;
BEGIN
    EXECUTE pg_catalog.format('CREATE VIEW %s AS %s', name, body);
    RETURN name::pg_catalog.regclass;
EXCEPTION
    WHEN duplicate_column OR invalid_table_definition THEN
        GET STACKED DIAGNOSTICS problem := MESSAGE_TEXT;
        RAISE USING ERRCODE = SQLSTATE, MESSAGE = problem, HINT = CASE WHEN SQLSTATE OPERATOR(pg_catalog.=) '42701'
            THEN 'Give each column of the query a name of its own, as in: SELECT a + 1 AS next'
            ELSE 'Give each column a type with a name, as in row(1, 2)::pair. Temporary tables are not maintained.' END;
END
$$;

-- view_names returns the quoted names that a maintained view is going to have. It says
-- what is in the way as a maker of views wants to hear it, and leaves the rest to
-- output_tables.
CREATE FUNCTION ml_private.view_names(argument text, name text, suffixes text[]) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
DECLARE
    parts pg_catalog.text[];
    older pg_catalog.regclass;
BEGIN
    IF coalesce(pg_catalog.btrim(name), '') OPERATOR(pg_catalog.=) '' THEN
        RAISE invalid_parameter_value USING MESSAGE = pg_catalog.format('argument %s is missing', argument),
            HINT = pg_catalog.format('Name the table to make, as in %s => ''people_by_city''.', argument);
    END IF;
    IF ml_private.is_name(name) THEN
        parts := pg_catalog.parse_ident(name);
        IF pg_catalog.cardinality(parts) OPERATOR(pg_catalog.=) 1 THEN
            parts := pg_catalog.array_prepend(pg_catalog.current_schema()::pg_catalog.text, parts);
        END IF;
        IF parts[1] IS NULL THEN
            RAISE invalid_schema_name USING MESSAGE = 'no schema has been selected to create in',
                HINT = pg_catalog.format('Set search_path, or write %s => ''schema.table''.', argument);
        END IF;
        FOR i IN 1 .. pg_catalog.cardinality(suffixes) LOOP
            older := (SELECT c.oid FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
                WHERE n.nspname OPERATOR(pg_catalog.=) parts[1]::pg_catalog.name AND c.relname::pg_catalog.text OPERATOR(pg_catalog.=) pg_catalog.concat(parts[2], suffixes[i]));
            IF older IS NOT NULL THEN
                RAISE duplicate_table USING MESSAGE = pg_catalog.format('relation %I.%I already exists', parts[1], pg_catalog.concat(parts[2], suffixes[i])),
                    HINT = CASE WHEN EXISTS (SELECT FROM ml_private.view AS v WHERE v.view OPERATOR(pg_catalog.=) older)
                        THEN 'ml.alter_view gives a maintained view another query.' ELSE 'Choose another name, or drop it before.' END;
            END IF;
        END LOOP;
        IF pg_catalog.lower(parts[1]) OPERATOR(pg_catalog.~) '^pg_temp(_[0-9]+)?$' THEN
            RAISE feature_not_supported USING MESSAGE = pg_catalog.format('%s would be a temporary table', name),
                HINT = 'The worker could not see it. Name another schema.';
        END IF;
    END IF;
    RETURN ml_private.output_tables(name, suffixes, false);
END
$$;

-- check_definition has the worker compile a plain view, which raises what cannot be
-- maintained, and names the tables that are not followed. body is what one_query gave,
-- or NULL: the worker finds in it what it refuses.
CREATE FUNCTION ml_private.check_definition(definition oid, body text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    missing pg_catalog.text[] := ml_private.untracked(definition);
    reply   pg_catalog.jsonb;
BEGIN
    reply := ml_private.ask_if_up(ml_private.view_request('check', pg_catalog.jsonb_build_object(
        'definition', definition::pg_catalog.int8, 'action', ml_private.view_action(definition), 'query', body,
        'offset', pg_catalog.octet_length(pg_catalog.format('CREATE VIEW %s AS ', ml_private.relation_name(definition::pg_catalog.int8))),
        'nested', EXISTS (SELECT FROM ml_private.plain_views(definition) AS p WHERE p OPERATOR(pg_catalog.<>) definition))));
    IF missing IS NOT NULL THEN
        RAISE insufficient_privilege USING
            MESSAGE = pg_catalog.format('table %s is not followed', missing[1]),
            DETAIL = CASE WHEN pg_catalog.cardinality(missing) OPERATOR(pg_catalog.>) 1
                THEN pg_catalog.format('Nor are: %s.', pg_catalog.array_to_string(missing[2:], ', '))
                ELSE 'The worker sees what changes in followed tables only.' END,
            HINT = pg_catalog.format('Its owner runs: SELECT ml.track(%L)', missing[1]);
    END IF;
    IF reply IS NULL THEN
        RETURN 'the worker is not running: the query will be checked when it is back';
    END IF;
    RETURN pg_catalog.jsonb_extract_path_text(reply, 'unchecked');
END
$$;

-- put_guard has only the worker write a maintained view's table.
CREATE FUNCTION ml_private.put_guard(view text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
    EXECUTE pg_catalog.format('CREATE TRIGGER millrace_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION ml_view.guard()', view);
END
$$;

-- check_key refuses what is no list of the query's columns.
CREATE FUNCTION ml_private.check_key(key text[], query oid) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    columns pg_catalog.text[] := (SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY a.attnum) FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid OPERATOR(pg_catalog.=) query AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2);
    name    pg_catalog.text;
    seen    pg_catalog.text[] := '{}';
BEGIN
    IF pg_catalog.array_ndims(key) OPERATOR(pg_catalog.>) 1 OR EXISTS (SELECT FROM pg_catalog.unnest(key) AS k WHERE k IS NULL) THEN
        RAISE invalid_parameter_value USING MESSAGE = pg_catalog.format('argument key is not a list of names: %s', key), HINT = 'Name columns of the query, as in key => ''{city}''.';
    END IF;
    FOREACH name IN ARRAY coalesce(key, '{}') LOOP
        IF name OPERATOR(pg_catalog.=) ANY (seen) THEN
            RAISE duplicate_column USING MESSAGE = pg_catalog.format('column %I is in key twice', name), HINT = 'Name each column once.';
        END IF;
        IF coalesce(name OPERATOR(pg_catalog.<>) ALL (columns), true) THEN
            RAISE undefined_column USING MESSAGE = pg_catalog.format('key names column %I, which the query does not have', name),
                HINT = pg_catalog.format('Its columns are: %s.', pg_catalog.array_to_string(columns, ', '));
        END IF;
        seen := pg_catalog.array_append(seen, name);
    END LOOP;
END
$$;

CREATE FUNCTION ml_private.put_key(view text, key text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    columns pg_catalog.text := (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(k.name), ', ' ORDER BY k.n)
        FROM ROWS FROM (pg_catalog.unnest(key)) WITH ORDINALITY AS k(name, n));
    example pg_catalog.text;
BEGIN
    EXECUTE pg_catalog.format('CREATE UNIQUE INDEX ON %s (%s)', view, columns);
EXCEPTION
    WHEN unique_violation THEN
        GET STACKED DIAGNOSTICS example := PG_EXCEPTION_DETAIL;
        RAISE unique_violation USING MESSAGE = pg_catalog.format('the query has several rows with the same key (%s)', columns), DETAIL = example,
            HINT = 'Name columns that tell its rows apart, such as those in GROUP BY, or leave key out.';
    WHEN undefined_object THEN
        RAISE undefined_object USING MESSAGE = pg_catalog.format('a column of key has a type without an order (%s)', columns),
            HINT = 'Name columns that can be sorted, or leave key out.';
END
$$;

-- keep fills the table from the plain view, guards it, and registers both.
CREATE FUNCTION ml_private.keep(view text, source oid, body text, key text[]) RETURNS ml.view_status
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    definition pg_catalog.text := ml_private.relation_name(source::pg_catalog.int8);
    unchecked  pg_catalog.text;
    status     ml.view_status;
BEGIN
    PERFORM ml_private.check_key(key, source);
    unchecked := ml_private.check_definition(source, body);
    EXECUTE pg_catalog.format('CREATE TABLE %s AS SELECT * FROM %s', view, definition);
    GET DIAGNOSTICS status.rows := ROW_COUNT;
    status.view := view::pg_catalog.regclass;
    IF pg_catalog.cardinality(key) OPERATOR(pg_catalog.>) 0 THEN
        PERFORM ml_private.put_key(view, key);
    END IF;
    PERFORM ml_private.put_guard(view);
    EXECUTE pg_catalog.format('COMMENT ON TABLE %s IS %L', view, pg_catalog.concat('Millrace: kept equal to ', definition));
    INSERT INTO ml_private.view (view, definition, owner, made, settings)
    SELECT c.oid, source, c.relowner, body IS NOT NULL, ml_private.pinned()
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
    names := ml_private.view_names('name', name, ARRAY['', '_definition']);
    RETURN ml_private.keep(names[1], ml_private.define(names[2], body), body, key);
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
    IF source.relpersistence OPERATOR(pg_catalog.=) 't' THEN
        RAISE feature_not_supported USING MESSAGE = pg_catalog.format('%s is temporary: the worker could not see it', "view"), HINT = 'Make a view that lasts.';
    END IF;
    names := ml_private.view_names('into_table', into_table, ARRAY['']);
    RETURN ml_private.keep(names[1], source.oid, NULL, NULL);
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
    IF NOT ml_private.is_name(name) THEN
        RAISE invalid_name USING MESSAGE = pg_catalog.format('%L is not the name of a table', name), HINT = 'Quote unusual names, as in ''"my view"''.';
    END IF;
    relation := pg_catalog.to_regclass(name);
    SELECT v.* INTO found_ FROM ml_private.view AS v WHERE v.view OPERATOR(pg_catalog.=) relation;
    IF found_.view IS NULL THEN
        RAISE undefined_table USING MESSAGE = pg_catalog.format('%s is not a maintained view of yours', name),
            HINT = coalesce((SELECT pg_catalog.format('It is the plain view of %s.', v.view::pg_catalog.regclass) FROM ml_private.view AS v
                WHERE v.definition OPERATOR(pg_catalog.=) relation LIMIT 1), 'SELECT * FROM ml.views lists them.');
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
        PERFORM ml_private.drop_definition(v.definition, v.view, cascade);
    END IF;
    DELETE FROM ml_private.view AS d WHERE d.view OPERATOR(pg_catalog.=) v.view;
    PERFORM pg_catalog.pg_notify('millrace_view', '');
END
$$;

COMMENT ON FUNCTION ml.drop_view IS
'Drops a maintained view: its table, and the plain view if ml.create_view made it. What depends on them is listed by PostgreSQL, or
dropped too with cascade => true.
Example: SELECT ml.drop_view(''people_by_city'')';

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
