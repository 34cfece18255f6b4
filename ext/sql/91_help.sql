CREATE FUNCTION ml.help(name text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    page pg_catalog.text;
BEGIN
    IF name IS NULL THEN
        SELECT pg_catalog.string_agg(pg_catalog.format(E'ml.%s\n    %s', p.proname, pg_catalog.split_part(d.description, E'\n', 1)), E'\n' ORDER BY p.proname) INTO page
        FROM pg_catalog.pg_proc AS p
        JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
        LEFT JOIN pg_catalog.pg_description AS d ON d.objoid OPERATOR(pg_catalog.=) p.oid AND d.objsubid OPERATOR(pg_catalog.=) 0
            AND d.classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid
        WHERE n.nspname OPERATOR(pg_catalog.=) 'ml';
        RETURN pg_catalog.concat(page, E'\n\nSELECT ml.help(''knn'') shows one function.');
    END IF;
    SELECT pg_catalog.format(E'ml.%s(\n    %s)\n    RETURNS %s\n\n%s', p.proname,
            pg_catalog.replace(pg_catalog.pg_get_function_arguments(p.oid), ', ', E',\n    '),
            pg_catalog.pg_get_function_result(p.oid), pg_catalog.obj_description(p.oid, 'pg_proc')) INTO page
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
    WHERE n.nspname OPERATOR(pg_catalog.=) 'ml'
      AND p.proname OPERATOR(pg_catalog.=) pg_catalog.regexp_replace(pg_catalog.lower(help.name), '^ml\.', '')::pg_catalog.name;
    IF page IS NULL THEN
        RAISE undefined_function USING
            MESSAGE = pg_catalog.format('there is no function ml.%s', help.name),
            HINT = pg_catalog.format('Functions are: %s.', (
                SELECT pg_catalog.string_agg(p.proname::pg_catalog.text, ', ' ORDER BY p.proname) FROM pg_catalog.pg_proc AS p
                JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace WHERE n.nspname OPERATOR(pg_catalog.=) 'ml'));
    END IF;
    RETURN page;
END
$$;

COMMENT ON FUNCTION ml.help IS
'Shows how a function of schema ml is called, with a runnable example; without a name, lists all of them.
Example: SELECT ml.help(''knn'')';
