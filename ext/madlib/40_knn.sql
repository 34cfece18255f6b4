-- __input is the standard check of an input table.
CREATE FUNCTION madlib.__input(module text, name text) RETURNS regclass
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    relation pg_catalog.regclass;
BEGIN
    IF NOT madlib.__word(name) THEN
        PERFORM madlib.__fail(pg_catalog.format('%s error: NULL/empty input table name!', module));
    END IF;
    relation := madlib.__relation(name);
    IF relation IS NULL THEN
        PERFORM madlib.__fail(pg_catalog.format('%s error: Input table ''%s'' does not exist.', module, name));
    ELSIF madlib.__is_empty(relation) THEN
        PERFORM madlib.__fail(pg_catalog.format('%s error: Input table ''%s'' is empty!', module, name));
    END IF;
    RETURN relation;
END
$$;
COMMENT ON FUNCTION madlib.__input IS 'Helper: checks an input table.';

-- __output is the standard check of an output table.
CREATE FUNCTION madlib.__output(module text, name text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
BEGIN
    IF NOT madlib.__word(name) THEN
        PERFORM madlib.__fail(pg_catalog.format('%s error: NULL/empty output table name!', module));
    ELSIF madlib.__exists(name, '') THEN
        RAISE duplicate_table USING
            MESSAGE = pg_catalog.format('%s error: Output table ''%s'' already exists. Drop it before calling the function.', module, name);
    END IF;
END
$$;
COMMENT ON FUNCTION madlib.__output IS 'Helper: checks an output table.';

-- __distance looks up a distance function by its name.
CREATE FUNCTION madlib.__distance(fn_dist text) RETURNS regprocedure
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    name     pg_catalog.text := pg_catalog.lower(pg_catalog.btrim(fn_dist));
    function pg_catalog.regprocedure := pg_catalog.to_regprocedure(pg_catalog.concat(name, '(double precision[], double precision[])'));
BEGIN
    PERFORM FROM pg_catalog.pg_proc AS p
    WHERE p.oid OPERATOR(pg_catalog.=) function::pg_catalog.oid AND p.prokind OPERATOR(pg_catalog.=) 'f' AND NOT p.proretset
        AND p.prorettype OPERATOR(pg_catalog.=) 'pg_catalog.float8'::pg_catalog.regtype::pg_catalog.oid;
    IF NOT FOUND THEN
        RAISE undefined_function USING
            MESSAGE = pg_catalog.format('KNN error: Distance function (%s) has invalid signature or is not a simple function.', fn_dist),
            HINT = 'It must be a function (double precision[], double precision[]) that returns double precision, such as madlib.dist_norm2.';
    END IF;
    RETURN function;
END
$$;
COMMENT ON FUNCTION madlib.__distance IS 'Helper: looks up a distance function.';

-- __kernel is the name of the worker's own version of a distance function, or ''.
CREATE FUNCTION madlib.__kernel(function regprocedure) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT CASE WHEN n.nspname = 'madlib' AND p.proname IN ('dist_norm1', 'dist_norm2', 'squared_dist_norm2', 'dist_inf_norm',
                'dist_angle', 'dist_tanimoto', 'cosine_similarity') THEN p.proname::text ELSE '' END
        FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE p.oid = function);
COMMENT ON FUNCTION madlib.__kernel IS 'Helper: the worker''s own version of a distance function.';

CREATE FUNCTION madlib.knn(
    point_source varchar, point_column_name varchar, point_id varchar, label_column_name varchar,
    test_source varchar, test_column_name varchar, test_id varchar, output_table varchar,
    k integer, output_neighbors boolean, fn_dist text, weighted_avg boolean, algorithm varchar, algorithm_params varchar)
RETURNS varchar
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    train     pg_catalog.regclass := madlib.__input('kNN', point_source);
    test      pg_catalog.regclass := madlib.__input('kNN', test_source);
    label     pg_catalog.text := CASE WHEN madlib.__word(label_column_name) THEN label_column_name END;
    neighbors pg_catalog.bool := COALESCE(output_neighbors, true);
    function  pg_catalog.regprocedure;
    argument  pg_catalog.text[];
    inputs    pg_catalog.jsonb;
    args      pg_catalog.jsonb;
    kind      pg_catalog.text;
BEGIN
    PERFORM madlib.__output('kNN', output_table);
    IF label IS NULL AND NOT neighbors THEN
        PERFORM madlib.__fail('kNN error: Either label_column_name or output_neighbors has to be inputed.');
    END IF;
    FOREACH argument SLICE 1 IN ARRAY ARRAY[ARRAY['point_column_name', point_column_name], ARRAY['point_id', point_id],
                                            ARRAY['test_column_name', test_column_name], ARRAY['test_id', test_id]] LOOP
        IF NOT madlib.__word(argument[2]) THEN
            PERFORM madlib.__fail(pg_catalog.format('kNN error: %s is an invalid column name or expression for %s param',
                COALESCE(argument[2], 'NULL'), argument[1]));
        END IF;
    END LOOP;
    function := madlib.__distance(CASE WHEN madlib.__word(fn_dist) THEN fn_dist ELSE 'madlib.squared_dist_norm2' END);
    inputs := pg_catalog.jsonb_build_array(
        ml_private.input(train, ml_private.concat(ml_private.concat(ml_private.required('point', point_column_name),
            ml_private.required('id', point_id)), ml_private.columns('label', label))),
        ml_private.input(test, ml_private.concat(ml_private.concat(ml_private.required('point', test_column_name),
            ml_private.required('id', test_id)), ml_private.required('shown', test_column_name))));
    args := pg_catalog.jsonb_build_object('k', COALESCE(k, 1), 'output_neighbors', neighbors, 'weighted_avg', COALESCE(weighted_avg, false),
        'fn_dist', madlib.__kernel(function), 'algorithm', COALESCE(algorithm, 'brute_force'), 'algorithm_params', algorithm_params,
        'point_source', point_source);
    IF madlib.__kernel(function) OPERATOR(pg_catalog.=) '' THEN
        PERFORM madlib.__knn_by_function(function, inputs, args, output_table);
    ELSE
        PERFORM ml_private.run('madlib_knn', inputs, args, output_table, false);
    END IF;
    kind := CASE WHEN label IS NULL THEN 'neighbours'
        WHEN madlib.__label_type(train, label) OPERATOR(pg_catalog.=) 'float8' THEN 'regression results' ELSE 'classification results' END;
    RETURN pg_catalog.format('The %s have been written to output table %s', kind, output_table);
END
$$;
COMMENT ON FUNCTION madlib.knn(varchar, varchar, varchar, varchar, varchar, varchar, varchar, varchar, integer, boolean, text, boolean, varchar, varchar) IS
'Finds the k nearest training points of each test point, and predicts by them.

Makes output_table (id, the test point under the text of test_column_name, [prediction], [k_nearest_neighbours, distance]), one row for each
pair of test id and test point, nearest first, ties by point_id.
  point_column_name, test_column_name  an array of numbers, or an expression that gives one; NULL is an error
  point_id, test_id  any column, and an integer one
  label_column_name  integer or boolean: the neighbours vote; double precision: their average; NULL: neighbours only
  k                  1; not more than there are training rows
  output_neighbors   true
  fn_dist            madlib.squared_dist_norm2; also dist_norm1, dist_norm2, dist_inf_norm, dist_angle, dist_tanimoto, cosine_similarity,
                     or a function of your own (double precision[], double precision[]) that returns double precision. Yours runs inside
                     PostgreSQL for every pair of rows, which is slow
  weighted_avg       false; weights of 1/distance, and 1e107 at distance 0
  algorithm          brute_force or kd_tree, with algorithm_params ''depth=3, leaf_nodes=2''; both are answered exactly
Votes that tie go to the largest label.
Example: SELECT * FROM madlib.knn(''knn_train_data'', ''data'', ''id'', ''label'', ''knn_test_data'', ''data'', ''id'', ''knn_result'', 3, True, ''madlib.squared_dist_norm2'')';

-- __label_type is the base type of an expression that the worker has accepted.
CREATE FUNCTION madlib.__label_type(relation regclass, expression text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    types pg_catalog.jsonb;
BEGIN
    EXECUTE ml_private.probe_sql(ml_private.input(relation, ml_private.required('label', expression))) INTO STRICT types;
    RETURN pg_catalog.jsonb_extract_path_text(ml_private.describe_type(pg_catalog.jsonb_extract_path_text(types, '0')::pg_catalog.oid), 'base');
END
$$;
COMMENT ON FUNCTION madlib.__label_type IS 'Helper: the type of a label.';

CREATE FUNCTION madlib.knn(
    point_source varchar, point_column_name varchar, point_id varchar, label_column_name varchar,
    test_source varchar, test_column_name varchar, test_id varchar, output_table varchar,
    k integer, output_neighbors boolean, fn_dist text, weighted_avg boolean, algorithm varchar)
RETURNS varchar
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.knn(point_source, point_column_name, point_id, label_column_name, test_source, test_column_name, test_id, output_table,
    k, output_neighbors, fn_dist, weighted_avg, algorithm, 'depth=3, leaf_nodes=2');
COMMENT ON FUNCTION madlib.knn(varchar, varchar, varchar, varchar, varchar, varchar, varchar, varchar, integer, boolean, text, boolean, varchar) IS
'knn with the default parameters of its algorithm.';

CREATE FUNCTION madlib.knn(
    point_source varchar, point_column_name varchar, point_id varchar, label_column_name varchar,
    test_source varchar, test_column_name varchar, test_id varchar, output_table varchar,
    k integer, output_neighbors boolean, fn_dist text, weighted_avg boolean)
RETURNS varchar
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.knn(point_source, point_column_name, point_id, label_column_name, test_source, test_column_name, test_id, output_table,
    k, output_neighbors, fn_dist, weighted_avg, 'brute_force', NULL);
COMMENT ON FUNCTION madlib.knn(varchar, varchar, varchar, varchar, varchar, varchar, varchar, varchar, integer, boolean, text, boolean) IS
'knn by brute force.';

CREATE FUNCTION madlib.knn(
    point_source varchar, point_column_name varchar, point_id varchar, label_column_name varchar,
    test_source varchar, test_column_name varchar, test_id varchar, output_table varchar,
    k integer, output_neighbors boolean, fn_dist text)
RETURNS varchar
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.knn(point_source, point_column_name, point_id, label_column_name, test_source, test_column_name, test_id, output_table,
    k, output_neighbors, fn_dist, false, 'brute_force', NULL);
COMMENT ON FUNCTION madlib.knn(varchar, varchar, varchar, varchar, varchar, varchar, varchar, varchar, integer, boolean, text) IS
'knn without weights.';

CREATE FUNCTION madlib.knn(
    point_source varchar, point_column_name varchar, point_id varchar, label_column_name varchar,
    test_source varchar, test_column_name varchar, test_id varchar, output_table varchar,
    k integer, output_neighbors boolean)
RETURNS varchar
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.knn(point_source, point_column_name, point_id, label_column_name, test_source, test_column_name, test_id, output_table,
    k, output_neighbors, NULL, false, 'brute_force', NULL);
COMMENT ON FUNCTION madlib.knn(varchar, varchar, varchar, varchar, varchar, varchar, varchar, varchar, integer, boolean) IS
'knn by squared Euclidean distance.';

CREATE FUNCTION madlib.knn(
    point_source varchar, point_column_name varchar, point_id varchar, label_column_name varchar,
    test_source varchar, test_column_name varchar, test_id varchar, output_table varchar,
    k integer)
RETURNS varchar
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.knn(point_source, point_column_name, point_id, label_column_name, test_source, test_column_name, test_id, output_table,
    k, true, NULL, false, 'brute_force', NULL);
COMMENT ON FUNCTION madlib.knn(varchar, varchar, varchar, varchar, varchar, varchar, varchar, varchar, integer) IS
'knn with the list of neighbours.';

CREATE FUNCTION madlib.knn(
    point_source varchar, point_column_name varchar, point_id varchar, label_column_name varchar,
    test_source varchar, test_column_name varchar, test_id varchar, output_table varchar)
RETURNS varchar
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.knn(point_source, point_column_name, point_id, label_column_name, test_source, test_column_name, test_id, output_table,
    1, true, NULL, false, 'brute_force', NULL);
COMMENT ON FUNCTION madlib.knn(varchar, varchar, varchar, varchar, varchar, varchar, varchar, varchar) IS
'knn with the nearest neighbour.';

CREATE FUNCTION madlib.knn(message text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('knn', message);
COMMENT ON FUNCTION madlib.knn(text) IS 'Help: usage or example.';

CREATE FUNCTION madlib.knn() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('knn', NULL);
COMMENT ON FUNCTION madlib.knn() IS 'Help: what the function does.';
