CREATE FUNCTION ml.predict(
    model regclass, source regclass, output text,
    keep text[] DEFAULT NULL,
    type text DEFAULT 'response',
    intervals text DEFAULT NULL,
    confidence double precision DEFAULT 0.95,
    replace boolean DEFAULT false)
RETURNS ml.result
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN ml_private.run_model('predict', model, source,
    jsonb_build_object('type', type, 'intervals', intervals, 'confidence', confidence), keep, output, replace);

COMMENT ON FUNCTION ml.predict IS
'Applies a model to the rows of source: the output or the summary of ml.linear_regression or ml.logistic_regression, under any name.

Makes output (groups, the columns named in keep, prediction, [std_error, conf_low, conf_high]), one row per row of source.
  keep        columns or expressions of source to carry over
  type        response (linear: the value; logistic: the probability), link (log odds), or class (logistic: probability >= 0.5)
  intervals   confidence (of the mean) or prediction (of a new observation; linear only); NULL for none
The features are encoded as in training. A level that training has not seen, a NULL feature, or an unknown group gives a NULL prediction,
counted in details. Expressions of a model that somebody else can write may use only columns and immutable functions of pg_catalog.
Example: SELECT * FROM ml.predict(''mpg_model'', ''mtcars'', ''mpg_predicted'', keep => ''{model}'')';
