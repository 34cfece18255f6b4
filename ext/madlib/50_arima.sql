CREATE FUNCTION madlib.arima_train(
    input_table text, output_table text, timestamp_column text, timeseries_column text, grouping_columns text,
    include_mean boolean, non_seasonal_orders integer[], optimizer_params text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    source pg_catalog.regclass := CASE WHEN madlib.__word(input_table) THEN madlib.__relation(input_table) END;
    suffix pg_catalog.text;
BEGIN
    IF source IS NULL THEN
        PERFORM madlib.__fail('ARIMA error: Source data table does not exist!');
    ELSIF NOT madlib.__word(output_table) THEN
        PERFORM madlib.__fail('ARIMA error: Invalid output table prefix!');
    ELSIF NOT (madlib.__word(timestamp_column) AND madlib.__word(timeseries_column)) THEN
        PERFORM madlib.__fail(pg_catalog.format('ARIMA error: columns do not exist in %s!', input_table));
    END IF;
    FOREACH suffix IN ARRAY '{"",_summary,_residual}'::pg_catalog.text[] LOOP
        IF madlib.__exists(output_table, suffix) THEN
            RAISE duplicate_table USING MESSAGE = pg_catalog.format('ARIMA error: Output table %s already exists!', pg_catalog.concat(output_table, suffix));
        END IF;
    END LOOP;
    PERFORM ml_private.run('madlib_arima_train',
        pg_catalog.jsonb_build_array(ml_private.input(source, ml_private.concat(ml_private.concat(
            ml_private.required('time', timestamp_column), ml_private.required('value', timeseries_column)),
            ml_private.required('stamp', timestamp_column)))),
        pg_catalog.jsonb_build_object('input_table', input_table, 'timestamp_column', timestamp_column, 'timeseries_column', timeseries_column,
            'include_mean', COALESCE(include_mean, false), 'non_seasonal_orders', COALESCE(non_seasonal_orders, '{1,1,1}'),
            'optimizer_params', optimizer_params),
        output_table, false);
END
$$;
COMMENT ON FUNCTION madlib.arima_train(text, text, text, text, text, boolean, integer[], text) IS
'Fits an ARIMA model by conditional least squares.

Makes output_table ([ar_params, ar_std_errors], [ma_params, ma_std_errors], [mean, mean_std_error]), output_table_summary and
output_table_residual, which has a row for every row of the input; the first d + p residuals are 0.
  timestamp_column     a column or expression to order by: a number, date or timestamp
  timeseries_column    a numeric column or expression, without NULL
  grouping_columns     accepted and ignored, as in MADlib
  include_mean         false; has no effect with d > 0
  non_seasonal_orders  p, d, q; {1,1,1}; each below 20, not both p and q 0
  optimizer_params     max_iter = 100, tau = 1e-3, e1, e2, e3 = 1e-15, hessian_delta = 1e-4; chunk_size and param_init are accepted
The residuals before t = p are taken as 0. For the exact likelihood, seasons and regressors use ml.arima.
Example: SELECT madlib.arima_train(''arima_beer'', ''arima_beer_output'', ''time_id'', ''value'', NULL, FALSE, ARRAY[1,1,1])';

CREATE FUNCTION madlib.arima_train(
    input_table text, output_table text, timestamp_column text, timeseries_column text, grouping_columns text,
    include_mean boolean, non_seasonal_orders integer[])
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.arima_train(input_table, output_table, timestamp_column, timeseries_column, grouping_columns, include_mean, non_seasonal_orders, NULL);
COMMENT ON FUNCTION madlib.arima_train(text, text, text, text, text, boolean, integer[]) IS 'arima_train with the default optimizer.';

CREATE FUNCTION madlib.arima_train(
    input_table text, output_table text, timestamp_column text, timeseries_column text, grouping_columns text, include_mean boolean)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.arima_train(input_table, output_table, timestamp_column, timeseries_column, grouping_columns, include_mean, '{1,1,1}', NULL);
COMMENT ON FUNCTION madlib.arima_train(text, text, text, text, text, boolean) IS 'arima_train with orders 1, 1, 1.';

CREATE FUNCTION madlib.arima_train(
    input_table text, output_table text, timestamp_column text, timeseries_column text, grouping_columns text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.arima_train(input_table, output_table, timestamp_column, timeseries_column, grouping_columns, false, '{1,1,1}', NULL);
COMMENT ON FUNCTION madlib.arima_train(text, text, text, text, text) IS 'arima_train without mean.';

CREATE FUNCTION madlib.arima_train(input_table text, output_table text, timestamp_column text, timeseries_column text)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN madlib.arima_train(input_table, output_table, timestamp_column, timeseries_column, NULL, false, '{1,1,1}', NULL);
COMMENT ON FUNCTION madlib.arima_train(text, text, text, text) IS 'arima_train of one series.';

CREATE FUNCTION madlib.arima_train(message text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('arima_train', message);
COMMENT ON FUNCTION madlib.arima_train(text) IS 'Help: usage or example.';

CREATE FUNCTION madlib.arima_train() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('arima_train', NULL);
COMMENT ON FUNCTION madlib.arima_train() IS 'Help: what the function does.';

-- __arima_form reads the form of a model from its summary and checks that the
-- model fits it. What stands there, the caller may not have written: values are
-- read as data, names are only looked up.
CREATE FUNCTION madlib.__arima_form(model regclass, summary regclass) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    form   pg_catalog.jsonb;
    needed pg_catalog.text;
BEGIN
    IF NOT madlib.__has_columns(summary, '{input_table,timestamp_col,timeseries_col,include_mean,non_seasonal_orders}') THEN
        PERFORM madlib.__fail(pg_catalog.format('ARIMA error: Table ''%s'' missing at least one column from %s!', summary,
            'input_table, timestamp_col, timeseries_col, include_mean, non_seasonal_orders'));
    END IF;
    EXECUTE pg_catalog.format('SELECT pg_catalog.to_jsonb(s) FROM %s AS s LIMIT 1', ml_private.relation_name(summary::pg_catalog.oid::pg_catalog.int8)) INTO form;
    IF form IS NULL THEN
        PERFORM madlib.__fail(pg_catalog.format('ARIMA error: Model summary table ''%s'' is empty!', summary));
    END IF;
    FOR needed IN SELECT c FROM madlib.__arima_columns(form) AS c LOOP
        IF NOT madlib.__has_columns(model, ARRAY[needed]) THEN
            PERFORM madlib.__fail(pg_catalog.format('ARIMA error: Table %s missing %s column!', model, needed));
        END IF;
    END LOOP;
    RETURN form;
END
$$;
COMMENT ON FUNCTION madlib.__arima_form IS 'Helper: reads the form of an ARIMA model.';

-- __arima_columns lists the columns that a model table must have for a forecast.
CREATE FUNCTION madlib.__arima_columns(form jsonb) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'ar_params'::text WHERE (form #>> '{non_seasonal_orders,0}')::int > 0
    UNION ALL
    SELECT 'ma_params'::text WHERE (form #>> '{non_seasonal_orders,2}')::int > 0
    UNION ALL
    SELECT 'mean'::text WHERE (form ->> 'include_mean')::boolean AND (form #>> '{non_seasonal_orders,1}')::int = 0;
END;
COMMENT ON FUNCTION madlib.__arima_columns IS 'Helper: the columns that an ARIMA model has.';

-- __arima_inputs are the series, the residuals and the coefficients.
CREATE FUNCTION madlib.__arima_inputs(source regclass, residual regclass, model regclass, form jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    coefficients pg_catalog.jsonb := '[]';
    name         pg_catalog.text;
BEGIN
    FOR name IN SELECT c FROM madlib.__arima_columns(form) AS c LOOP
        coefficients := ml_private.concat(coefficients, ml_private.required(name, name));
    END LOOP;
    RETURN pg_catalog.jsonb_build_array(
        ml_private.input(source, ml_private.concat(
            ml_private.required('time', pg_catalog.jsonb_extract_path_text(form, 'timestamp_col')),
            ml_private.required('value', pg_catalog.jsonb_extract_path_text(form, 'timeseries_col')))),
        ml_private.input(residual, ml_private.concat(
            ml_private.required('time', madlib.__first_column(residual)), ml_private.required('value', 'residual'))),
        ml_private.input(model, coefficients));
END
$$;
COMMENT ON FUNCTION madlib.__arima_inputs IS 'Helper: what a forecast reads.';

-- __require_plain refuses a relation that could run its owner's code in the
-- caller's name. It is asked of relations that somebody else's model names.
CREATE FUNCTION madlib.__require_plain(relation regclass, model regclass) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
BEGIN
    PERFORM FROM pg_catalog.pg_class AS c
    WHERE c.oid OPERATOR(pg_catalog.=) relation::pg_catalog.oid AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,m}'::pg_catalog."char"[]) AND NOT c.relrowsecurity;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING
            MESSAGE = pg_catalog.format('model %s was written by another role, and names %s, which is not a plain table', model, relation),
            HINT = 'Copy the model into tables of your own if you trust it.';
    END IF;
END
$$;
COMMENT ON FUNCTION madlib.__require_plain IS 'Helper: refuses views and tables with row security.';

CREATE FUNCTION madlib.arima_forecast(model_table text, output_table text, steps_ahead integer)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    model    pg_catalog.regclass := CASE WHEN madlib.__word(model_table) THEN madlib.__relation(model_table) END;
    summary  pg_catalog.regclass := madlib.__companion(model, '_summary');
    residual pg_catalog.regclass := madlib.__companion(model, '_residual');
    own      pg_catalog.bool;
    source   pg_catalog.regclass;
    form     pg_catalog.jsonb;
BEGIN
    IF NOT madlib.__word(model_table) THEN
        PERFORM madlib.__fail('ARIMA error: Invalid model table parameter');
    ELSIF model IS NULL THEN
        PERFORM madlib.__fail(pg_catalog.format('ARIMA error: Model table ''%s'' does not exist!', model_table));
    ELSIF summary IS NULL THEN
        PERFORM madlib.__fail(pg_catalog.format('ARIMA error: Model summary table ''%s'' does not exist!', pg_catalog.concat(model_table, '_summary')));
    ELSIF residual IS NULL THEN
        PERFORM madlib.__fail(pg_catalog.format('ARIMA error: Model residual table ''%s'' does not exist!', pg_catalog.concat(model_table, '_residual')));
    ELSIF NOT madlib.__word(output_table) THEN
        PERFORM madlib.__fail('ARIMA error: Invalid output table name');
    ELSIF madlib.__exists(output_table, '') THEN
        RAISE duplicate_table USING MESSAGE = pg_catalog.format('ARIMA error: Output table %s already exists!', output_table);
    ELSIF (steps_ahead OPERATOR(pg_catalog.>) 0) IS NOT TRUE THEN
        PERFORM madlib.__fail('ARIMA error: Invalid steps_ahead parameter!');
    ELSIF steps_ahead OPERATOR(pg_catalog.>) 1000000000 THEN
        PERFORM madlib.__fail('ARIMA error: Maximum number of steps that can be forecasted is 1000000000!');
    END IF;
    own := ml_private.own_model(model) AND ml_private.own_model(summary) AND ml_private.own_model(residual);
    IF own IS NOT TRUE THEN
        PERFORM madlib.__require_plain(r, model) FROM pg_catalog.unnest(ARRAY[model, summary, residual]) AS r;
    END IF;
    form := madlib.__arima_form(model, summary);
    source := madlib.__relation(pg_catalog.jsonb_extract_path_text(form, 'input_table'));
    IF source IS NULL THEN
        PERFORM madlib.__fail(pg_catalog.format('ARIMA error: Source data table ''%s'' does not exist!', pg_catalog.jsonb_extract_path_text(form, 'input_table')));
    ELSIF own IS NOT TRUE THEN
        PERFORM madlib.__require_plain(source, model);
    END IF;
    PERFORM ml_private.run('madlib_arima_forecast', madlib.__arima_inputs(source, residual, model, form),
        pg_catalog.jsonb_build_object('non_seasonal_orders', pg_catalog.jsonb_extract_path(form, 'non_seasonal_orders'), 'steps_ahead', steps_ahead),
        output_table, false, own IS NOT TRUE);
END
$$;
COMMENT ON FUNCTION madlib.arima_forecast(text, text, integer) IS
'Forecasts a model of arima_train.

Makes output_table (steps_ahead, forecast_value). It reads the model''s three tables, and the last values of the table that the model was
trained on, which must still be there.
  model_table  the output_table of arima_train
  steps_ahead  how many steps, at most 100000
A model that another role can write may name plain tables, columns and immutable functions of pg_catalog only.
Example: SELECT madlib.arima_forecast(''arima_beer_output'', ''arima_beer_forecast_output'', 10)';

-- __first_column is the quoted name of a table's first column.
CREATE FUNCTION madlib.__first_column(relation regclass) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT quote_ident(a.attname) FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum LIMIT 1);
COMMENT ON FUNCTION madlib.__first_column IS 'Helper: the name of a table''s first column.';

CREATE FUNCTION madlib.arima_forecast(message text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('arima_forecast', message);
COMMENT ON FUNCTION madlib.arima_forecast(text) IS 'Help: usage or example.';

CREATE FUNCTION madlib.arima_forecast() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN madlib.__help('arima_forecast', NULL);
COMMENT ON FUNCTION madlib.arima_forecast() IS 'Help: what the function does.';
