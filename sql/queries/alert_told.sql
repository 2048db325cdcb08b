-- A channel took it. What has changed since it was read is still to be told.
UPDATE alerts
SET told = told + 1, told_at = %(at)s,
    owed = CASE WHEN xmin::text = %(version)s THEN array_remove(owed, %(channel)s) ELSE owed END
WHERE id = %(id)s
