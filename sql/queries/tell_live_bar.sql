-- Once for each bar, and none after a later one of its session.
INSERT INTO live_bars (event, "timestamp", session, missing, why)
SELECT %(event)s, %(timestamp)s, %(session)s, %(missing)s, %(why)s
WHERE NOT EXISTS (
    SELECT FROM live_bars
    WHERE event IN ('published', 'withheld') AND "timestamp" > %(timestamp)s AND "timestamp" < %(close)s
)
ON CONFLICT ("timestamp") WHERE event IN ('published', 'withheld') DO NOTHING
RETURNING id
