-- How many rows of each table are stored of each New York day of a range.
SELECT 'market_data' AS stored_in, ("timestamp" AT TIME ZONE 'America/New_York')::date AS day, count(*) AS stored
FROM market_data
WHERE symbol = ANY(%(symbols)s) AND "timestamp" >= %(first)s AND "timestamp" < %(last)s
GROUP BY day
UNION ALL
SELECT 'dual_ticker_bars', ("timestamp" AT TIME ZONE 'America/New_York')::date AS day, count(*)
FROM dual_ticker_bars
WHERE symbol = ANY(%(symbols)s) AND "timestamp" >= %(first)s AND "timestamp" < %(last)s
GROUP BY day
