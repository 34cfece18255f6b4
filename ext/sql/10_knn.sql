CREATE FUNCTION ml.knn(
    train regclass, train_point text, train_id text,
    query regclass, query_point text, query_id text,
    output text,
    k int DEFAULT 5,
    label text DEFAULT NULL,
    task text DEFAULT NULL,
    metric text DEFAULT 'euclidean',
    p double precision DEFAULT 3,
    weights text DEFAULT 'uniform',
    exclude_self boolean DEFAULT false,
    replace boolean DEFAULT false)
RETURNS ml.result
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN ml_private.run('knn',
    jsonb_build_array(
        ml_private.input(train, ml_private.required('point', train_point) || ml_private.required('id', train_id)
            || ml_private.columns('label', label)),
        ml_private.input(query, ml_private.required('point', query_point) || ml_private.required('id', query_id))),
    jsonb_build_object('k', k, 'task', task, 'metric', metric, 'p', p, 'weights', weights, 'exclude_self', exclude_self),
    output, replace);

COMMENT ON FUNCTION ml.knn IS
'Finds, for each row of query, its k nearest rows of train, exactly; with label, it also classifies or regresses.

Makes table output (query_id, [prediction, [probability]], neighbor_ids, distances), one row per query, nearest first, ties by id.
  train_point, query_point  an expression over the relation: an array of numbers, ARRAY[a, b, c], or a vector column
  train_id, query_id        any expression; ids that are numbers are ordered as numbers, others by the bytes of their text
  k                         neighbours wanted; when fewer rows exist, all are given and details says so
  label, task               classification for text, boolean and enum labels; regression for float and numeric ones; an integer label
                            needs task => ''classification'' or ''regression''
  metric                    euclidean, sqeuclidean, manhattan, chebyshev, minkowski (with p >= 1), cosine (1 - cos), angular (radians),
                            inner_product (-a.b), hamming (share of unequal coordinates), jaccard (on a <> 0), tanimoto
  weights                   uniform, or distance (1/d; a neighbour at distance 0 decides alone)
  exclude_self              leave out the train row that has the query''s id
A distance is computed from float64 differences and an exact sum, rounded once. Votes that tie go to the first label in its type''s
order (text: by bytes). Rows with NULL in a used column are skipped and counted; NaN and infinity are an error.
Cost: rows of train x rows of query x dimensions, on all cores of the worker; memory 8 bytes per number read.
Example: SELECT * FROM ml.knn(''iris'', ''ARRAY[sepal_length, petal_length]'', ''id'', ''iris'', ''ARRAY[sepal_length, petal_length]'', ''id'', ''iris_knn'', k => 3, label => ''species'', exclude_self => true)';

CREATE FUNCTION ml.nearest(
    train regclass, point text, id text, query double precision[],
    k int DEFAULT 5, metric text DEFAULT 'euclidean', filter text DEFAULT NULL)
RETURNS TABLE (id text, distance double precision)
LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 5
BEGIN ATOMIC
    SELECT r.id, r.distance FROM ml_private.nearest(
        jsonb_build_array(ml_private.input(train, ml_private.required('point', point) || ml_private.required('id', nearest.id)
            || ml_private.columns('filter', filter))),
        jsonb_build_object('query', query, 'k', k, 'metric', metric)) AS r;
END;

COMMENT ON FUNCTION ml.nearest IS
'Returns the k rows of train that are nearest to one point, nearest first, ties by id, without making a table.

  point, id, metric  as in ml.knn; minkowski takes p = 3
  query              the point
  filter             a boolean expression over train: only rows where it is true are candidates
Works in READ ONLY transactions. Cost: rows of train x dimensions.
Example: SELECT * FROM ml.nearest(''iris'', ''ARRAY[sepal_length, petal_length]'', ''id'', ''{5.1, 1.4}'', k => 3)';
