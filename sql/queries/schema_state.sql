-- What a process looks at before its first statement: is there a schema, may this user change it, which TimescaleDB is there.
SELECT to_regclass('schema_migrations') IS NOT NULL                                              AS begun,
       coalesce((SELECT pg_has_role(relowner, 'USAGE') FROM pg_class
                 WHERE oid = to_regclass('schema_migrations')), true)                             AS owned,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb')                        AS version,
       EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')                    AS offered,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
           OR has_database_privilege(current_database(), 'CREATE')
              AND EXISTS (SELECT FROM pg_available_extension_versions WHERE name = 'timescaledb' AND trusted) AS addable,
       current_setting('timescaledb.max_background_workers', true) IS NOT NULL                    AS preloaded,
       current_setting('timescaledb.license', true)                                               AS licence
