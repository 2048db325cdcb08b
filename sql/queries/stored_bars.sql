-- The bars that are stored of some days, each with the day's place among them. The bounds of all days let the planner
-- leave out the chunks in which none of them lies.
SELECT day.place, bar."timestamp", bar.symbol, bar.open::float8, bar.high::float8, bar.low::float8, bar.close::float8,
       bar.volume::float8, bar.source, bar.basis
FROM unnest(%(firsts)s::timestamptz[], %(lasts)s::timestamptz[]) WITH ORDINALITY AS day (first, last, place)
JOIN market_data bar ON bar."timestamp" >= day.first AND bar."timestamp" < day.last
WHERE bar.symbol = ANY(%(symbols)s) AND bar."timestamp" >= %(first)s AND bar."timestamp" < %(last)s
ORDER BY day.place, bar."timestamp", bar.symbol
