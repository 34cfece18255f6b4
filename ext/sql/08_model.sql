-- model_table returns the relation that carries column model jsonb: the given
-- one, or its companion with suffix _summary in the same schema. Only the
-- caller's own may be a view: to read another's runs its owner's functions as
-- the caller.
CREATE FUNCTION ml_private.model_table(model regclass) RETURNS regclass
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED AS $$
DECLARE
    found_ pg_catalog.oid;
BEGIN
    SELECT t.oid INTO found_
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_class AS t ON t.oid OPERATOR(pg_catalog.=) c.oid
        OR t.relnamespace OPERATOR(pg_catalog.=) c.relnamespace AND t.relname OPERATOR(pg_catalog.=) pg_catalog.concat(c.relname, '_summary')::pg_catalog.name
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) t.oid AND a.attname OPERATOR(pg_catalog.=) 'model'
        AND a.atttypid OPERATOR(pg_catalog.=) 'pg_catalog.jsonb'::pg_catalog.regtype::pg_catalog.oid AND NOT a.attisdropped
    WHERE c.oid OPERATOR(pg_catalog.=) model::pg_catalog.oid
    ORDER BY t.oid OPERATOR(pg_catalog.<>) c.oid
    LIMIT 1;
    IF found_ IS NULL THEN
        RAISE wrong_object_type USING
            MESSAGE = pg_catalog.format('%s is not a model', COALESCE(model::pg_catalog.text, 'NULL')),
            HINT = 'Pass the output, or the summary, of a training function such as ml.linear_regression.';
    END IF;
    PERFORM FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_roles AS u ON u.oid OPERATOR(pg_catalog.=) c.relowner
    WHERE c.oid OPERATOR(pg_catalog.=) found_
        AND (c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,m}'::pg_catalog."char"[]) OR u.rolname OPERATOR(pg_catalog.=) CURRENT_USER);
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING
            MESSAGE = pg_catalog.format('model %s belongs to another role and is not a table', found_::pg_catalog.regclass),
            HINT = 'Whatever it computes would run as you. Copy its rows into a table of your own if you trust it.';
    END IF;
    RETURN found_::pg_catalog.regclass;
END
$$;

-- own_model says whether nobody but the caller can have written the model.
-- Otherwise its expressions are somebody else's and are held to pg_catalog.
CREATE FUNCTION ml_private.own_model(model regclass) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED
RETURN (SELECT c.relkind = 'r' AND c.relowner = (SELECT u.oid FROM pg_roles AS u WHERE u.rolname = CURRENT_USER)
            AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) AS a
                            WHERE a.grantee <> c.relowner AND a.privilege_type IN ('INSERT', 'UPDATE', 'TRIGGER'))
            AND NOT EXISTS (SELECT FROM pg_attribute AS t, aclexplode(t.attacl) AS a
                            WHERE t.attrelid = c.oid AND a.grantee <> c.relowner AND a.privilege_type IN ('INSERT', 'UPDATE'))
        FROM pg_class AS c WHERE c.oid = model);

CREATE FUNCTION ml_private.concat(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN a || b;

-- run_model runs a call whose expressions stand in a model: inputs are the model
-- rows, with the columns of their table that the model names, and, where the
-- call has one, the relation that the expressions read.
CREATE FUNCTION ml_private.run_model(function text, model regclass, source regclass, args jsonb, keep text[], output text, replace boolean)
RETURNS ml.result
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    summary pg_catalog.regclass := ml_private.model_table(model);
    columns pg_catalog.jsonb;
    own     pg_catalog.jsonb;
    kind    pg_catalog.text;
    inputs  pg_catalog.jsonb;
BEGIN
    EXECUTE pg_catalog.format('SELECT pg_catalog.jsonb_extract_path(m.model, ''inputs''), pg_catalog.jsonb_extract_path(m.model, ''columns''), '
        'pg_catalog.jsonb_extract_path_text(m.model, ''kind'') FROM %s AS m WHERE m.model IS NOT NULL LIMIT 1',
        ml_private.relation_name(summary::pg_catalog.oid::pg_catalog.int8)) INTO columns, own, kind;
    IF columns IS NULL THEN
        RAISE object_not_in_prerequisite_state USING MESSAGE = pg_catalog.format('model %s has no fitted group', summary),
            HINT = 'See column reason of the summary table.';
    END IF;
    IF function OPERATOR(pg_catalog.=) 'predict' AND kind OPERATOR(pg_catalog.=) 'arima' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'the model is a time series',
            HINT = 'Use ml.forecast(model, horizon, output).';
    END IF;
    inputs := pg_catalog.jsonb_build_array(ml_private.input(summary,
        ml_private.concat(ml_private.required('model', 'model'), COALESCE(own, '[]'))));
    IF source IS NOT NULL THEN
        inputs := pg_catalog.jsonb_insert(inputs, '{-1}',
            ml_private.input(source, ml_private.concat(columns, ml_private.columns('keep', keep))), true);
    END IF;
    RETURN ml_private.run(function, inputs, args, output, replace, NOT ml_private.own_model(summary));
END
$$;
