-- Data sets that come with Millrace, each loaded as a table.
SELECT name, (ml.load_dataset(name)).rows_out
FROM unnest('{iris,mtcars,breast_cancer,air_passengers}'::text[]) AS name;

-- Nearest neighbours: each iris is classified by its 5 nearest others.
SELECT output, rows_out, rows_used
FROM ml.knn('iris', 'ARRAY[sepal_length, sepal_width, petal_length, petal_width]', 'id',
            'iris', 'ARRAY[sepal_length, sepal_width, petal_length, petal_width]', 'id',
            'iris_knn', k => 5, label => 'species', exclude_self => true);

SELECT species, prediction, count(*)
FROM iris JOIN iris_knn ON iris.id = iris_knn.query_id
GROUP BY species, prediction
ORDER BY species, prediction;

-- Linear regression: the fuel that a car needs, by weight and power. A model is a table.
SELECT output, rows_out, rows_used FROM ml.linear_regression('mtcars', 'mpg', '{wt,hp}', 'mpg_model');

SELECT term, round(estimate::numeric, 4) AS estimate, round(std_error::numeric, 4) AS std_error,
       round(t_statistic::numeric, 2) AS t_statistic, p_value::real
FROM mpg_model;

SELECT n, round(r_squared::numeric, 4) AS r_squared, round(sigma::numeric, 3) AS sigma, round(aic::numeric, 2) AS aic
FROM mpg_model_summary;

SELECT output, rows_out FROM ml.predict('mpg_model', 'mtcars', 'mpg_predicted', keep => '{model,mpg}', intervals => 'prediction');

SELECT model, mpg, round(prediction::numeric, 1) AS prediction,
       round(conf_low::numeric, 1) AS conf_low, round(conf_high::numeric, 1) AS conf_high
FROM mpg_predicted
ORDER BY abs(mpg - prediction) DESC
LIMIT 5;

-- Logistic regression: is a tumour malignant?
SELECT output, rows_out, rows_used
FROM ml.logistic_regression('breast_cancer', 'diagnosis = ''malignant''', '{mean_radius,mean_texture,100*mean_smoothness}', 'tumour_model');

SELECT term, round(estimate::numeric, 4) AS estimate, round(odds_ratio::numeric, 3) AS odds_ratio, p_value::real
FROM tumour_model
WHERE term <> '(intercept)';

-- ARIMA: monthly passengers of an airline, and the year that follows.
SELECT output, rows_used
FROM ml.arima('air_passengers', 'date', 'ln(value)', 'air_model',
              orders => '{0,1,1}', seasonal_orders => '{0,1,1}', period => 12);

SELECT term, round(estimate::numeric, 4) AS estimate, round(std_error::numeric, 4) AS std_error FROM air_model;

SELECT output, rows_out FROM ml.forecast('air_model', 12, 'air_forecast');

SELECT "time"::date AS month, round(exp(forecast)::numeric) AS passengers,
       round(exp(lower_95)::numeric) AS lower_95, round(exp(upper_95)::numeric) AS upper_95
FROM air_forecast
ORDER BY step;

-- Nothing is left of a call that was rolled back.
BEGIN;
SELECT output, rows_out FROM ml.linear_regression('mtcars', 'mpg', '{qsec}', 'draft');
ROLLBACK;
SELECT to_regclass('draft') IS NULL AS gone;
