CREATE FUNCTION ml.linear_regression(
    source regclass, target text, features text[], output text,
    group_by text[] DEFAULT NULL,
    intercept boolean DEFAULT true,
    weights text DEFAULT NULL,
    covariance text DEFAULT 'classical',
    cluster text DEFAULT NULL,
    ridge double precision DEFAULT 0,
    order_by text DEFAULT NULL,
    confidence double precision DEFAULT 0.95,
    replace boolean DEFAULT false)
RETURNS ml.result
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN ml_private.run('linear_regression',
    jsonb_build_array(ml_private.input(source,
        ml_private.required('target', target) || ml_private.required_list('feature', features) || ml_private.columns('group', group_by)
        || ml_private.columns('weight', weights) || ml_private.columns('cluster', cluster) || ml_private.columns('order', order_by))),
    jsonb_build_object('intercept', intercept, 'covariance', covariance, 'ridge', ridge, 'confidence', confidence),
    output, replace);

COMMENT ON FUNCTION ml.linear_regression IS
'Fits a linear model by least squares, one per group, and keeps it as tables.

Makes output (groups, term, estimate, std_error, t_statistic, p_value, conf_low, conf_high, vif), one row per group and term, and
output_summary (groups, n, n_skipped, df_residual, r_squared, adj_r_squared, sigma, f_statistic, f_p_value, log_likelihood, aic, bic,
condition_number, durbin_watson, breusch_pagan, breusch_pagan_p, jarque_bera, jarque_bera_p, vcov, reason, model), one per group.
  target      a numeric expression over source
  features    columns or expressions; text, boolean and enum ones become 0/1 terms feature=level without the first level (the base)
  weights     precision weights: minimises sum w e^2; rows of weight 0 are left out
  covariance  classical, HC0, HC1, HC2, HC3, or cluster (with cluster => expression; factor G/(G-1) * (n-1)/(n-p), t with G-1 df)
  ridge       minimises sum w e^2 + ridge * sum b^2, intercept free, features not standardised, not divided by n; std_error is then
              NULL, because there is no one standard error of a biased estimate
  order_by    the order of time: gives durbin_watson, on raw residuals
p values and limits: t with n-p df. aic and bic count sigma, as R. Without intercept r_squared is about 0. breusch_pagan is Koenker''s
studentized form, NULL with weights. condition_number is that of sqrt(w) X as it is. vif is NULL without intercept.
A collinear feature is dropped as R does: its estimate is NULL, and details and a NOTICE name it. A group that cannot be fitted has its
reason in the summary and does not lose the others. Sums over rows are exact, so results do not depend on the order of rows.
Cost: one read, rows x terms^2; memory 8 bytes per number read.
Example: SELECT * FROM ml.linear_regression(''mtcars'', ''mpg'', ''{wt,hp}'', ''mpg_model'')';
