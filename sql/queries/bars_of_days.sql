-- Of each session and symbol how many bars are stored, and the start of the last one.
SELECT day.session, asked.symbol, stored.bars, stored.last
FROM unnest(%(sessions)s::text[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[]) AS day (session, first, last)
CROSS JOIN unnest(%(symbols)s::text[]) AS asked (symbol)
CROSS JOIN LATERAL (
    SELECT count(*) AS bars, max(bar."timestamp") AS last
    FROM market_data bar
    WHERE bar.symbol = asked.symbol AND bar."timestamp" >= day.first AND bar."timestamp" < day.last
      AND bar."timestamp" >= %(first)s AND bar."timestamp" < %(last)s
) AS stored
