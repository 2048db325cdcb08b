-- Single bars as they come in: new ones are added, changed ones leave their old values in bar_revisions, equal ones are
-- not touched. For live minutes of many symbols, in one round trip.
WITH incoming AS (
    SELECT *
    FROM unnest(%(timestamp)s::timestamptz[], %(symbol)s::text[], %(open)s::numeric[], %(high)s::numeric[],
                %(low)s::numeric[], %(close)s::numeric[], %(volume)s::bigint[], %(source)s::text[], %(basis)s::text[],
                %(why)s::text[])
         AS given ("timestamp", symbol, open, high, low, close, volume, source, basis, why)
), stored AS (
    SELECT * FROM market_data
    WHERE "timestamp" BETWEEN %(first)s AND %(last)s AND symbol = ANY(%(symbol)s::text[])
), difference AS (
    SELECT incoming.*, stored.symbol IS NULL AS added,
           -- Why it was not the primary feed may change between two runs; the bar is the same.
           (incoming.open, incoming.high, incoming.low, incoming.close, incoming.volume, incoming.source, incoming.basis)
           IS DISTINCT FROM
           (stored.open, stored.high, stored.low, stored.close, stored.volume, stored.source, stored.basis) AS other
    FROM incoming LEFT JOIN stored USING ("timestamp", symbol)
    WHERE (incoming.open, incoming.high, incoming.low, incoming.close, incoming.volume, incoming.source, incoming.basis,
           incoming.why)
          IS DISTINCT FROM
          (stored.open, stored.high, stored.low, stored.close, stored.volume, stored.source, stored.basis, stored.why)
), traced AS (
    INSERT INTO bar_revisions ("timestamp", symbol, open, high, low, close, volume, source, basis, why, created_at, removed)
    SELECT "timestamp", symbol, stored.open, stored.high, stored.low, stored.close, stored.volume, stored.source,
           stored.basis, stored.why, stored.created_at, false
    FROM stored JOIN difference USING ("timestamp", symbol)
    WHERE difference.other
    RETURNING 1
), written AS (
    UPDATE market_data bar
    SET open = difference.open, high = difference.high, low = difference.low, close = difference.close,
        volume = difference.volume, source = difference.source, basis = difference.basis, why = difference.why,
        created_at = CASE WHEN difference.other THEN statement_timestamp() ELSE bar.created_at END
    FROM difference
    WHERE bar."timestamp" = difference."timestamp" AND bar.symbol = difference.symbol
      AND bar."timestamp" BETWEEN %(first)s AND %(last)s AND NOT difference.added
), added AS (
    INSERT INTO market_data ("timestamp", symbol, open, high, low, close, volume, source, basis, why)
    SELECT "timestamp", symbol, open, high, low, close, volume, source, basis, why FROM difference WHERE added
    RETURNING 1
)
SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM traced)
