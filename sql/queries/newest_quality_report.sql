-- Whether a report is the newest that is kept of its session, environment, bar size and symbols, or ever was.
SELECT verdict, created_at,
       report = %(report)s::jsonb               AS this_one,
       bool_or(report = %(report)s::jsonb) OVER () AS once
FROM data_quality_reports
WHERE "timestamp" = %(timestamp)s AND environment = %(environment)s AND bar_size = %(bar_size)s
  AND report->'symbols' = (%(report)s::jsonb)->'symbols'
ORDER BY created_at DESC
LIMIT 1
