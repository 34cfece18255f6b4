CREATE FUNCTION ml.load_dataset(name text, into_table text DEFAULT NULL, replace boolean DEFAULT false) RETURNS ml.result
LANGUAGE sql VOLATILE PARALLEL UNSAFE
RETURN ml_private.run('load_dataset', '[]', jsonb_build_object('name', name), coalesce(into_table, quote_ident(name)), replace);

COMMENT ON FUNCTION ml.load_dataset IS
'Makes a table of one of the small public data sets that come with Millrace; its source and licence are in details.

Names: air_passengers, airquality, breast_cancer, chick_weight, co2, diabetes, digits, faithful, insect_sprays, iris, lake_huron, longley,
lynx, mtcars, nile, nottem, quakes, sunspots, ucb_admissions, uk_gas, us_acc_deaths, warpbreaks, wine, www_usage.
  into_table  the table to make; default: the name of the data set
Example: SELECT * FROM ml.load_dataset(''iris'')';
