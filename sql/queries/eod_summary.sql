-- One row per day and symbol of the bars that are stored of it.
SELECT day.session, asked.symbol, stored.*
FROM unnest(%(sessions)s::text[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
     WITH ORDINALITY AS day (session, first, last, place)
CROSS JOIN unnest(%(symbols)s::text[]) WITH ORDINALITY AS asked (symbol, place)
CROSS JOIN LATERAL (
    SELECT count(*)                                                      AS bars_stored,
           (array_agg(bar.open ORDER BY bar."timestamp"))[1]             AS open,
           max(bar.high)                                                 AS high,
           min(bar.low)                                                  AS low,
           (array_agg(bar.close ORDER BY bar."timestamp" DESC))[1]       AS close,
           coalesce(sum(bar.volume), 0)                                  AS volume,
           (sum(bar.close * bar.volume) / nullif(sum(bar.volume), 0))::double precision AS vwap
    FROM market_data bar
    WHERE bar.symbol = asked.symbol AND bar."timestamp" >= day.first AND bar."timestamp" < day.last
      AND bar."timestamp" >= %(first)s AND bar."timestamp" < %(last)s
) AS stored
ORDER BY day.place, asked.place
