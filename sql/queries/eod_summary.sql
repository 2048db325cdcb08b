-- One row per symbol of the bars that are stored of a day.
SELECT asked.symbol,
       count(bar."timestamp")                                        AS bars_stored,
       (array_agg(bar.open ORDER BY bar."timestamp"))[1]             AS open,
       max(bar.high)                                                 AS high,
       min(bar.low)                                                  AS low,
       (array_agg(bar.close ORDER BY bar."timestamp" DESC))[1]       AS close,
       coalesce(sum(bar.volume), 0)                                  AS volume,
       (sum(bar.close * bar.volume) / nullif(sum(bar.volume), 0))::double precision AS vwap
FROM unnest(%(symbols)s::text[]) WITH ORDINALITY AS asked (symbol, place)
LEFT JOIN market_data bar
       ON bar.symbol = asked.symbol AND bar."timestamp" >= %(first)s AND bar."timestamp" < %(last)s
GROUP BY asked.symbol, asked.place
ORDER BY asked.place
