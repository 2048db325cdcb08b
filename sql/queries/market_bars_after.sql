-- The stored bars of a symbol from a moment on, as the simulated market.
SELECT "timestamp", open, high, low, close, volume
FROM market_data
WHERE symbol = %(symbol)s AND "timestamp" >= %(first)s AND "timestamp" < %(before)s
ORDER BY "timestamp"
