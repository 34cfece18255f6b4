-- A view that stays fresh. Its tables are followed; the worker keeps the view equal to its query.
CREATE TABLE customer (id int PRIMARY KEY, city text NOT NULL);
CREATE TABLE sale (id int PRIMARY KEY, customer int NOT NULL REFERENCES customer, amount float8 NOT NULL);
INSERT INTO customer VALUES (1, 'Oslo'), (2, 'Rome'), (3, 'Rome');
INSERT INTO sale SELECT n, 1 + n % 3, 0.1 * (n % 10) FROM generate_series(1, 30000) AS n;
SELECT ml.track('customer'), ml.track('sale');

SELECT view, rows, state
FROM ml.create_view('sales_by_city', 'SELECT city, count(*) AS sales, sum(amount) AS total
                                      FROM sale JOIN customer ON customer.id = sale.customer GROUP BY city');

SELECT * FROM sales_by_city ORDER BY city;

-- One transaction changes what is counted, added up and joined.
BEGIN;
INSERT INTO sale VALUES (30001, 1, 1e300);
UPDATE customer SET city = 'Bergen' WHERE id = 1;
DELETE FROM sale WHERE customer = 3;
COMMIT;

-- ml.wait returns when the view shows what was committed before; reading the table alone would do a moment later.
SELECT ml.wait('sales_by_city') IS NOT NULL AS fresh;
SELECT * FROM sales_by_city ORDER BY city;

-- Sums of floats are exact: what goes leaves nothing behind.
DELETE FROM sale WHERE amount = 1e300;
SELECT ml.wait('sales_by_city') IS NOT NULL AS fresh;
SELECT * FROM sales_by_city ORDER BY city;

-- The view's table and its query, compared at one position of the log.
SELECT differing, compared FROM ml.check_view('sales_by_city');

SELECT name, state, rows, round(freshness_p50_ms::numeric, 1) AS freshness_p50_ms FROM ml.views;
