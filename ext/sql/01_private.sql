-- The caller's side of the bridge, in schema ml_private.
--
-- Rules of this folder:
--   * Functions are SECURITY INVOKER and have no SET clause: what the caller
--     names resolves under the caller's own search_path.
--   * So nothing here may depend on that path. SQL functions have standard
--     bodies (BEGIN ATOMIC or RETURN), bound when they are installed; PL/pgSQL
--     ones qualify every function, type and operator. What every call runs is
--     PL/pgSQL, whose plans are kept: PostgreSQL before 18 plans an SQL
--     function at each call, which doubled the time of a small one.
--   * The worker returns data, never SQL. What is executed here is put together
--     here, from the caller's own words.
--   * No EXCEPTION block: it would be a subtransaction.

CREATE FOREIGN TABLE ml_private.worker (
    request text,
    answer  text
) SERVER millrace OPTIONS (schema_name 'ml', table_name 'worker', fetch_size '100', updatable 'false');

-- Result rows travel in columns by type; a scan names the ones it needs.
DO $do$
DECLARE
    slots text := (
        SELECT string_agg(format('%s%s %s', s.prefix, n, s.type), ', ' ORDER BY s.place, n)
        FROM (VALUES (1, 'i', 'bigint', 8), (2, 'f', 'double precision', 24), (3, 't', 'text', 128),
                     (4, 'ia', 'bigint[]', 2), (5, 'fa', 'double precision[]', 4)) AS s(place, prefix, type, count),
             generate_series(1, s.count) AS n);
BEGIN
    -- One batch of rows lies in the backend's memory, so wide rows get a smaller one.
    EXECUTE format($$CREATE FOREIGN TABLE ml_private.rows (request text, %s)
        SERVER millrace OPTIONS (schema_name 'ml', table_name 'rows', fetch_size '10000', updatable 'false')$$, slots);
    EXECUTE format($$CREATE FOREIGN TABLE ml_private.wide_rows (request text, %s)
        SERVER millrace OPTIONS (schema_name 'ml', table_name 'rows', fetch_size '1000', updatable 'false')$$, slots);
END
$do$;

-- require_enrolled raises unless the effective role has a secret for the worker
-- of this very database: a copy of a database carries the original's secrets.
CREATE FUNCTION ml_private.require_enrolled() RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
BEGIN
    PERFORM FROM pg_catalog.pg_user_mappings AS m
    WHERE m.srvname OPERATOR(pg_catalog.=) 'millrace' AND m.usename OPERATOR(pg_catalog.=) CURRENT_USER;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING
            MESSAGE = pg_catalog.format('role %I is not enrolled with Millrace', CURRENT_USER),
            HINT = pg_catalog.format('Ask the administrator to run: millrace enroll %I', CURRENT_USER);
    END IF;
    PERFORM FROM ml_private.identity AS i, pg_catalog.pg_control_system() AS c, pg_catalog.pg_database AS d
    WHERE i.system_identifier OPERATOR(pg_catalog.=) c.system_identifier AND i.database OPERATOR(pg_catalog.=) d.oid
        AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database();
    IF NOT FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'this database is a copy of the one that Millrace was installed in',
            HINT = 'Ask the administrator to run: millrace install, and then millrace enroll for each role.';
    END IF;
END
$$;

-- ask sends one request and returns the worker's answer. The sub-select makes
-- the request a parameter of the remote query, which keeps it out of logs and
-- error contexts.
CREATE FUNCTION ml_private.ask(request jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    reply pg_catalog.text;
BEGIN
    SELECT w.answer INTO STRICT reply
    FROM ml_private.worker AS w
    WHERE w.request OPERATOR(pg_catalog.=) (SELECT ask.request::pg_catalog.text);
    RETURN reply::pg_catalog.jsonb;
END
$$;

CREATE FUNCTION ml_private.send_chunk(header text, chunk bytea[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
    PERFORM w.answer
    FROM ml_private.worker AS w
    WHERE w.request OPERATOR(pg_catalog.=)
        (SELECT pg_catalog.concat(header, pg_catalog.encode(pg_catalog.array_send(chunk), 'hex')));
END
$$;

-- columns describes expressions that play one role in a call; NULL and empty give [].
CREATE FUNCTION ml_private.columns(role text, expressions text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('role', role, 'expression', e) ORDER BY n), '[]')
        FROM unnest(expressions) WITH ORDINALITY AS u(e, n));

CREATE FUNCTION ml_private.columns(role text, expression text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN expression IS NULL THEN '[]'::jsonb
            ELSE jsonb_build_array(jsonb_build_object('role', role, 'expression', expression)) END;

-- required is columns for an argument that must not be NULL: it stays, and the
-- worker names it.
CREATE FUNCTION ml_private.required(role text, expression text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN jsonb_build_array(jsonb_build_object('role', role, 'expression', expression));

-- required_list is columns for a list that must not be NULL, but may be empty.
CREATE FUNCTION ml_private.required_list(role text, expressions text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN expressions IS NULL THEN ml_private.required(role, NULL) ELSE ml_private.columns(role, expressions) END;

CREATE FUNCTION ml_private.input(relation regclass, columns jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN jsonb_build_object('relation', relation::oid::bigint, 'columns', columns);

CREATE FUNCTION ml_private.relation_name(relation bigint) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
            FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
            WHERE c.oid OPERATOR(pg_catalog.=) relation::pg_catalog.oid);
END
$$;

-- probe_sql is a query of one row: the types of an input's expressions. In its
-- WHERE clause PostgreSQL itself refuses aggregates, window functions and sets;
-- nothing is read, and the caller's privileges are checked.
CREATE FUNCTION ml_private.probe_sql(input jsonb) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT pg_catalog.format(
            'SELECT pg_catalog.to_jsonb(ARRAY[%s]) FROM (SELECT) AS one LEFT JOIN '
            '(SELECT %s FROM %s WHERE false AND (%s) LIMIT 0) AS s ON true',
            pg_catalog.string_agg(pg_catalog.format('pg_catalog.pg_typeof(s.c%s)::pg_catalog.oid::pg_catalog.int8', u.n), ', ' ORDER BY u.n),
            pg_catalog.string_agg(pg_catalog.format('(%s) AS c%s', pg_catalog.jsonb_extract_path_text(u.c, 'expression'), u.n), ', ' ORDER BY u.n),
            ml_private.relation_name(pg_catalog.jsonb_extract_path_text(input, 'relation')::pg_catalog.int8),
            pg_catalog.string_agg(pg_catalog.format('(%s) IS NULL', pg_catalog.jsonb_extract_path_text(u.c, 'expression')), ' OR ' ORDER BY u.n))
        FROM pg_catalog.jsonb_array_elements(pg_catalog.jsonb_extract_path(input, 'columns')) WITH ORDINALITY AS u(c, n));
END
$$;

-- cast_of is a format: the cast of %s to the form that a name of the worker's
-- stands for.
CREATE FUNCTION ml_private.cast_of(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE name
    WHEN 'float8' THEN '(%s)::pg_catalog.float8'
    WHEN 'float8[]' THEN '(%s)::pg_catalog.float8[]'
    WHEN 'vector' THEN '(%s)::pg_catalog.float4[]::pg_catalog.float8[]'
    WHEN 'int8' THEN '(%s)::pg_catalog.int8'
    WHEN 'timestamp' THEN '(%s)::pg_catalog.timestamp'
    WHEN 'timestamptz' THEN '(%s)::pg_catalog.timestamptz'
    WHEN 'numeric' THEN 'pg_catalog.trim_scale((%s)::pg_catalog.numeric)::pg_catalog.text'
    WHEN 'text' THEN '(%s)::pg_catalog.text' END;

-- ship_sql is the one query that reads all inputs in the caller's own backend:
-- (input number, row in binary). casts holds one name per column and input.
CREATE FUNCTION ml_private.ship_sql(inputs jsonb, casts jsonb) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT string_agg(q.sql, ' UNION ALL ' ORDER BY q.i)
        FROM (SELECT i, format('SELECT %s, pg_catalog.record_send(ROW(%s)) FROM %s', i - 1,
                  (SELECT string_agg(format(ml_private.cast_of(casts -> (i - 1)::int ->> (n - 1)::int), c ->> 'expression'), ', ' ORDER BY n)
                   FROM jsonb_array_elements(input -> 'columns') WITH ORDINALITY AS u(c, n)),
                  ml_private.relation_name((input ->> 'relation')::bigint)) AS sql
              FROM jsonb_array_elements(inputs) WITH ORDINALITY AS v(input, i)) AS q);

-- ship reads all inputs in one statement, so in one snapshot, and hands the
-- rows to the worker in chunks of about a quarter of a megabyte.
CREATE FUNCTION ml_private.ship(job text, query text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    source   pg_catalog.refcursor;
    input    pg_catalog.int4;
    previous pg_catalog.int4 := 0;
    data     pg_catalog.bytea;
    chunk    pg_catalog.bytea[] := '{}';
    n        pg_catalog.int4 := 0;
    size     pg_catalog.int4 := 0;
BEGIN
    OPEN source NO SCROLL FOR EXECUTE query;
    LOOP
        FETCH source INTO input, data;
        EXIT WHEN NOT FOUND;
        IF size OPERATOR(pg_catalog.>) 262144 OR input OPERATOR(pg_catalog.<>) previous THEN
            PERFORM ml_private.send_chunk(pg_catalog.format('ship %s %s ', job, previous), chunk);
            chunk := '{}';
            n := 0;
            size := 0;
            previous := input;
        END IF;
        n := n OPERATOR(pg_catalog.+) 1;
        chunk[n] := data;
        size := size OPERATOR(pg_catalog.+) pg_catalog.length(data);
    END LOOP;
    CLOSE source;
    PERFORM ml_private.send_chunk(pg_catalog.format('ship %s %s ', job, previous), chunk);
END
$$;
