-- The bars that are stored of some days, each with the day's place among them. The bounds of all days let the planner
-- leave out the chunks in which none of them lies.
WITH day AS (
    SELECT * FROM unnest(%(firsts)s::timestamptz[], %(lasts)s::timestamptz[]) WITH ORDINALITY AS day (first, last, place)
), passed AS MATERIALIZED (   -- what a judgement ever let be stored
    SELECT DISTINCT day.place, jsonb_array_elements_text(report.report->'symbols') AS symbol
    FROM day JOIN data_quality_reports report ON report."timestamp" >= day.first AND report."timestamp" < day.last
    WHERE report.action <> 'BLOCK' AND NOT %(unjudged)s
)
SELECT day.place, bar."timestamp", bar.symbol, bar.open::float8, bar.high::float8, bar.low::float8, bar.close::float8,
       bar.volume::float8, bar.source, bar.basis
FROM day
JOIN market_data bar ON bar."timestamp" >= day.first AND bar."timestamp" < day.last
WHERE (%(unjudged)s OR (day.place, bar.symbol) IN (SELECT place, symbol FROM passed))
  AND bar.symbol = ANY(%(symbols)s) AND bar."timestamp" >= %(first)s AND bar."timestamp" < %(last)s
ORDER BY day.place, bar."timestamp", bar.symbol
