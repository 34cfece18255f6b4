-- What the functions of schema madlib share. Names begin with two underscores,
-- as MADlib's own helpers do.
--
-- The rules are those of schema ml_private: SECURITY INVOKER, no SET clause, and
-- nothing that depends on the caller's search_path but the names that the caller
-- gave. Functions that use ml_private are PL/pgSQL, so that ml_private can be
-- replaced without them.

-- __word says whether an argument has a text: NULL, '' and 'null' are none.
CREATE FUNCTION madlib.__word(argument text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(lower(btrim(argument)) NOT IN ('', 'null'), false);

-- __relation returns the table, view or foreign table of that name as the caller
-- sees it, or NULL.
CREATE FUNCTION madlib.__relation(name text) RETURNS regclass
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT c.oid::regclass FROM pg_class AS c WHERE c.oid = to_regclass(name) AND c.relkind IN ('r', 'p', 'v', 'm', 'f'));

CREATE FUNCTION madlib.__is_empty(relation regclass) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    empty pg_catalog.bool;
BEGIN
    EXECUTE pg_catalog.format('SELECT NOT EXISTS (SELECT FROM %s)', ml_private.relation_name(relation::pg_catalog.oid::pg_catalog.int8)) INTO empty;
    RETURN empty;
END
$$;

-- __suffixed returns the quoted name of an output's companion: in the schema that
-- was named, or the first of the search path.
CREATE FUNCTION madlib.__suffixed(output text, suffix text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    parts pg_catalog.text[] := pg_catalog.parse_ident(output);
    n     pg_catalog.int4 := pg_catalog.cardinality(parts);
BEGIN
    IF n OPERATOR(pg_catalog.=) 1 THEN
        RETURN pg_catalog.format('%I.%I', COALESCE(pg_catalog.current_schema(), 'public'), pg_catalog.concat(parts[1], suffix));
    END IF;
    RETURN pg_catalog.format('%I.%I', parts[n OPERATOR(pg_catalog.-) 1], pg_catalog.concat(parts[n], suffix));
END
$$;

CREATE FUNCTION madlib.__exists(output text, suffix text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_regclass(madlib.__suffixed(output, suffix)) IS NOT NULL;

-- __companion returns a table beside another one: the same schema, the name with
-- a suffix. NULL if there is none.
CREATE FUNCTION madlib.__companion(relation regclass, suffix text) RETURNS regclass
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT o.oid::regclass FROM pg_class AS c JOIN pg_class AS o ON o.relnamespace = c.relnamespace AND o.relname = (c.relname || suffix)::name
        WHERE c.oid = relation AND o.relkind IN ('r', 'p', 'v', 'm', 'f'));

CREATE FUNCTION madlib.__has_columns(relation regclass, names text[]) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT count(*) = cardinality(names) FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (names::name[]));

CREATE FUNCTION madlib.__fail(message text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RAISE invalid_parameter_value USING MESSAGE = message;
END
$$;

-- __split cuts a list of expressions at the commas that are not inside brackets
-- or quotes. Whether each part is an expression, the worker decides.
CREATE FUNCTION madlib.__split(list text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    parts pg_catalog.text[] := '{}';
    part  pg_catalog.text := '';
    token pg_catalog.text;
    depth pg_catalog.int4 := 0;
BEGIN
    IF NOT madlib.__word(list) THEN
        RETURN parts;
    END IF;
    FOR token IN SELECT m[1] FROM pg_catalog.regexp_matches(list, $re$('(?:[^']|'')*'|"(?:[^"]|"")*"|[^'"(\[)\],]+|.)$re$, 'g') AS m LOOP
        depth := depth OPERATOR(pg_catalog.+) CASE
            WHEN token OPERATOR(pg_catalog.=) ANY ('{(,[}'::pg_catalog.text[]) THEN 1
            WHEN token OPERATOR(pg_catalog.=) ANY ('{),]}'::pg_catalog.text[]) THEN -1
            ELSE 0 END;
        IF token OPERATOR(pg_catalog.=) ',' AND depth OPERATOR(pg_catalog.=) 0 THEN
            parts := pg_catalog.array_append(parts, pg_catalog.btrim(part));
            part := '';
        ELSE
            part := pg_catalog.concat(part, token);
        END IF;
    END LOOP;
    RETURN pg_catalog.array_append(parts, pg_catalog.btrim(part));
END
$$;

-- __check_regression is what linregr_train and logregr_train ask of their first
-- arguments. It returns the source.
CREATE FUNCTION madlib.__check_regression(module text, source_table text, out_table text, dependent text, independent text) RETURNS regclass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    source pg_catalog.regclass;
BEGIN
    IF NOT madlib.__word(source_table) THEN
        PERFORM madlib.__fail(pg_catalog.format('%s error: Invalid data table name!', module));
    END IF;
    source := madlib.__relation(source_table);
    IF source IS NULL THEN
        PERFORM madlib.__fail(pg_catalog.format('%s error: Data table does not exist!', module));
    ELSIF madlib.__is_empty(source) THEN
        PERFORM madlib.__fail(pg_catalog.format('%s error: Data table is empty!', module));
    ELSIF NOT madlib.__word(out_table) THEN
        PERFORM madlib.__fail(pg_catalog.format('%s error: Invalid output table name!', module));
    ELSIF madlib.__exists(out_table, '') OR madlib.__exists(out_table, '_summary') THEN
        RAISE duplicate_table USING MESSAGE = 'Output table name already exists. Drop the table before calling the function.';
    ELSIF NOT madlib.__word(dependent) THEN
        PERFORM madlib.__fail(pg_catalog.format('%s error: Invalid dependent column name!', module));
    ELSIF NOT madlib.__word(independent) THEN
        PERFORM madlib.__fail(pg_catalog.format('%s error: Invalid independent column name!', module));
    END IF;
    RETURN source;
END
$$;

-- __check_grouping returns the grouping columns, none of which may have the name
-- of a column of the result.
CREATE FUNCTION madlib.__check_grouping(module text, grouping_cols text, predefined text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    columns pg_catalog.text[] := madlib.__split(grouping_cols);
    clash   pg_catalog.text;
BEGIN
    IF grouping_cols IS NOT NULL AND pg_catalog.btrim(grouping_cols) OPERATOR(pg_catalog.=) '' THEN
        PERFORM madlib.__fail(pg_catalog.format('%s error: Invalid grouping columns name!', module));
    END IF;
    SELECT pg_catalog.string_agg(c, ', ') INTO clash FROM pg_catalog.unnest(columns) AS c
    WHERE pg_catalog.lower(pg_catalog.btrim(c, '" ')) OPERATOR(pg_catalog.=) ANY (predefined);
    IF clash IS NOT NULL THEN
        PERFORM madlib.__fail(pg_catalog.format(E'%s error: Conflicting grouping column name.\nPredefined name(s) %s are not allowed!', module, clash));
    END IF;
    RETURN columns;
END
$$;

-- __help shows the signatures of a function and its comment.
CREATE FUNCTION madlib.__help(name text, option text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    page pg_catalog.text;
BEGIN
    SELECT pg_catalog.format(E'madlib.%s(\n    %s)\n    RETURNS %s\n\n%s', p.proname,
            pg_catalog.replace(pg_catalog.pg_get_function_arguments(p.oid), ', ', E',\n    '),
            pg_catalog.pg_get_function_result(p.oid), pg_catalog.obj_description(p.oid, 'pg_proc')) INTO page
    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
    WHERE n.nspname OPERATOR(pg_catalog.=) 'madlib' AND p.proname OPERATOR(pg_catalog.=) name::pg_catalog.name
    ORDER BY p.pronargs DESC LIMIT 1;
    IF option IS NULL OR pg_catalog.btrim(option) OPERATOR(pg_catalog.=) '' THEN
        RETURN pg_catalog.concat(pg_catalog.split_part(pg_catalog.split_part(page, E'\n\n', 2), E'\n', 1),
            pg_catalog.format(E'\n\nFor an overview of usage run:\nSELECT madlib.%s(''usage'');', name));
    ELSIF pg_catalog.lower(pg_catalog.btrim(option)) OPERATOR(pg_catalog.=) ANY ('{usage,help,?,example,examples}'::pg_catalog.text[]) THEN
        RETURN page;
    END IF;
    RETURN pg_catalog.format('No such option. Use SELECT madlib.%s(''usage'')', name);
END
$$;

COMMENT ON FUNCTION madlib.__word IS 'Helper: whether an argument has a text.';
COMMENT ON FUNCTION madlib.__relation IS 'Helper: the relation of that name.';
COMMENT ON FUNCTION madlib.__is_empty IS 'Helper: whether a relation has no rows.';
COMMENT ON FUNCTION madlib.__suffixed IS 'Helper: the quoted name of an output table.';
COMMENT ON FUNCTION madlib.__exists IS 'Helper: whether an output table exists.';
COMMENT ON FUNCTION madlib.__companion IS 'Helper: the table beside another one.';
COMMENT ON FUNCTION madlib.__has_columns IS 'Helper: whether a relation has columns of these names.';
COMMENT ON FUNCTION madlib.__fail IS 'Helper: raises an error.';
COMMENT ON FUNCTION madlib.__split IS 'Helper: cuts a list of expressions at its commas.';
COMMENT ON FUNCTION madlib.__check_regression IS 'Helper: checks the arguments that regressions share.';
COMMENT ON FUNCTION madlib.__check_grouping IS 'Helper: checks grouping columns.';
COMMENT ON FUNCTION madlib.__help IS 'Helper: the page of a function.';
