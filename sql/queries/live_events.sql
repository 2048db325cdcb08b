-- What consumers were told after an event, oldest first.
SELECT id, event, "timestamp", session, missing, why, at
FROM live_bars
WHERE id > %(after)s
ORDER BY id
LIMIT %(limit)s
