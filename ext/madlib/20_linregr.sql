CREATE FUNCTION madlib.linregr_train(
    source_table varchar, out_table varchar, dependent_varname varchar, independent_varname varchar,
    grouping_cols varchar, heteroskedasticity_option boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    source     pg_catalog.regclass := madlib.__check_regression('Linregr', source_table, out_table, dependent_varname, independent_varname);
    by_columns pg_catalog.text[] := madlib.__check_grouping('Linregr', grouping_cols,
        '{coef,r2,std_err,t_stats,p_values,condition_no,bp_stats,bp_p_value,num_processed,num_rows_processed,num_missing_rows_skipped,variance_covariance}');
BEGIN
    IF heteroskedasticity_option IS NULL THEN
        PERFORM madlib.__fail('Linregr error: Invalid heteroskedasticity_option');
    END IF;
    PERFORM ml_private.run('madlib_linregr',
        pg_catalog.jsonb_build_array(ml_private.input(source, ml_private.concat(ml_private.concat(
            ml_private.required('target', dependent_varname), ml_private.required('point', independent_varname)),
            ml_private.columns('group', by_columns)))),
        pg_catalog.jsonb_build_object('source_table', source_table, 'out_table', out_table, 'dependent_varname', dependent_varname,
            'independent_varname', independent_varname, 'grouping_col', grouping_cols, 'heteroskedasticity_option', heteroskedasticity_option),
        out_table, false);
END
$$;
COMMENT ON FUNCTION madlib.linregr_train(varchar, varchar, varchar, varchar, varchar, boolean) IS
'Fits a linear regression by least squares, one per group.

Makes out_table ([grouping columns], coef, r2, std_err, t_stats, p_values, condition_no, [bp_stats, bp_p_value], num_rows_processed,
num_missing_rows_skipped, variance_covariance) and out_table_summary.
  dependent_varname          a numeric expression
  independent_varname        an array expression; there is no intercept but the 1 that you write: ''ARRAY[1, x1, x2]''
  grouping_cols              columns or expressions, separated by commas
  heteroskedasticity_option  also the Breusch-Pagan test
r2 is about the mean. Collinear columns share the coefficient, as with a pseudo-inverse; condition_no is the square root of the condition
of X''X, and infinite then. p_values is NULL without degrees of freedom. Sums over rows are exact, so their order is of no consequence.
Example: SELECT madlib.linregr_train(''houses'', ''houses_linregr'', ''price'', ''ARRAY[1, tax, bath, size]'')';

CREATE FUNCTION madlib.linregr_train(
    source_table varchar, out_table varchar, dependent_varname varchar, independent_varname varchar, grouping_cols varchar)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.linregr_train(source_table, out_table, dependent_varname, independent_varname, grouping_cols, false);
COMMENT ON FUNCTION madlib.linregr_train(varchar, varchar, varchar, varchar, varchar) IS
'linregr_train without the test for heteroskedasticity.';

CREATE FUNCTION madlib.linregr_train(
    source_table varchar, out_table varchar, dependent_varname varchar, independent_varname varchar)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.linregr_train(source_table, out_table, dependent_varname, independent_varname, NULL, false);
COMMENT ON FUNCTION madlib.linregr_train(varchar, varchar, varchar, varchar) IS 'linregr_train over all rows.';

CREATE FUNCTION madlib.linregr_train(message text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('linregr_train', message);
COMMENT ON FUNCTION madlib.linregr_train(text) IS 'Help: usage or example.';

CREATE FUNCTION madlib.linregr_train() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('linregr_train', NULL);
COMMENT ON FUNCTION madlib.linregr_train() IS 'Help: what the function does.';

-- __dot is the scalar product of coefficients and values.
CREATE FUNCTION madlib.__dot(coef double precision[], x double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN madlib.__same_length(coef, x) THEN (SELECT sum(b * a) FROM unnest(coef, x) AS p(b, a)) END;
COMMENT ON FUNCTION madlib.__dot IS 'Helper: the scalar product.';

CREATE FUNCTION madlib.linregr_predict(coef double precision[], col_ind_var double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN array_position(col_ind_var, NULL) IS NULL AND array_position(coef, NULL) IS NULL THEN madlib.__dot(coef, col_ind_var) END;
COMMENT ON FUNCTION madlib.linregr_predict(double precision[], double precision[]) IS
'Predicts with a linear regression: the scalar product of column coef of its table and the independent variables; NULL if one of them is.

Example: SELECT h.id, madlib.linregr_predict(m.coef, ARRAY[1, tax, bath, size]) FROM houses h, houses_linregr m';

CREATE FUNCTION madlib.linregr_predict(message text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('linregr_predict', message);
COMMENT ON FUNCTION madlib.linregr_predict(text) IS 'Help: usage or example.';

CREATE FUNCTION madlib.linregr_predict() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('linregr_predict', NULL);
COMMENT ON FUNCTION madlib.linregr_predict() IS 'Help: what the function does.';
