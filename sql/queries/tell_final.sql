-- That sessions of which consumers were told bars are the batch run's from now on.
INSERT INTO live_bars (event, "timestamp", session)
SELECT 'final', day.open, day.session
FROM unnest(%(opens)s::timestamptz[], %(closes)s::timestamptz[], %(days)s::date[]) AS day (open, close, session)
WHERE EXISTS (
    SELECT FROM live_bars
    WHERE "timestamp" >= day.open AND "timestamp" < day.close AND event IN ('published', 'withheld')
)
ORDER BY day.open
