-- What stands now, oldest first.
SELECT id, key, kind, since, says, advice, sessions, resolved_at, told_at, told, xmin::text AS version
FROM alerts WHERE resolved_at IS NULL
ORDER BY id
