-- What pictures of many sessions show: of each session's newest judgement the verdict and every missing minute.
SELECT session, verdict, action, coalesce(report->'accepted', 'null') <> 'null' AS accepted,
       (SELECT coalesce(jsonb_object_agg(finding->>'symbol', coalesce(finding->'held_against', '[]')), '{}')
        FROM jsonb_array_elements(report->'findings') AS finding
        WHERE finding->>'rule' = %(rule)s AND finding->>'symbol' IS NOT NULL) AS missing
FROM (SELECT DISTINCT ON ("timestamp") session, verdict, action, report
      FROM data_quality_reports
      WHERE "timestamp" BETWEEN %(first)s AND %(last)s AND environment = %(environment)s AND bar_size = %(bar_size)s
        AND report->'symbols' = to_jsonb(%(symbols)s::text[])
      ORDER BY "timestamp", created_at DESC) AS newest
ORDER BY session
