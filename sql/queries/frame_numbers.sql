-- The frame rows of two symbols, for arrays, in the order of the key: those of one time in that of the database's collation. Filled in by resources/database/observation_reader.py.
SELECT "timestamp", symbol = {second} AS second, {numbers}
FROM dual_ticker_bars
WHERE symbol = ANY({symbols}) AND "timestamp" >= {first} AND "timestamp" < {end}
ORDER BY "timestamp", symbol
