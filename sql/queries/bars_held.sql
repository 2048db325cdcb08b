-- Of which length the stored bars are, and which of some symbols have none at all. Most have bars in the range that is
-- about to be read, which the key answers at once; only the others are looked for in the whole history.
SELECT (SELECT bar_size FROM stored_bar_size) AS bar_size,
       ARRAY(
           SELECT symbol
           FROM unnest(%(symbols)s::text[]) AS asked (symbol)
           WHERE NOT EXISTS (
                   SELECT 1 FROM market_data
                   WHERE market_data.symbol = asked.symbol AND "timestamp" >= %(first)s AND "timestamp" < %(end)s)
             AND NOT EXISTS (SELECT 1 FROM market_data WHERE market_data.symbol = asked.symbol)
           ORDER BY symbol
       ) AS unknown
