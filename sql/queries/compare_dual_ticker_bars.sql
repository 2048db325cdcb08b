-- What of the table "incoming" is new, changed or gone in dual_ticker_bars, into the table "difference"; counted by day.
WITH stored AS (
    SELECT * FROM dual_ticker_bars
    WHERE "timestamp" >= %(first)s AND "timestamp" < %(last)s AND symbol = ANY(%(symbols)s)
), found AS (
    INSERT INTO difference
    SELECT coalesce(incoming."timestamp", stored."timestamp"), coalesce(incoming.symbol, stored.symbol),
           incoming.open, incoming.high, incoming.low, incoming.close, incoming.volume, incoming.rsi,
           incoming.ema_short, incoming.ema_long, incoming.vwap, incoming.hour_sin, incoming.hour_cos,
           incoming.minute_sin, incoming.minute_cos,
           CASE WHEN stored.symbol IS NULL THEN 'added'
                WHEN incoming.symbol IS NULL THEN 'removed'
                ELSE 'revised' END AS kind
    FROM incoming
    FULL JOIN stored ON stored."timestamp" = incoming."timestamp" AND stored.symbol = incoming.symbol
    WHERE (incoming.open, incoming.high, incoming.low, incoming.close, incoming.volume, incoming.rsi,
           incoming.ema_short, incoming.ema_long, incoming.vwap, incoming.hour_sin, incoming.hour_cos,
           incoming.minute_sin, incoming.minute_cos)
          IS DISTINCT FROM
          (stored.open, stored.high, stored.low, stored.close, stored.volume, stored.rsi, stored.ema_short,
           stored.ema_long, stored.vwap, stored.hour_sin, stored.hour_cos, stored.minute_sin, stored.minute_cos)
      -- Between the days may lie others, which are left alone.
      AND (incoming.symbol IS NOT NULL
           OR stored."timestamp" < (%(lasts)s::timestamptz[])[width_bucket(stored."timestamp", %(firsts)s::timestamptz[])])
    RETURNING "timestamp", kind
)
SELECT width_bucket("timestamp", %(firsts)s::timestamptz[]) AS day,
       count(*) FILTER (WHERE kind = 'added'), count(*) FILTER (WHERE kind = 'revised'),
       count(*) FILTER (WHERE kind = 'removed'), 0
FROM found
GROUP BY day
