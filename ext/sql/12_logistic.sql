CREATE FUNCTION ml.logistic_regression(
    source regclass, target text, features text[], output text,
    group_by text[] DEFAULT NULL,
    intercept boolean DEFAULT true,
    weights text DEFAULT NULL,
    l1 double precision DEFAULT 0,
    l2 double precision DEFAULT 0,
    max_iterations int DEFAULT 100,
    tolerance double precision DEFAULT 1e-8,
    confidence double precision DEFAULT 0.95,
    replace boolean DEFAULT false)
RETURNS ml.result
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN ml_private.run('logistic_regression',
    jsonb_build_array(ml_private.input(source,
        ml_private.required('target', target) || ml_private.required_list('feature', features) || ml_private.columns('group', group_by)
        || ml_private.columns('weight', weights))),
    jsonb_build_object('intercept', intercept, 'l1', l1, 'l2', l2, 'max_iterations', max_iterations,
        'tolerance', tolerance, 'confidence', confidence),
    output, replace);

COMMENT ON FUNCTION ml.logistic_regression IS
'Fits a logistic regression, one per group, and keeps it as tables.

Makes output (groups, term, estimate, std_error, z_statistic, p_value, conf_low, conf_high, odds_ratio), one row per group and term, and
output_summary (groups, n, n_skipped, deviance, null_deviance, log_likelihood, aic, bic, mcfadden_r2, iterations, converged, reason, model).
  target    a boolean expression; a numeric one must be 0 or 1, and of a text or enum one the second of two levels is the event
  features  as in ml.linear_regression
  weights   weights of rows in the likelihood; rows of weight 0 are left out
  l1, l2    minimises sum w logloss + l1 * sum |b| + (l2/2) * sum b^2, intercept free, features not standardised, not divided by n;
            with a penalty the errors are NULL, because a biased estimate has no one standard error
  tolerance on the gradient, relative to its scale
Without penalty: Newton steps (iteratively reweighted least squares); with l1: proximal Newton. aic = deviance + 2p, bic with log of n rows.
Standard errors, z and limits are Wald''s, with the normal. Separation, where no finite estimate exists, is an error that names the
features; in one of several groups it is that group''s reason in the summary. Sums over rows are exact.
Cost: one read, then rows x terms^2 per iteration; memory 8 bytes per number read.
Example: SELECT * FROM ml.logistic_regression(''mtcars'', ''am = 1'', ''{wt}'', ''am_model'')';
