-- Of each report of a JSON array, what is newest of those kept of its session, environment, bar size and symbols:
-- whether that is the report itself, or an earlier one was. No row where none is kept.
SELECT judged.place - 1 AS place, kept.*
FROM ROWS FROM (unnest(%(timestamps)s::timestamptz[]), jsonb_array_elements(%(reports)s::jsonb))
     WITH ORDINALITY AS judged ("timestamp", report, place)
CROSS JOIN LATERAL (
    SELECT verdict, created_at, this_one, bool_or(this_one) OVER () AS once
    FROM (
        SELECT verdict, created_at, stored.report = judged.report AS this_one
        FROM data_quality_reports stored
        WHERE stored."timestamp" = judged."timestamp"
          AND stored."timestamp" BETWEEN %(first)s AND %(last)s
          AND environment = judged.report->>'environment' AND bar_size = judged.report->>'bar_size'
          AND stored.report->'symbols' = judged.report->'symbols'
        OFFSET 0  -- else the reports, which are long, are compared twice
    ) AS compared
    ORDER BY created_at DESC
    LIMIT 1
) AS kept
