-- A row per symbol and New York day that has bars: how many, first and last, where from, and where within the day bars are
-- missing: the bars on both sides of each gap. The calendar is not known here.
WITH bar AS (
    SELECT symbol, "timestamp", source, ("timestamp" AT TIME ZONE 'America/New_York')::date AS day
    FROM market_data
    WHERE "timestamp" >= %(first)s AND "timestamp" < %(last)s
      AND (cardinality(%(symbols)s::text[]) = 0 OR symbol = ANY(%(symbols)s::text[]))
), stepped AS (
    SELECT symbol, day, source, "timestamp",
           lag("timestamp") OVER (PARTITION BY symbol, day ORDER BY "timestamp") AS before
    FROM bar
)
SELECT symbol, day, count(*) AS rows, min("timestamp") AS first, max("timestamp") AS last,
       array_agg(DISTINCT source ORDER BY source) AS sources,
       coalesce(array_agg(before ORDER BY before) FILTER (WHERE "timestamp" - before > %(bar_size)s::interval), '{}')
           AS gap_begins,
       coalesce(array_agg("timestamp" ORDER BY before) FILTER (WHERE "timestamp" - before > %(bar_size)s::interval), '{}')
           AS gap_ends
FROM stepped
GROUP BY symbol, day
ORDER BY symbol, day
