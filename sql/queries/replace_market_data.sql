-- Write the table "difference" to market_data. Rows that are gone go, changed rows change, both leave their old values in
-- bar_revisions.
WITH old AS (
    SELECT stored.*, difference.kind
    FROM difference JOIN market_data stored USING ("timestamp", symbol)
    WHERE stored."timestamp" >= %(first)s AND stored."timestamp" < %(last)s AND difference.kind IN ('revised', 'removed')
), traced AS (
    INSERT INTO bar_revisions ("timestamp", symbol, open, high, low, close, volume, source, basis, why, created_at, removed)
    SELECT "timestamp", symbol, open, high, low, close, volume, source, basis, why, created_at, kind = 'removed' FROM old
), gone AS (
    DELETE FROM market_data stored
    USING difference
    WHERE stored."timestamp" = difference."timestamp" AND stored.symbol = difference.symbol
      AND stored."timestamp" >= %(first)s AND stored."timestamp" < %(last)s AND difference.kind = 'removed'
    RETURNING 1
), written AS (
    UPDATE market_data stored
    SET open = difference.open, high = difference.high, low = difference.low, close = difference.close,
        volume = difference.volume, source = difference.source, basis = difference.basis, why = difference.why,
        created_at = CASE WHEN difference.kind = 'revised' THEN statement_timestamp() ELSE stored.created_at END
    FROM difference
    WHERE stored."timestamp" = difference."timestamp" AND stored.symbol = difference.symbol
      AND stored."timestamp" >= %(first)s AND stored."timestamp" < %(last)s
      AND difference.kind IN ('revised', 'explained')
    RETURNING difference.kind
), added AS (
    INSERT INTO market_data ("timestamp", symbol, open, high, low, close, volume, source, basis, why)
    SELECT "timestamp", symbol, open, high, low, close, volume, source, basis, why
    FROM difference
    WHERE kind = 'added'
    RETURNING 1
)
SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM written WHERE kind = 'revised'),
       (SELECT count(*) FROM gone), (SELECT count(*) FROM written WHERE kind = 'explained')
