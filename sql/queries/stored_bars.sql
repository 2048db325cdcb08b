-- A session's bars as they are stored.
SELECT "timestamp", symbol, open::float8, high::float8, low::float8, close::float8, volume::float8, source, basis
FROM market_data
WHERE symbol = ANY(%(symbols)s) AND "timestamp" >= %(first)s AND "timestamp" < %(last)s
ORDER BY "timestamp", symbol
