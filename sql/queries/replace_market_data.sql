-- Make a day of market_data equal to the table "incoming". Rows that are gone go, changed rows change, both leave their
-- old values in bar_revisions; equal rows are not touched.
WITH gone AS (
    DELETE FROM market_data stored
    WHERE stored."timestamp" >= %(first)s AND stored."timestamp" < %(last)s AND stored.symbol = ANY(%(symbols)s)
      AND NOT EXISTS (SELECT FROM incoming WHERE incoming."timestamp" = stored."timestamp" AND incoming.symbol = stored.symbol)
    RETURNING stored.*
), changed AS (
    SELECT stored.*
    FROM market_data stored JOIN incoming USING ("timestamp", symbol)
    WHERE stored."timestamp" >= %(first)s AND stored."timestamp" < %(last)s
      -- Why it was not the primary feed may change between two runs; the bar is the same.
      AND (stored.open, stored.high, stored.low, stored.close, stored.volume, stored.source, stored.basis)
          IS DISTINCT FROM (incoming.open, incoming.high, incoming.low, incoming.close, incoming.volume, incoming.source,
                            incoming.basis)
), traced AS (
    INSERT INTO bar_revisions ("timestamp", symbol, open, high, low, close, volume, source, basis, why, created_at, removed)
    SELECT "timestamp", symbol, open, high, low, close, volume, source, basis, why, created_at, true FROM gone
    UNION ALL
    SELECT "timestamp", symbol, open, high, low, close, volume, source, basis, why, created_at, false FROM changed
), revised AS (
    UPDATE market_data stored
    SET open = incoming.open, high = incoming.high, low = incoming.low, close = incoming.close,
        volume = incoming.volume, source = incoming.source, basis = incoming.basis, why = incoming.why, created_at = now()
    FROM incoming JOIN changed USING ("timestamp", symbol)
    WHERE stored."timestamp" = incoming."timestamp" AND stored.symbol = incoming.symbol
      AND stored."timestamp" >= %(first)s AND stored."timestamp" < %(last)s
    RETURNING 1
), explained AS (
    UPDATE market_data stored
    SET why = incoming.why
    FROM incoming
    WHERE stored."timestamp" = incoming."timestamp" AND stored.symbol = incoming.symbol
      AND stored."timestamp" >= %(first)s AND stored."timestamp" < %(last)s
      AND stored.why IS DISTINCT FROM incoming.why
      AND NOT EXISTS (SELECT FROM changed WHERE changed."timestamp" = stored."timestamp" AND changed.symbol = stored.symbol)
), added AS (
    INSERT INTO market_data ("timestamp", symbol, open, high, low, close, volume, source, basis, why)
    SELECT "timestamp", symbol, open, high, low, close, volume, source, basis, why FROM incoming
    WHERE NOT EXISTS (SELECT FROM market_data stored
                      WHERE stored."timestamp" = incoming."timestamp" AND stored.symbol = incoming.symbol)
    RETURNING 1
)
SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM revised), (SELECT count(*) FROM gone)
