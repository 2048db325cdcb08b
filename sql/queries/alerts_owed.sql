-- What a channel has not taken yet, oldest first. The version is another one as soon as anything of the row changes.
SELECT id, key, kind, since, says, advice, sessions, resolved_at, told_at, told, xmin::text AS version
FROM alerts WHERE %(channel)s = ANY(owed)
ORDER BY id
