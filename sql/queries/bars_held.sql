-- What a reader of bars has to know first: of which length the stored ones are; the newest migration; how longer ones are made
-- of a part of them (null where TimescaleDB finds that part by itself, or none are asked for); and which of some symbols have
-- none at all. Most have bars in the range that is about to be read, which the key answers at once; only the others are
-- looked for in the whole history.
SELECT (SELECT bar_size FROM stored_bar_size) AS bar_size,
       (SELECT max(number) FROM schema_migrations) AS newest,
       (SELECT longer_bars_query(in_postgresql, %(bounded)s) FROM longer_bars()
        WHERE name = %(view)s AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')) AS longer,
       ARRAY(
           SELECT symbol
           FROM unnest(%(symbols)s::text[]) AS asked (symbol)
           WHERE NOT EXISTS (
                   SELECT 1 FROM market_data
                   WHERE market_data.symbol = asked.symbol AND "timestamp" >= %(first)s AND "timestamp" < %(end)s)
             AND NOT EXISTS (SELECT 1 FROM market_data WHERE market_data.symbol = asked.symbol)
           ORDER BY symbol
       ) AS unknown
