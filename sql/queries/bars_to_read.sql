-- Bars for a consumer: `bars` is market_data or one of the views of longer bars. Filled in by resources/database/bar_reader.py.
SELECT {columns}
FROM {bars}
WHERE symbol = ANY({symbols}) AND "timestamp" >= {first} AND "timestamp" < {end}
ORDER BY "timestamp", symbol
