-- Every table that holds somebody's rows; what PostgreSQL and extensions keep for themselves is not among them.
SELECT nspname AS schema, relname AS name
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p') AND NOT relispartition AND left(nspname, 3) <> 'pg_' AND nspname <> 'information_schema'
  AND nspname !~ '^_?timescaledb_'
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
ORDER BY 1, 2
