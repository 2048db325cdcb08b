-- What the schema is made of, a line each: what the relations named are, their columns, indexes, constraints and triggers,
-- and the functions behind them.
WITH relation AS (
    SELECT oid, relname AS name, CASE relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind
    FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
      AND relname = ANY(%(relations)s::text[])
)
SELECT format('%%s %%s', kind, name) AS line FROM relation
UNION ALL
SELECT format('column %%s.%%s %%s%%s%%s', name, attname, format_type(atttypid, atttypmod),
              CASE WHEN attnotnull AND kind = 'table' THEN ' not null' ELSE '' END,
              CASE WHEN attidentity <> '' THEN ' identity' ELSE ' default ' || pg_get_expr(adbin, adrelid) END)
FROM relation JOIN pg_attribute ON attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
     LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
UNION ALL
SELECT 'index ' || regexp_replace(pg_get_indexdef(indexrelid), '^CREATE (.*?)INDEX (\S+) ON \S+\.(\S+) ', '\2: \1\3 ')
FROM relation JOIN pg_index ON indrelid = relation.oid
UNION ALL
SELECT format('constraint %%s.%%s %%s', name, conname, pg_get_constraintdef(pg_constraint.oid))
FROM relation JOIN pg_constraint ON conrelid = relation.oid AND contype IN ('c', 'f', 'p', 'u', 'x')
UNION ALL
SELECT format('trigger %%s.%%s %%s', name, tgname, CASE tgenabled WHEN 'O' THEN 'enabled' ELSE 'disabled' END)
FROM relation JOIN pg_trigger ON tgrelid = relation.oid AND NOT tgisinternal AND tgname <> 'ts_insert_blocker'
UNION ALL
SELECT format('function %%s %%s', proname, md5(prosrc))
FROM pg_proc
WHERE pronamespace = current_schema()::regnamespace AND proname = ANY(%(functions)s::text[])
ORDER BY 1
