-- Databases with a name as a restore gives it to the one that it fills, and as it gives it to an empty one that steps aside; and
-- whether what it says of itself shows that a restore made it.
SELECT datname::text AS name,
       substr(datname::text, length(%(prefix)s) + 1, 8) AS mark,
       coalesce(shobj_description(oid, 'pg_database') = %(comment)s, false) AS ours
FROM pg_database
WHERE starts_with(datname::text, %(prefix)s) AND substr(datname::text, length(%(prefix)s) + 1) ~ '^[0-9a-f]{8}(_empty)?$'
ORDER BY 1
