-- How the newest session ended that a desk has judged, by its newest judgement.
SELECT report, session, verdict
FROM eod_reports
WHERE environment = %(environment)s AND bar_size = %(bar_size)s AND report->'symbols' = to_jsonb(%(symbols)s::text[])
ORDER BY session DESC, created_at DESC
LIMIT 1
