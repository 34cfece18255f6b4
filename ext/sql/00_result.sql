CREATE TYPE ml.result AS (
    output       regclass,
    rows_out     bigint,
    rows_used    bigint,
    rows_skipped bigint,
    seconds      double precision,
    details      jsonb
);
COMMENT ON TYPE ml.result IS
'What a call returns: the table it made, rows written to it, input rows used, input rows skipped because of NULL in a used column,
seconds of wall time, and details (among them read: snapshot or session, how the rows were read).';
