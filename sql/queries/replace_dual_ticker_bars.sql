-- Write the table "difference" to dual_ticker_bars. It is derived, so what it said before leaves no trace.
WITH gone AS (
    DELETE FROM dual_ticker_bars stored
    USING difference
    WHERE stored."timestamp" = difference."timestamp" AND stored.symbol = difference.symbol
      AND stored."timestamp" >= %(first)s AND stored."timestamp" < %(last)s AND difference.kind = 'removed'
    RETURNING 1
), revised AS (
    UPDATE dual_ticker_bars stored
    SET open = difference.open, high = difference.high, low = difference.low, close = difference.close,
        volume = difference.volume, rsi = difference.rsi, ema_short = difference.ema_short,
        ema_long = difference.ema_long, vwap = difference.vwap, hour_sin = difference.hour_sin,
        hour_cos = difference.hour_cos, minute_sin = difference.minute_sin, minute_cos = difference.minute_cos
    FROM difference
    WHERE stored."timestamp" = difference."timestamp" AND stored.symbol = difference.symbol
      AND stored."timestamp" >= %(first)s AND stored."timestamp" < %(last)s AND difference.kind = 'revised'
    RETURNING 1
), added AS (
    INSERT INTO dual_ticker_bars ("timestamp", symbol, open, high, low, close, volume, rsi, ema_short, ema_long, vwap,
                                  hour_sin, hour_cos, minute_sin, minute_cos)
    SELECT "timestamp", symbol, open, high, low, close, volume, rsi, ema_short, ema_long, vwap,
           hour_sin, hour_cos, minute_sin, minute_cos
    FROM difference
    WHERE kind = 'added'
    RETURNING 1
)
SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM revised), (SELECT count(*) FROM gone), 0
