-- Schema madlib has the names and arguments of MADlib 2.1.
SELECT madlib.linregr_train('mtcars', 'mpg_linregr', 'mpg', 'ARRAY[1, wt, hp]');
SELECT coef, r2 FROM mpg_linregr;

SELECT madlib.arima_train('air_passengers', 'air_arima', 'date', 'value', NULL, false, ARRAY[1, 1, 1]);
SELECT ar_params, ma_params FROM air_arima;
