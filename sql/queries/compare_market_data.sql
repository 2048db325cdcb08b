-- What of the table "incoming" is new, changed or gone in market_data, into the table "difference"; counted by day.
WITH stored AS (
    SELECT * FROM market_data
    WHERE "timestamp" >= %(first)s AND "timestamp" < %(last)s AND symbol = ANY(%(symbols)s)
), found AS (
    INSERT INTO difference
    SELECT coalesce(incoming."timestamp", stored."timestamp"), coalesce(incoming.symbol, stored.symbol),
           incoming.open, incoming.high, incoming.low, incoming.close, incoming.volume, incoming.source,
           incoming.basis, incoming.why,
           CASE WHEN stored.symbol IS NULL THEN 'added'
                WHEN incoming.symbol IS NULL THEN 'removed'
                -- Why it was not the primary feed may change between two runs; the bar is the same.
                WHEN (incoming.open, incoming.high, incoming.low, incoming.close, incoming.volume, incoming.source,
                      incoming.basis)
                     IS NOT DISTINCT FROM
                     (stored.open, stored.high, stored.low, stored.close, stored.volume, stored.source, stored.basis)
                     THEN 'explained'
                ELSE 'revised' END AS kind
    FROM incoming
    FULL JOIN stored ON stored."timestamp" = incoming."timestamp" AND stored.symbol = incoming.symbol
    WHERE (incoming.open, incoming.high, incoming.low, incoming.close, incoming.volume, incoming.source,
           incoming.basis, incoming.why)
          IS DISTINCT FROM
          (stored.open, stored.high, stored.low, stored.close, stored.volume, stored.source, stored.basis,
           stored.why)
      -- Between the days may lie others, which are left alone.
      AND (incoming.symbol IS NOT NULL
           OR stored."timestamp" < (%(lasts)s::timestamptz[])[width_bucket(stored."timestamp", %(firsts)s::timestamptz[])])
    RETURNING "timestamp", kind
)
SELECT width_bucket("timestamp", %(firsts)s::timestamptz[]) AS day,
       count(*) FILTER (WHERE kind = 'added'), count(*) FILTER (WHERE kind = 'revised'),
       count(*) FILTER (WHERE kind = 'removed'), count(*) FILTER (WHERE kind = 'explained')
FROM found
GROUP BY day
