-- Something stands, or still does. It is to be told when it begins, and when it names a session that it did not, and
-- when a run fails for another reason. What began
-- before the last one of its key was over is that one, seen by who is late.
INSERT INTO alerts (key, kind, since, says, advice, sessions, owed)
SELECT %(key)s, %(kind)s, %(since)s::timestamptz, %(says)s, %(advice)s, %(sessions)s::text[], %(owed)s::text[]
WHERE NOT EXISTS (SELECT FROM alerts earlier WHERE earlier.key = %(key)s AND earlier.resolved_at >= %(since)s::timestamptz)
ON CONFLICT (key) WHERE resolved_at IS NULL DO UPDATE
SET says = excluded.says, advice = excluded.advice, sessions = excluded.sessions,
    owed = CASE WHEN excluded.sessions <@ alerts.sessions AND (excluded.kind <> 'run_failed' OR excluded.says = alerts.says) THEN alerts.owed ELSE excluded.owed END
WHERE (alerts.says, alerts.advice, alerts.sessions) IS DISTINCT FROM (excluded.says, excluded.advice, excluded.sessions)
