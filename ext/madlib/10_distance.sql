-- Distance functions: plain functions of PostgreSQL, with MADlib's values at
-- zero vectors. They sum in float8, in the order of the elements.

-- __same_length raises unless two vectors have the same length.
CREATE FUNCTION madlib.__same_length(x double precision[], y double precision[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF pg_catalog.cardinality(x) OPERATOR(pg_catalog.<>) pg_catalog.cardinality(y) THEN
        RAISE data_exception USING MESSAGE = pg_catalog.format('the arrays have different lengths: %s and %s',
            pg_catalog.cardinality(x), pg_catalog.cardinality(y));
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION madlib.__same_length IS 'Helper: raises unless two vectors have the same length.';

CREATE FUNCTION madlib.norm1(x double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT coalesce(sum(abs(a)), 0) FROM unnest(x) AS a);
COMMENT ON FUNCTION madlib.norm1 IS 'The sum of absolute values.';

CREATE FUNCTION madlib.norm2(x double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT sqrt(coalesce(sum(a * a), 0)) FROM unnest(x) AS a);
COMMENT ON FUNCTION madlib.norm2 IS 'The Euclidean length.';

CREATE FUNCTION madlib.dist_norm1(x double precision[], y double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN madlib.__same_length(x, y) THEN
    (SELECT coalesce(sum(abs(a - b)), 0) FROM unnest(x, y) AS p(a, b)) END;
COMMENT ON FUNCTION madlib.dist_norm1 IS 'Manhattan distance: the sum of |x - y|.';

CREATE FUNCTION madlib.squared_dist_norm2(x double precision[], y double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN madlib.__same_length(x, y) THEN
    (SELECT coalesce(sum((a - b) * (a - b)), 0) FROM unnest(x, y) AS p(a, b)) END;
COMMENT ON FUNCTION madlib.squared_dist_norm2 IS 'Squared Euclidean distance.';

CREATE FUNCTION madlib.dist_norm2(x double precision[], y double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN sqrt(madlib.squared_dist_norm2(x, y));
COMMENT ON FUNCTION madlib.dist_norm2 IS 'Euclidean distance.';

CREATE FUNCTION madlib.dist_inf_norm(x double precision[], y double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN madlib.__same_length(x, y) THEN
    (SELECT coalesce(max(abs(a - b)), 0) FROM unnest(x, y) AS p(a, b)) END;
COMMENT ON FUNCTION madlib.dist_inf_norm IS 'Chebyshev distance: the largest |x - y|.';

CREATE FUNCTION madlib.dist_pnorm(x double precision[], y double precision[], p double precision) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF NOT (p OPERATOR(pg_catalog.>=) 1 AND p OPERATOR(pg_catalog.<=) 'Infinity'::pg_catalog.float8) THEN
        RAISE invalid_parameter_value USING MESSAGE = pg_catalog.format('p is %s, and must be at least 1', p);
    ELSIF p OPERATOR(pg_catalog.=) 'Infinity'::pg_catalog.float8 THEN
        RETURN madlib.dist_inf_norm(x, y);
    END IF;
    PERFORM madlib.__same_length(x, y);
    RETURN (SELECT pg_catalog.power(COALESCE(pg_catalog.sum(pg_catalog.power(pg_catalog.abs(q.a OPERATOR(pg_catalog.-) q.b), p)), 0),
                1::pg_catalog.float8 OPERATOR(pg_catalog./) p)
            FROM ROWS FROM (pg_catalog.unnest(x), pg_catalog.unnest(y)) AS q(a, b));
END
$$;
COMMENT ON FUNCTION madlib.dist_pnorm IS 'Minkowski distance: the p-th root of the sum of |x - y| to the p; p is at least 1.';

CREATE FUNCTION madlib.cosine_similarity(x double precision[], y double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN madlib.__same_length(x, y) THEN
    (SELECT CASE WHEN coalesce(s.a, 0) = 0 OR coalesce(s.b, 0) = 0 THEN -1
                 -- One root is exact for parallel vectors; two do not overflow.
                 WHEN s.a BETWEEN 1e-150 AND 1e150 AND s.b BETWEEN 1e-150 AND 1e150 THEN least(1, greatest(-1, s.d / sqrt(s.a * s.b)))
                 ELSE least(1, greatest(-1, s.d / (sqrt(s.a) * sqrt(s.b)))) END
     FROM (SELECT sum(a * a), sum(b * b), sum(a * b) FROM unnest(x, y) AS p(a, b)) AS s(a, b, d)) END;
COMMENT ON FUNCTION madlib.cosine_similarity IS 'The cosine of the angle between two vectors; -1 if one is zero.';

CREATE FUNCTION madlib.dist_angle(x double precision[], y double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN acos(madlib.cosine_similarity(x, y));
COMMENT ON FUNCTION madlib.dist_angle IS 'The angle between two vectors in radians; pi if one is zero.';

CREATE FUNCTION madlib.dist_tanimoto(x double precision[], y double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN madlib.__same_length(x, y) THEN
    (SELECT CASE WHEN coalesce(sum(a * a) + sum(b * b) - sum(a * b), 0) = 0 THEN 'NaN'
                 ELSE (sum(a * a) + sum(b * b) - 2 * sum(a * b)) / (sum(a * a) + sum(b * b) - sum(a * b)) END
     FROM unnest(x, y) AS p(a, b)) END;
COMMENT ON FUNCTION madlib.dist_tanimoto IS 'Tanimoto distance: (s - 2d)/(s - d), s = |x|^2 + |y|^2, d = x.y; NaN for two zero vectors.';

CREATE FUNCTION madlib.dist_jaccard(x text[], y text[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
    WHEN cardinality(x) = 0 AND cardinality(y) = 0 THEN 0
    WHEN cardinality(x) = 0 OR cardinality(y) = 0 THEN 1
    ELSE (SELECT 1 - count(*) FILTER (WHERE both_have = 2)::double precision / count(*)
          FROM (SELECT count(*) AS both_have
                FROM (SELECT DISTINCT 1, a FROM unnest(x) AS a UNION ALL SELECT DISTINCT 2, b FROM unnest(y) AS b) AS u(side, item)
                GROUP BY item) AS s) END;
COMMENT ON FUNCTION madlib.dist_jaccard IS 'Jaccard distance of two sets of texts: 1 - |both|/|either|; 0 if both are empty, 1 if one is.';
