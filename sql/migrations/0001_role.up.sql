-- One row for each enrolled role of this database. The verifier proves a
-- caller's secret without holding it. The reader's password is held because
-- the worker logs in with it; only the worker's role may read this table.
CREATE TABLE ml_private.role (
    role            oid         NOT NULL,
    name            text        NOT NULL,
    verifier        text        NOT NULL,
    reader          text,
    reader_password text,
    enrolled_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT role_pkey PRIMARY KEY (role),
    CONSTRAINT role_name_key UNIQUE (name),
    CONSTRAINT role_reader_has_password CHECK ((reader IS NULL) = (reader_password IS NULL))
);
COMMENT ON TABLE ml_private.role IS 'Roles that may call the worker. Written by millrace enroll; read by the worker alone.';
