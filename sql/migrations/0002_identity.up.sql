-- The database that was installed into. A copy of it, restored elsewhere, has
-- another identity: its foreign server still points to the original's worker,
-- with the original's secrets, and must not use them.
CREATE TABLE ml_private.identity (
    system_identifier bigint NOT NULL,
    database          oid    NOT NULL
);
COMMENT ON TABLE ml_private.identity IS 'The database that millrace install was run for; one row.';
GRANT SELECT ON ml_private.identity TO PUBLIC;
