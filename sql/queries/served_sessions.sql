-- Of some sessions: whether the gate ever let one pass (null: it has not judged it), and which of its bars were withheld while
-- it went on.
SELECT judged.passed, told.withheld
FROM unnest(%(opens)s::timestamptz[], %(closes)s::timestamptz[]) WITH ORDINALITY AS day (open, close, place)
CROSS JOIN LATERAL (
    SELECT bool_or(action <> 'BLOCK') AS passed
    FROM data_quality_reports report
    WHERE report."timestamp" = day.open AND report."timestamp" BETWEEN %(first)s AND %(last)s
      AND report.report->'symbols' @> to_jsonb(%(pair)s::text[])
) AS judged
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg("timestamp"), '{}') AS withheld
    FROM live_bars
    WHERE event = 'withheld' AND "timestamp" >= day.open AND "timestamp" < day.close
) AS told
ORDER BY day.place
