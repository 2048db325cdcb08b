-- What was told of the bars of a session, by time.
SELECT "timestamp", event FROM live_bars
WHERE "timestamp" >= %(open)s AND "timestamp" < %(close)s AND event IN ('published', 'withheld')
ORDER BY "timestamp"
