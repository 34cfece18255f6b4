CREATE FUNCTION madlib.logregr_train(
    source_table varchar, out_table varchar, dependent_varname varchar, independent_varname varchar,
    grouping_cols varchar, max_iter integer, optimizer varchar, tolerance double precision, verbose boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    source     pg_catalog.regclass := madlib.__check_regression('Logregr', source_table, out_table, dependent_varname, independent_varname);
    by_columns pg_catalog.text[] := madlib.__check_grouping('Logregr', grouping_cols,
        '{coef,log_likelihood,std_err,z_stats,p_values,odds_ratios,condition_no,num_processed,num_rows_processed,num_missing_rows_skipped,num_iterations,variance_covariance}');
    method     pg_catalog.text := pg_catalog.lower(pg_catalog.btrim(COALESCE(optimizer, 'irls')));
BEGIN
    IF max_iter OPERATOR(pg_catalog.<=) 0 THEN
        PERFORM madlib.__fail('Logregr error: Maximum number of iterations must be positive!');
    ELSIF tolerance OPERATOR(pg_catalog.<) 0 THEN
        PERFORM madlib.__fail('Logregr error: The tolerance cannot be negative!');
    ELSIF method OPERATOR(pg_catalog.<>) ALL ('{irls,newton,cg,igd}'::pg_catalog.text[]) THEN
        PERFORM madlib.__fail('Logregr error: Unknown optimizer requested. Must be ''newton''/''irls'', ''cg'', or ''igd''.');
    END IF;
    IF method OPERATOR(pg_catalog.=) 'newton' THEN
        method := 'irls';
    END IF;
    PERFORM ml_private.run('madlib_logregr',
        pg_catalog.jsonb_build_array(ml_private.input(source, ml_private.concat(ml_private.concat(
            ml_private.required('target', dependent_varname), ml_private.required('point', independent_varname)),
            ml_private.columns('group', by_columns)))),
        pg_catalog.jsonb_build_object('source_table', source_table, 'out_table', out_table, 'dependent_varname', dependent_varname,
            'independent_varname', independent_varname, 'grouping_col', grouping_cols,
            'max_iter', COALESCE(max_iter, 20), 'optimizer', method, 'tolerance', COALESCE(tolerance, 0.0001)),
        out_table, false);
END
$$;
COMMENT ON FUNCTION madlib.logregr_train(varchar, varchar, varchar, varchar, varchar, integer, varchar, double precision, boolean) IS
'Fits a logistic regression, one per group.

Makes out_table ([grouping columns], coef, log_likelihood, std_err, z_stats, p_values, odds_ratios, condition_no, num_rows_processed,
num_missing_rows_skipped, num_iterations, variance_covariance) and out_table_summary.
  dependent_varname    a boolean expression, or an integer, of which 0 is false
  independent_varname  an array expression; there is no intercept but the 1 that you write: ''ARRAY[1, x1, x2]''
  grouping_cols        columns or expressions, separated by commas
  max_iter             20; bounds irls, and reaching it is no error
  optimizer            irls (or newton), cg, igd: all give the maximum of the likelihood, which Newton''s method finds
  tolerance            0.0001; a coarser one than 1e-8 is answered with 1e-8
  verbose              accepted; notices come anyway
A group without a finite estimate (separation, one outcome only) has a row of NULLs and a notice; if that is every group, it is an error.
Collinear columns share the coefficient, as with a pseudo-inverse; condition_no, that of the Hessian, is infinite then.
Example: SELECT madlib.logregr_train(''patients'', ''patients_logregr'', ''second_attack'', ''ARRAY[1, treatment, trait_anxiety]'')';

CREATE FUNCTION madlib.logregr_train(
    source_table varchar, out_table varchar, dependent_varname varchar, independent_varname varchar,
    grouping_cols varchar, max_iter integer, optimizer varchar, tolerance double precision)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.logregr_train(source_table, out_table, dependent_varname, independent_varname, grouping_cols, max_iter, optimizer, tolerance, false);
COMMENT ON FUNCTION madlib.logregr_train(varchar, varchar, varchar, varchar, varchar, integer, varchar, double precision) IS 'logregr_train with a tolerance.';

CREATE FUNCTION madlib.logregr_train(
    source_table varchar, out_table varchar, dependent_varname varchar, independent_varname varchar,
    grouping_cols varchar, max_iter integer, optimizer varchar)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.logregr_train(source_table, out_table, dependent_varname, independent_varname, grouping_cols, max_iter, optimizer, 0.0001, false);
COMMENT ON FUNCTION madlib.logregr_train(varchar, varchar, varchar, varchar, varchar, integer, varchar) IS 'logregr_train with tolerance 0.0001.';

CREATE FUNCTION madlib.logregr_train(
    source_table varchar, out_table varchar, dependent_varname varchar, independent_varname varchar,
    grouping_cols varchar, max_iter integer)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.logregr_train(source_table, out_table, dependent_varname, independent_varname, grouping_cols, max_iter, 'irls', 0.0001, false);
COMMENT ON FUNCTION madlib.logregr_train(varchar, varchar, varchar, varchar, varchar, integer) IS 'logregr_train by irls.';

CREATE FUNCTION madlib.logregr_train(
    source_table varchar, out_table varchar, dependent_varname varchar, independent_varname varchar, grouping_cols varchar)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.logregr_train(source_table, out_table, dependent_varname, independent_varname, grouping_cols, 20, 'irls', 0.0001, false);
COMMENT ON FUNCTION madlib.logregr_train(varchar, varchar, varchar, varchar, varchar) IS 'logregr_train with at most 20 iterations.';

CREATE FUNCTION madlib.logregr_train(
    source_table varchar, out_table varchar, dependent_varname varchar, independent_varname varchar)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.logregr_train(source_table, out_table, dependent_varname, independent_varname, NULL, 20, 'irls', 0.0001, false);
COMMENT ON FUNCTION madlib.logregr_train(varchar, varchar, varchar, varchar) IS 'logregr_train over all rows.';

CREATE FUNCTION madlib.logregr_train(message text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('logregr_train', message);
COMMENT ON FUNCTION madlib.logregr_train(text) IS 'Help: usage or example.';

CREATE FUNCTION madlib.logregr_train() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('logregr_train', NULL);
COMMENT ON FUNCTION madlib.logregr_train() IS 'Help: what the function does.';

-- logistic does not overflow: the exponent is never positive.
CREATE FUNCTION madlib.logistic(x double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
    WHEN x = 'NaN' THEN x
    WHEN x < -700 THEN 0
    WHEN x > 700 THEN 1
    WHEN x < 0 THEN exp(x) / (1 + exp(x))
    ELSE 1 / (1 + exp(-x)) END;
COMMENT ON FUNCTION madlib.logistic IS 'The logistic function 1/(1 + exp(-x)).';

CREATE FUNCTION madlib.logregr_predict(coef double precision[], col_ind_var double precision[]) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN madlib.linregr_predict(coef, col_ind_var) > 0;
COMMENT ON FUNCTION madlib.logregr_predict(double precision[], double precision[]) IS
'Predicts with a logistic regression: whether the log odds, the scalar product of coef and the independent variables, are above 0.

Example: SELECT p.id, madlib.logregr_predict(m.coef, ARRAY[1, treatment, trait_anxiety]) FROM patients p, patients_logregr m';

CREATE FUNCTION madlib.logregr_predict(message text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('logregr_predict', message);
COMMENT ON FUNCTION madlib.logregr_predict(text) IS 'Help: usage or example.';

CREATE FUNCTION madlib.logregr_predict() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('logregr_predict', NULL);
COMMENT ON FUNCTION madlib.logregr_predict() IS 'Help: what the function does.';

CREATE FUNCTION madlib.logregr_predict_prob(coef double precision[], col_ind_var double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN madlib.logistic(madlib.linregr_predict(coef, col_ind_var));
COMMENT ON FUNCTION madlib.logregr_predict_prob(double precision[], double precision[]) IS
'Predicts the probability that the dependent variable of a logistic regression is true.

Example: SELECT p.id, madlib.logregr_predict_prob(m.coef, ARRAY[1, treatment, trait_anxiety]) FROM patients p, patients_logregr m';

CREATE FUNCTION madlib.logregr_predict_prob(message text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('logregr_predict_prob', message);
COMMENT ON FUNCTION madlib.logregr_predict_prob(text) IS 'Help: usage or example.';

CREATE FUNCTION madlib.logregr_predict_prob() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('logregr_predict_prob', NULL);
COMMENT ON FUNCTION madlib.logregr_predict_prob() IS 'Help: what the function does.';
