-- The compatibility schema: names, arities, defaults and output columns of
-- MADlib 2.1 for what Millrace computes.
COMMENT ON SCHEMA madlib IS 'Millrace: compatibility with MADlib 2.1';
