-- output_tables returns the quoted names that a call is going to make, one for
-- each suffix, and raises before any work when one cannot be made.
CREATE FUNCTION ml_private.output_tables(output text, suffixes text[], replace boolean) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
DECLARE
    parts  pg_catalog.text[];
    space  pg_catalog.text;
    name   pg_catalog.text;
    suffix pg_catalog.text;
    names  pg_catalog.text[] := '{}';
BEGIN
    IF output IS NULL OR pg_catalog.btrim(output) OPERATOR(pg_catalog.=) '' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'argument output is missing',
            HINT = 'Name the table to make, for example output => ''result''.';
    END IF;
    IF pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool THEN
        RAISE read_only_sql_transaction USING
            MESSAGE = pg_catalog.format('cannot make table %s in a read-only transaction', output),
            HINT = 'Use a READ WRITE transaction.';
    END IF;
    IF output OPERATOR(pg_catalog.!~) '^\s*("([^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*)(\s*\.\s*("([^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*))*\s*$' THEN
        RAISE invalid_parameter_value USING MESSAGE = pg_catalog.format('output %s is not the name of a table', output),
            HINT = 'Quote unusual names, as in output => ''"my table"''.';
    END IF;
    parts := pg_catalog.parse_ident(output);
    IF pg_catalog.cardinality(parts) OPERATOR(pg_catalog.>) 2 THEN
        RAISE invalid_parameter_value USING MESSAGE = pg_catalog.format('output %s has more than a schema and a table name', output);
    END IF;
    name := parts[pg_catalog.cardinality(parts)];
    space := CASE WHEN pg_catalog.cardinality(parts) OPERATOR(pg_catalog.=) 2 THEN parts[1] ELSE pg_catalog.current_schema() END;
    IF space IS NULL THEN
        RAISE invalid_schema_name USING MESSAGE = 'no schema has been selected to create in',
            HINT = 'Set search_path, or write output => ''schema.table''.';
    END IF;
    FOREACH suffix IN ARRAY suffixes LOOP
        IF pg_catalog.octet_length(name) OPERATOR(pg_catalog.+) pg_catalog.octet_length(suffix) OPERATOR(pg_catalog.>) 63 THEN
            RAISE name_too_long USING
                MESSAGE = pg_catalog.format('the name %I has more than 63 bytes', pg_catalog.concat(name, suffix)),
                HINT = 'Choose a shorter output.';
        END IF;
        names := pg_catalog.array_append(names, pg_catalog.format('%I.%I', space, pg_catalog.concat(name, suffix)));
    END LOOP;
    PERFORM ml_private.require_free(names, replace);
    RETURN names;
END
$$;

-- require_free raises unless every name is free, or is a result of Millrace
-- that the caller may replace: such tables carry a comment that says so.
CREATE FUNCTION ml_private.require_free(names text[], replace boolean) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
DECLARE
    name  pg_catalog.text;
    older pg_catalog.regclass;
BEGIN
    FOREACH name IN ARRAY names LOOP
        older := pg_catalog.to_regclass(name);
        CONTINUE WHEN older IS NULL;
        IF replace IS NOT TRUE THEN
            RAISE duplicate_table USING MESSAGE = pg_catalog.format('relation %s already exists', name),
                HINT = 'Choose another output, or pass replace => true.';
        END IF;
        PERFORM FROM pg_catalog.pg_class AS c
        WHERE c.oid OPERATOR(pg_catalog.=) older::pg_catalog.oid AND c.relkind OPERATOR(pg_catalog.=) 'r'
            AND pg_catalog.obj_description(c.oid, 'pg_class') OPERATOR(pg_catalog.~~) 'Made by Millrace%';
        IF NOT FOUND THEN
            RAISE wrong_object_type USING
                MESSAGE = pg_catalog.format('%s is not a table that Millrace made, and is not replaced', name),
                HINT = 'Choose another output, or drop it yourself.';
        END IF;
    END LOOP;
END
$$;

-- require_apart raises if a table to be replaced is one that the call reads.
CREATE FUNCTION ml_private.require_apart(names text[], inputs jsonb) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
DECLARE
    name pg_catalog.text;
BEGIN
    FOREACH name IN ARRAY names LOOP
        PERFORM FROM pg_catalog.jsonb_array_elements(inputs) AS i
        WHERE pg_catalog.jsonb_extract_path_text(i, 'relation')::pg_catalog.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(name)::pg_catalog.oid;
        IF FOUND THEN
            RAISE invalid_parameter_value USING MESSAGE = pg_catalog.format('output %s is also read by the call', name),
                HINT = 'Choose another output.';
        END IF;
    END LOOP;
END
$$;

-- column_type is the type of a result column:
-- a name of the list below, or the type of one of the caller's
-- expressions, which the caller's own catalog named.
CREATE FUNCTION ml_private.column_type(spec jsonb, types jsonb, facts jsonb) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    input pg_catalog.text := pg_catalog.jsonb_extract_path_text(spec, 'input');
    name  pg_catalog.text := pg_catalog.jsonb_extract_path_text(spec, 'type');
BEGIN
    IF input IS NOT NULL THEN
        RETURN pg_catalog.jsonb_extract_path_text(facts, 'types',
            pg_catalog.jsonb_extract_path_text(types, input, pg_catalog.jsonb_extract_path_text(spec, 'column')),
            CASE WHEN pg_catalog.jsonb_extract_path_text(spec, 'array')::pg_catalog.bool THEN 'array' ELSE 'name' END);
    ELSIF name OPERATOR(pg_catalog.=) 'float8[][]' THEN
        RETURN 'pg_catalog.float8[]';
    ELSIF name OPERATOR(pg_catalog.=) ANY ('{text,varchar,int2,int4,int8,float4,float8,numeric,float8[],int8[],int4[],text[],bool,jsonb,date,timestamp,timestamptz}'::pg_catalog.text[]) THEN
        RETURN pg_catalog.concat('pg_catalog.', name);
    END IF;
    RAISE feature_not_supported USING MESSAGE = pg_catalog.format('the worker asks for a column of type %s', name),
        HINT = 'Run: millrace install';
END
$$;

CREATE FUNCTION ml_private.column_definitions(columns jsonb, types jsonb, facts jsonb) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT pg_catalog.string_agg(pg_catalog.format('%I %s', pg_catalog.jsonb_extract_path_text(u.c, 'name'),
                ml_private.column_type(u.c, types, facts)), ', ' ORDER BY u.n)
            FROM pg_catalog.jsonb_array_elements(columns) WITH ORDINALITY AS u(c, n));
END
$$;

-- insert_sql is the statement that brings a result table's rows; $1 is the request.
CREATE FUNCTION ml_private.insert_sql(name text, columns jsonb, types jsonb, facts jsonb) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT pg_catalog.format('INSERT INTO %s SELECT %s FROM ml_private.%s AS r WHERE r.request OPERATOR(pg_catalog.=) (SELECT $1)',
                name,
                pg_catalog.string_agg(pg_catalog.format('r.%I::%s', pg_catalog.jsonb_extract_path_text(u.c, 'slot'),
                    ml_private.column_type(u.c, types, facts)), ', ' ORDER BY u.n),
                CASE WHEN pg_catalog.bool_or(pg_catalog.jsonb_extract_path_text(u.c, 'slot') OPERATOR(pg_catalog.~) 'a[0-9]+$')
                    THEN 'wide_rows' ELSE 'rows' END)
            FROM pg_catalog.jsonb_array_elements(columns) WITH ORDINALITY AS u(c, n));
END
$$;

-- grants_sql is the statements that give a table the grants that another has now.
CREATE FUNCTION ml_private.grants_sql(relation regclass, name text) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN ARRAY(SELECT format('GRANT %s ON %s TO %s%s', a.privilege_type, name,
                CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
                CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
             FROM pg_class AS c, aclexplode(c.relacl) AS a
             WHERE c.oid = relation AND a.grantee <> c.relowner
             UNION ALL
             SELECT format('GRANT %s (%I) ON %s TO %s%s', a.privilege_type, t.attname, name,
                CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
                CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
             FROM pg_attribute AS t, aclexplode(t.attacl) AS a
             WHERE t.attrelid = relation AND NOT t.attisdropped);

-- make_table makes one result table in the caller's transaction, as the caller,
-- in place of an older one if there is one (require_free has allowed that).
CREATE FUNCTION ml_private.make_table(name text, columns jsonb, types jsonb, facts jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    older  pg_catalog.regclass := pg_catalog.to_regclass(name);
    grants pg_catalog.text[] := '{}';
    grant_ pg_catalog.text;
BEGIN
    IF older IS NOT NULL THEN
        grants := ml_private.grants_sql(older, name);
        EXECUTE pg_catalog.format('DROP TABLE %s', name);
    END IF;
    EXECUTE pg_catalog.format('CREATE TABLE %s (%s)', name, ml_private.column_definitions(columns, types, facts));
    EXECUTE pg_catalog.format('COMMENT ON TABLE %s IS ''Made by Millrace''', name);
    FOREACH grant_ IN ARRAY grants LOOP
        EXECUTE grant_;
    END LOOP;
END
$$;

-- wait_for asks until the call has ended, ships rows when the worker wants them,
-- and shows its notices. It returns the worker's last answer.
CREATE FUNCTION ml_private.wait_for(state jsonb, inputs jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    job    pg_catalog.text := pg_catalog.jsonb_extract_path_text(state, 'job');
    step   pg_catalog.text;
    notice pg_catalog.text;
BEGIN
    LOOP
        FOR notice IN SELECT n FROM pg_catalog.jsonb_array_elements_text(pg_catalog.jsonb_extract_path(state, 'notices')) AS n LOOP
            RAISE NOTICE '%', notice;
        END LOOP;
        step := pg_catalog.jsonb_extract_path_text(state, 'step');
        IF step OPERATOR(pg_catalog.=) 'done' THEN
            RETURN state;
        ELSIF step OPERATOR(pg_catalog.=) 'ship' THEN
            PERFORM ml_private.ship(job, ml_private.ship_sql(inputs, pg_catalog.jsonb_extract_path(state, 'casts')));
            state := ml_private.ask(pg_catalog.jsonb_build_object('op', 'shipped', 'job', job));
        ELSE
            state := ml_private.ask(pg_catalog.jsonb_build_object('op', 'wait', 'job', job));
        END IF;
    END LOOP;
END
$$;

-- run performs one call from beginning to end. restricted is for expressions
-- that somebody else wrote: they resolve in pg_catalog alone.
CREATE FUNCTION ml_private.run(function text, inputs jsonb, args jsonb, output text, replace boolean, restricted boolean DEFAULT false)
RETURNS ml.result
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    began    pg_catalog.timestamptz := pg_catalog.clock_timestamp();
    path     pg_catalog.text := pg_catalog.current_setting('search_path');
    prepared pg_catalog.jsonb;
    names    pg_catalog.text[];
    state    pg_catalog.jsonb;
    spec     pg_catalog.jsonb;
    n        pg_catalog.int4 := 0;
    result   ml.result;
BEGIN
    PERFORM ml_private.require_enrolled();
    prepared := ml_private.ask(pg_catalog.jsonb_build_object('op', 'prepare', 'version', ml_private.version(),
        'function', function, 'args', args, 'inputs', inputs, 'restricted', restricted));
    names := ml_private.output_tables(output,
        ARRAY(SELECT s FROM pg_catalog.jsonb_array_elements_text(pg_catalog.jsonb_extract_path(prepared, 'suffixes')) AS s), replace);
    PERFORM ml_private.require_apart(names, inputs);
    IF restricted THEN
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog', true);
    END IF;
    state := ml_private.compute(prepared, inputs);
    IF restricted THEN
        PERFORM pg_catalog.set_config('search_path', path, true);
    END IF;
    FOR spec IN SELECT t FROM pg_catalog.jsonb_array_elements(pg_catalog.jsonb_extract_path(state, 'tables')) AS t LOOP
        n := n OPERATOR(pg_catalog.+) 1;
        PERFORM ml_private.make_table(names[n], pg_catalog.jsonb_extract_path(spec, 'columns'),
            pg_catalog.jsonb_extract_path(state, 'types'), pg_catalog.jsonb_extract_path(state, 'facts'));
        EXECUTE ml_private.insert_sql(names[n], pg_catalog.jsonb_extract_path(spec, 'columns'),
                pg_catalog.jsonb_extract_path(state, 'types'), pg_catalog.jsonb_extract_path(state, 'facts'))
            USING pg_catalog.format('fetch %s %s', pg_catalog.jsonb_extract_path_text(state, 'job'), n OPERATOR(pg_catalog.-) 1);
    END LOOP;
    result.output := names[1]::pg_catalog.regclass;
    result.rows_out := pg_catalog.jsonb_extract_path_text(state, 'rows_out')::pg_catalog.int8;
    result.rows_used := pg_catalog.jsonb_extract_path_text(state, 'rows_used')::pg_catalog.int8;
    result.rows_skipped := pg_catalog.jsonb_extract_path_text(state, 'rows_skipped')::pg_catalog.int8;
    result.seconds := EXTRACT(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) began);
    result.details := pg_catalog.jsonb_extract_path(state, 'details');
    RETURN result;
END
$$;

-- compute brings the inputs to the worker and waits for its result. Facts and
-- exported snapshot come from one statement; the snapshot is left out where
-- PostgreSQL does not allow it, or where it could not be used.
CREATE FUNCTION ml_private.compute(prepared jsonb, inputs jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    job      pg_catalog.text := pg_catalog.jsonb_extract_path_text(prepared, 'job');
    export   pg_catalog.bool := pg_catalog.jsonb_extract_path_text(prepared, 'export')::pg_catalog.bool;
    types    pg_catalog.jsonb := '[]';
    input    pg_catalog.jsonb;
    list     pg_catalog.jsonb;
    facts    pg_catalog.jsonb;
    snapshot pg_catalog.text;
    state    pg_catalog.jsonb;
BEGIN
    FOR input IN SELECT i FROM pg_catalog.jsonb_array_elements(inputs) AS i LOOP
        EXECUTE ml_private.probe_sql(input) INTO STRICT list;
        types := pg_catalog.jsonb_insert(types, '{-1}', list, true);
    END LOOP;
    SELECT ml_private.facts(inputs, types),
           CASE WHEN export AND pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'serializable'
                THEN pg_catalog.pg_export_snapshot() END
    INTO STRICT facts, snapshot;
    state := ml_private.ask(pg_catalog.jsonb_build_object('op', 'start', 'job', job,
        'types', types, 'facts', facts, 'snapshot', snapshot));
    state := ml_private.wait_for(state, inputs);
    RETURN pg_catalog.jsonb_set(pg_catalog.jsonb_set(state, '{types}', types), '{facts}', facts);
END
$$;
