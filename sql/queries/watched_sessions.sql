-- Of some sessions: the symbols of which bars are stored, and the newest judgement of a desk.
SELECT held.symbols, newest.verdict, newest.action, newest.accepted, newest.judged_at
FROM unnest(%(opens)s::timestamptz[], %(closes)s::timestamptz[]) WITH ORDINALITY AS day (open, close, place)
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(asked.symbol ORDER BY asked.place), '{}') AS symbols
    FROM unnest(%(symbols)s::text[]) WITH ORDINALITY AS asked (symbol, place)
    WHERE EXISTS (SELECT FROM market_data bar
                  WHERE bar.symbol = asked.symbol AND bar."timestamp" >= day.open AND bar."timestamp" < day.close
                    AND bar."timestamp" >= %(first)s AND bar."timestamp" < %(last)s)
) AS held
LEFT JOIN LATERAL (
    SELECT verdict, action, coalesce(report->'accepted', 'null') <> 'null' AS accepted, created_at AS judged_at
    FROM data_quality_reports
    WHERE "timestamp" = day.open AND "timestamp" >= %(first)s AND "timestamp" < %(last)s
      AND environment = %(environment)s AND bar_size = %(bar_size)s AND report->'symbols' = to_jsonb(%(symbols)s::text[])
    ORDER BY created_at DESC
    LIMIT 1
) AS newest ON true
ORDER BY day.place
