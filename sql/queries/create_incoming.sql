-- Where rows wait to be compared with those of a table, and what comes of it.
CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA;
CREATE TEMP TABLE difference ON COMMIT DROP AS SELECT {columns}, ''::text AS kind FROM {table} WITH NO DATA;
