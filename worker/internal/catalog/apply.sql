
-- Writes one maintained view's table as its owner. Rows are named by their place in
-- the table, which only the worker writes; a rewritten table is told by its file.
-- Values come as text, column by column, and are read here, so that a type's own
-- checks run as the owner. Returns the new places: of moved rows, then of added ones.
CREATE FUNCTION ml_apply.apply(target oid, node oid, names text[], types text[], gone tid[], moved tid[], changed text[], added text[])
RETURNS tid[] LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation text;
    owner    name;
    sets     text; -- what a column becomes, for each
    columns  text;
    cells    text;
    list     text; -- names for the columns of what has come
    written  tid[];
    result   tid[] := '{}';
    late     text;
    n        bigint;
BEGIN
    SELECT format('%I.%I', s.nspname, c.relname), pg_get_userbyid(c.relowner) INTO relation, owner
    FROM pg_class AS c JOIN pg_namespace AS s ON s.oid = c.relnamespace WHERE c.oid = target;
    IF relation IS NULL THEN
        RAISE undefined_table USING MESSAGE = 'the table of the view has been dropped';
    END IF;
    -- REASSIGN OWNED can give this function to somebody else than the table's owner.
    IF owner <> current_user THEN
        RAISE insufficient_privilege USING MESSAGE = format('table %s does not belong to %I, who had it maintained', relation, current_user);
    END IF;
    EXECUTE format('LOCK TABLE %s IN ROW EXCLUSIVE MODE', relation);
    IF pg_relation_filenode(target) IS DISTINCT FROM node THEN
        RAISE object_not_in_prerequisite_state USING MESSAGE = 'the table of the view has been rewritten';
    END IF;
    IF cardinality(gone) > 0 THEN
        -- Many places in a table that is not small: the planner is not shown them, since it
        -- would weigh each, and then read the table to its end.
        EXECUTE format('DELETE FROM %s WHERE ctid = ANY (%s)', relation,
            CASE WHEN cardinality(gone) > 200 AND pg_relation_size(target) > 1048576 THEN '(SELECT $1)::tid[]' ELSE '$1' END) USING gone;
        GET DIAGNOSTICS n = ROW_COUNT;
        IF n <> cardinality(gone) THEN
            RAISE object_not_in_prerequisite_state USING MESSAGE = format('%s rows to delete, and %s are there', cardinality(gone), n);
        END IF;
    END IF;
    IF cardinality(moved) > 0 THEN
        SELECT string_agg(format('%I = u.c%s::%s', names[i], i, types[i]), ', '), string_agg(format('($1)[%s:%1$s]', i), ', '), string_agg(format('c%s', i), ', ')
        INTO sets, cells, list FROM generate_subscripts(names, 1) AS i;
        EXECUTE format('WITH w AS (UPDATE %s AS t SET %s FROM unnest(%s, $2) WITH ORDINALITY AS u(%s, place, n) WHERE t.ctid = u.place RETURNING u.n, t.ctid) '
            'SELECT array_agg(w.ctid ORDER BY w.n) FROM w', relation, sets, cells, list) INTO written USING changed, moved;
        IF cardinality(written) IS DISTINCT FROM cardinality(moved) THEN
            RAISE object_not_in_prerequisite_state USING MESSAGE = format('%s rows to update, and %s are there', cardinality(moved), coalesce(cardinality(written), 0));
        END IF;
        result := written;
    END IF;
    IF cardinality(added) > 0 THEN
        SELECT string_agg(format('%I', names[i]), ', '), string_agg(format('unnest(($1)[%s:%1$s])::%s', i, types[i]), ', ')
        INTO columns, cells FROM generate_subscripts(names, 1) AS i;
        EXECUTE format('WITH w AS (INSERT INTO %s (%s) SELECT %s RETURNING ctid) SELECT array_agg(w.ctid) FROM w', relation, columns, cells) INTO written USING added;
        IF cardinality(written) IS DISTINCT FROM array_length(added, 2) THEN
            RAISE object_not_in_prerequisite_state USING MESSAGE = format('%s rows to insert, and %s were', array_length(added, 2), coalesce(cardinality(written), 0)),
                HINT = 'A trigger or rule on the table of a maintained view must not change which rows are written.';
        END IF;
        result := result || written;
    END IF;
    -- Nothing of the owner's may be left to run when the worker commits, nor be in the
    -- way of other owners' rows. What fires here can defer again what it causes.
    SET CONSTRAINTS ALL IMMEDIATE;
    IF current_setting('server_version_num')::int < 180000 THEN
        SELECT format('trigger %I of table %s is deferrable: before PostgreSQL 18 it could run as another role than the owner', g.tgname, g.tgrelid::regclass) INTO late
        FROM pg_trigger AS g JOIN pg_proc AS p ON p.oid = g.tgfoid LEFT JOIN pg_index AS i ON i.indexrelid = g.tgconstrindid
        WHERE g.tgdeferrable AND NOT (p.pronamespace = 'pg_catalog'::regnamespace AND p.proname LIKE 'RI\_FKey\_%')
            AND NOT (p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = 'unique_key_recheck' AND NOT i.indisexclusion AND i.indexprs IS NULL AND i.indpred IS NULL)
            AND EXISTS (SELECT FROM pg_locks AS l WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.relation = g.tgrelid
                AND l.mode NOT IN ('AccessShareLock', 'RowShareLock'))
        LIMIT 1;
        IF late IS NOT NULL THEN
            RAISE feature_not_supported USING MESSAGE = late, HINT = 'Make it NOT DEFERRABLE.';
        END IF;
    END IF;
    IF current_setting('transaction_read_only')::bool THEN
        RAISE read_only_sql_transaction USING MESSAGE = format('a trigger of table %s has made the transaction read-only', relation);
    END IF;
    EXECUTE 'CLOSE ALL';
    RETURN result;
END
$$;
