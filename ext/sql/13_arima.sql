CREATE FUNCTION ml.arima(
    source regclass, time_column text, value text, output text,
    orders int[] DEFAULT NULL,
    seasonal_orders int[] DEFAULT NULL,
    period int DEFAULT NULL,
    group_by text[] DEFAULT NULL,
    mean boolean DEFAULT NULL,
    drift boolean DEFAULT NULL,
    regressors text[] DEFAULT NULL,
    method text DEFAULT 'ml',
    ic text DEFAULT 'aicc',
    replace boolean DEFAULT false)
RETURNS ml.result
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN ml_private.run('arima',
    jsonb_build_array(ml_private.input(source,
        ml_private.required('time', time_column) || ml_private.required('value', value) || ml_private.columns('group', group_by)
        || ml_private.columns('regressor', regressors))),
    jsonb_build_object('orders', orders, 'seasonal_orders', seasonal_orders, 'period', period, 'mean', mean, 'drift', drift,
        'method', method, 'ic', ic, 'time_zone', current_setting('TimeZone')),
    output, replace);

COMMENT ON FUNCTION ml.arima IS
'Fits a seasonal ARIMA model with regressors, one per group, and keeps it as tables.

Makes output (groups, term, estimate, std_error, z_statistic, p_value), output_summary (groups, n, orders, seasonal_orders, period, sigma2,
log_likelihood, aic, aicc, bic, converged, iterations, ljung_box, ljung_box_p, reason, model), and output_residuals (groups, time, fitted, residual).
  time_column      date, timestamp or number; equally spaced: days, weeks, months, quarters, years or a fixed step. Months keep their day, or
                   their end. A gap is an error: insert rows with a NULL value. A timestamptz counts by the local time of the session''s TimeZone
  value            the series; NULL is a missing observation
  orders           {p,d,q}; NULL selects them (Hyndman and Khandakar 2008: KPSS for d, seasonal strength for D, stepwise by ic)
  seasonal_orders  {P,D,Q}, with period; period NULL is taken from the step: 12 for months, 4 for quarters, 7 for days, 24 for hours, else 1
  mean, drift      a constant, and a slope per step of time. With given orders NULL means a mean when d + D = 0, and no drift. A selection tries a
                   mean when d + D = 0 and a drift when it is 1; false excludes it
  regressors       numeric expressions, known at every time
  method           ml (exact Gaussian likelihood, from many starts), css (conditional sum of squares, no NULL value, no criteria), css-ml
                   (ml from the estimate of css alone); a selection uses ml
  ic               aicc, aic or bic: what a selection minimises
Signs as in R: z[t] = sum ar z + e + sum ma e. n counts the values that are not NULL; sigma2 = SSR / (n - d - D x period), with css less
p + P x period too; standard errors from the observed information. ljung_box is at lag 10, or 2 x period when seasonal, at most n/5 and at
least 3 more than the ARMA coefficients, which its degrees of freedom leave out. A group that cannot be fitted has its reason in the summary;
when no group can, the call fails.
Forecast with ml.forecast.
Example: SELECT * FROM ml.arima(''air_passengers'', ''date'', ''ln(value)'', ''air_model'', orders => ''{0,1,1}'', seasonal_orders => ''{0,1,1}'', period => 12)';

CREATE FUNCTION ml.forecast(
    model regclass, horizon int, output text,
    level double precision[] DEFAULT '{0.8,0.95}',
    regressors regclass DEFAULT NULL,
    replace boolean DEFAULT false)
RETURNS ml.result
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN ml_private.run_model('forecast', model, regressors,
    jsonb_build_object('horizon', horizon, 'level', level, 'time_zone', current_setting('TimeZone')), NULL::text[], output, replace);

COMMENT ON FUNCTION ml.forecast IS
'Forecasts a model that ml.arima made: its output or its summary, under any name.

Makes output (groups, step, time, forecast, std_error, and for each level a pair lower_80, upper_80). time goes on in the series'' own step and
type; that of a timestamptz needs the TimeZone of the training.
  horizon     steps ahead, 1 to 100000
  level       coverage of the limits, each in (0, 1); lower_99_5 is for 0.995. NULL is an error, {} gives no limits
  regressors  a relation with the model''s groups, time column and regressors, one row for each future time; its other rows do not matter
std_error has no uncertainty of the parameters, as in R.
Example: SELECT * FROM ml.forecast(''air_model'', 12, ''air_forecast'')';
