-- Keep a judgement, unless the newest one of the session, environment and bar size says the same.
INSERT INTO data_quality_reports ("timestamp", session, environment, bar_size, verdict, action, report)
SELECT %(timestamp)s, %(session)s, %(environment)s, %(bar_size)s, %(verdict)s, %(action)s, %(report)s::jsonb
WHERE %(report)s::jsonb IS DISTINCT FROM (
    SELECT report FROM data_quality_reports
    WHERE "timestamp" = %(timestamp)s AND environment = %(environment)s AND bar_size = %(bar_size)s
      AND report->'symbols' = (%(report)s::jsonb)->'symbols'
    ORDER BY created_at DESC LIMIT 1)
