-- What people are told of and still stands, the oldest first.
SELECT key, kind, since, says, advice FROM alerts WHERE resolved_at IS NULL ORDER BY since, id
