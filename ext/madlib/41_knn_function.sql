-- kNN with a distance function of the caller's own. It exists in PostgreSQL only,
-- so the search runs there, in one statement of the caller's session. The worker
-- still checks the arguments and that each expression is one.

-- __knn_types raises, in MADlib's words, unless the expressions have types that
-- knn takes. It returns the base type of the label, if there is one.
CREATE FUNCTION madlib.__knn_types(inputs jsonb, point_source text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    input pg_catalog.int4;
    list  pg_catalog.jsonb;
    type  pg_catalog.jsonb;
    label pg_catalog.text;
BEGIN
    FOR input IN 0 .. 1 LOOP
        EXECUTE ml_private.probe_sql(pg_catalog.jsonb_extract_path(inputs, input::pg_catalog.text)) INTO STRICT list;
        type := ml_private.describe_type(pg_catalog.jsonb_extract_path_text(list, '0')::pg_catalog.oid);
        IF NOT (pg_catalog.jsonb_extract_path_text(type, 'category') OPERATOR(pg_catalog.=) 'A'
                AND pg_catalog.jsonb_extract_path_text(type, 'element') OPERATOR(pg_catalog.=) ANY ('{int2,int4,int8,float4,float8,numeric}'::pg_catalog.text[])) THEN
            RAISE datatype_mismatch USING MESSAGE = pg_catalog.format('kNN Error: Feature column or expression ''%s'' in %s table is not an array.',
                pg_catalog.jsonb_extract_path_text(inputs, input::pg_catalog.text, 'columns', '0', 'expression'),
                CASE WHEN input OPERATOR(pg_catalog.=) 0 THEN 'train' ELSE 'test' END);
        END IF;
        IF input OPERATOR(pg_catalog.=) 0 AND pg_catalog.jsonb_array_length(list) OPERATOR(pg_catalog.=) 3 THEN
            label := pg_catalog.jsonb_extract_path_text(ml_private.describe_type(pg_catalog.jsonb_extract_path_text(list, '2')::pg_catalog.oid), 'base');
            IF label OPERATOR(pg_catalog.<>) ALL ('{int4,bool,float8}'::pg_catalog.text[]) THEN
                RAISE datatype_mismatch USING MESSAGE = pg_catalog.format(
                    'kNN error: Invalid data type ''%s'' for label_column_name in table ''%s''.', label, point_source);
            END IF;
        END IF;
    END LOOP;
    type := ml_private.describe_type(pg_catalog.jsonb_extract_path_text(list, '1')::pg_catalog.oid);
    IF pg_catalog.jsonb_extract_path_text(type, 'base') OPERATOR(pg_catalog.<>) ALL ('{int2,int4,int8}'::pg_catalog.text[]) THEN
        RAISE datatype_mismatch USING MESSAGE = pg_catalog.format('kNN Error: Invalid data type ''%s'' for test_id column in the test table.',
            pg_catalog.jsonb_extract_path_text(type, 'base'));
    END IF;
    RETURN label;
END
$$;
COMMENT ON FUNCTION madlib.__knn_types IS 'Helper: checks the types of the arguments of knn.';

-- __knn_rows raises unless the rows of the relations fit.
CREATE FUNCTION madlib.__knn_rows(inputs jsonb, k integer) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    input      pg_catalog.int4;
    expression pg_catalog.text;
    rows       pg_catalog.int8;
    missing    pg_catalog.int8;
BEGIN
    FOR input IN REVERSE 1 .. 0 LOOP
        expression := pg_catalog.jsonb_extract_path_text(inputs, input::pg_catalog.text, 'columns', '0', 'expression');
        EXECUTE pg_catalog.format('SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE (%1$s) IS NULL OR pg_catalog.array_position((%1$s)::pg_catalog.float8[], NULL) IS NOT NULL) FROM %2$s',
            expression, ml_private.relation_name(pg_catalog.jsonb_extract_path_text(inputs, input::pg_catalog.text, 'relation')::pg_catalog.int8))
            INTO STRICT rows, missing;
        IF missing OPERATOR(pg_catalog.>) 0 THEN
            RAISE data_exception USING MESSAGE = pg_catalog.format('kNN Error: Feature column ''%s'' in %s table has some NULL values.',
                expression, CASE WHEN input OPERATOR(pg_catalog.=) 0 THEN 'train' ELSE 'test' END);
        END IF;
    END LOOP;
    IF k OPERATOR(pg_catalog.>) rows THEN
        RAISE data_exception USING MESSAGE = pg_catalog.format('kNN Error: k=%s is greater than number of rows in training table.', k);
    END IF;
END
$$;
COMMENT ON FUNCTION madlib.__knn_rows IS 'Helper: checks the rows that knn reads.';

-- __knn_sql is the query; args has the names of the relations too. Texts of the caller stand in it only between
-- parentheses, each an expression over its own relation. A distance of NaN has no
-- weight, and comes last.
CREATE FUNCTION madlib.__knn_sql(function regprocedure, inputs jsonb, args jsonb, label_type text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    WITH i AS (
        SELECT inputs #>> '{0,columns,0,expression}' AS point, inputs #>> '{0,columns,1,expression}' AS id,
               inputs #>> '{0,columns,2,expression}' AS label_expression, inputs #>> '{1,columns,0,expression}' AS test_point,
               inputs #>> '{1,columns,1,expression}' AS test_id,
               args ->> 'train' AS train, args ->> 'test' AS test,
               (args ->> 'weighted_avg')::boolean AS weighted)
    SELECT format($sql$
        WITH train AS MATERIALIZED (SELECT (%1$s)::pg_catalog.float8[] AS point, (%2$s) AS id, %3$s AS label FROM %4$s),
        test AS MATERIALIZED (SELECT t.id, t.shown, t.shown::pg_catalog.float8[] AS point FROM (SELECT DISTINCT (%5$s) AS id, (%6$s) AS shown FROM %7$s) AS t)
        SELECT test.id AS id, test.shown AS %8$I%9$s%10$s
        FROM test CROSS JOIN LATERAL (
            SELECT pg_catalog.array_agg(n.id ORDER BY n.weight DESC NULLS LAST, n.place) AS ids,
                   pg_catalog.array_agg(n.distance ORDER BY n.weight DESC NULLS LAST, n.place) AS distances,
                   pg_catalog.array_agg(n.label ORDER BY n.place) AS labels, pg_catalog.array_agg(n.weight ORDER BY n.place) AS weights
            FROM (SELECT c.*, pg_catalog.row_number() OVER (ORDER BY c.distance, c.id) AS place,
                         CASE WHEN c.distance OPERATOR(pg_catalog.=) 0 THEN 1e107::pg_catalog.float8
                              WHEN c.distance OPERATOR(pg_catalog.=) 'NaN'::pg_catalog.float8 THEN NULL
                              ELSE 1::pg_catalog.float8 OPERATOR(pg_catalog./) c.distance END AS weight
                  FROM (SELECT train.id, train.label, %11$s(train.point, test.point) AS distance FROM train ORDER BY 3, 1 LIMIT %12$s) AS c) AS n) AS found
        ORDER BY 1$sql$,
        i.point, i.id,
        CASE label_type WHEN 'bool' THEN format('(%s)::pg_catalog.int4', i.label_expression) WHEN 'int4' THEN format('(%s)::pg_catalog.int4', i.label_expression)
            WHEN 'float8' THEN format('(%s)::pg_catalog.float8', i.label_expression) ELSE 'NULL::pg_catalog.int4' END,
        i.train, i.test_id, i.test_point, i.test, i.test_point,
        CASE WHEN label_type IS NULL THEN '' ELSE format(', (SELECT %s FROM ROWS FROM (pg_catalog.unnest(found.labels), pg_catalog.unnest(found.weights)) AS v(label, weight) WHERE v.label IS NOT NULL%s) AS prediction',
            CASE WHEN label_type = 'float8' AND i.weighted
                    THEN 'pg_catalog.sum(v.label OPERATOR(pg_catalog.*) v.weight) OPERATOR(pg_catalog./) pg_catalog.sum(v.weight)'
                 WHEN label_type = 'float8' THEN 'pg_catalog.avg(v.label)'
                 WHEN i.weighted THEN 'v.label' ELSE 'v.label::pg_catalog.float8' END,
            CASE WHEN label_type = 'float8' THEN ''
                 ELSE format(' GROUP BY v.label ORDER BY %s DESC NULLS LAST, v.label DESC LIMIT 1',
                    CASE WHEN i.weighted THEN 'pg_catalog.sum(v.weight)' ELSE 'pg_catalog.count(*)' END) END) END,
        CASE WHEN (args ->> 'output_neighbors')::boolean THEN ', found.ids AS k_nearest_neighbours, found.distances AS distance' ELSE '' END,
        (SELECT format('%I.%I', n.nspname, p.proname) FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE p.oid = function),
        args ->> 'k')
    FROM i);
COMMENT ON FUNCTION madlib.__knn_sql IS 'Helper: the query of knn with a distance function of the caller.';

CREATE FUNCTION madlib.__knn_by_function(function regprocedure, inputs jsonb, args jsonb, output_table text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    names pg_catalog.text[];
    label pg_catalog.text;
BEGIN
    PERFORM ml_private.require_enrolled();
    PERFORM ml_private.ask(pg_catalog.jsonb_build_object('op', 'prepare', 'version', ml_private.version(),
        'function', 'madlib_knn', 'args', args, 'inputs', inputs, 'restricted', false));
    names := ml_private.output_tables(output_table, '{""}', false);
    label := madlib.__knn_types(inputs, pg_catalog.jsonb_extract_path_text(args, 'point_source'));
    PERFORM madlib.__knn_rows(inputs, pg_catalog.jsonb_extract_path_text(args, 'k')::pg_catalog.int4);
    EXECUTE pg_catalog.format('CREATE TABLE %s AS %s', names[1], madlib.__knn_sql(function, inputs,
        ml_private.concat(args, pg_catalog.jsonb_build_object(
            'train', ml_private.relation_name(pg_catalog.jsonb_extract_path_text(inputs, '0', 'relation')::pg_catalog.int8),
            'test', ml_private.relation_name(pg_catalog.jsonb_extract_path_text(inputs, '1', 'relation')::pg_catalog.int8))), label));
END
$$;
COMMENT ON FUNCTION madlib.__knn_by_function IS 'Helper: knn with a distance function of the caller.';
