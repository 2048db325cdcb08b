-- The newest judgement of each session of a range that was judged, newest session first: what failed or could not be
-- computed, and of a blocked session the bars that no feed gave.
SELECT session, action,
       ARRAY(SELECT concat_ws(' of ', finding->>'rule', finding->>'symbol')
             FROM jsonb_array_elements(findings) AS finding WHERE finding->>'verdict' IN ('FAIL', 'ERROR')) AS blocking,
       ARRAY(SELECT concat_ws(' of ', finding->>'rule', finding->>'symbol')
             FROM jsonb_array_elements(findings) AS finding WHERE finding->>'verdict' = 'ERROR') AS not_computed,
       (SELECT coalesce(jsonb_object_agg(finding->>'symbol', coalesce(finding->'spans', '[]')), '{}')
        FROM jsonb_array_elements(findings) AS finding
        WHERE action = 'BLOCK' AND finding->>'rule' = %(rule)s AND finding->>'symbol' IS NOT NULL) AS lacking
FROM (SELECT DISTINCT ON ("timestamp") "timestamp", session, action,
             CASE WHEN verdict IN ('FAIL', 'ERROR') THEN report->'findings' ELSE '[]' END AS findings
      FROM data_quality_reports
      WHERE "timestamp" BETWEEN %(first)s AND %(last)s AND environment = %(environment)s AND bar_size = %(bar_size)s
        AND report->'symbols' = to_jsonb(%(symbols)s::text[])
      ORDER BY "timestamp" DESC, created_at DESC) AS newest
ORDER BY "timestamp" DESC
