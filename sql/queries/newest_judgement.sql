-- What a desk's gate said last of the newest session that it has judged.
SELECT session, verdict, action, coalesce(report->'accepted', 'null') <> 'null' AS accepted, created_at AS judged_at
FROM data_quality_reports
WHERE environment = %(environment)s AND bar_size = %(bar_size)s AND report->'symbols' = to_jsonb(%(symbols)s::text[])
ORDER BY "timestamp" DESC, created_at DESC
LIMIT 1
