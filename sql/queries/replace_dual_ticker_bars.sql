-- Make a day of dual_ticker_bars equal to the table "incoming". It is derived, so what it said before leaves no trace.
WITH gone AS (
    DELETE FROM dual_ticker_bars stored
    WHERE stored."timestamp" >= %(first)s AND stored."timestamp" < %(last)s AND stored.symbol = ANY(%(symbols)s)
      AND NOT EXISTS (SELECT FROM incoming WHERE incoming."timestamp" = stored."timestamp" AND incoming.symbol = stored.symbol)
    RETURNING 1
), revised AS (
    UPDATE dual_ticker_bars stored
    SET open = incoming.open, high = incoming.high, low = incoming.low, close = incoming.close,
        volume = incoming.volume, rsi = incoming.rsi, ema_short = incoming.ema_short, ema_long = incoming.ema_long,
        vwap = incoming.vwap, hour_sin = incoming.hour_sin, hour_cos = incoming.hour_cos,
        minute_sin = incoming.minute_sin, minute_cos = incoming.minute_cos
    FROM incoming
    WHERE stored."timestamp" = incoming."timestamp" AND stored.symbol = incoming.symbol
      AND stored."timestamp" >= %(first)s AND stored."timestamp" < %(last)s
      AND (stored.open, stored.high, stored.low, stored.close, stored.volume, stored.rsi, stored.ema_short,
           stored.ema_long, stored.vwap, stored.hour_sin, stored.hour_cos, stored.minute_sin, stored.minute_cos)
          IS DISTINCT FROM
          (incoming.open, incoming.high, incoming.low, incoming.close, incoming.volume, incoming.rsi, incoming.ema_short,
           incoming.ema_long, incoming.vwap, incoming.hour_sin, incoming.hour_cos, incoming.minute_sin,
           incoming.minute_cos)
    RETURNING 1
), added AS (
    INSERT INTO dual_ticker_bars ("timestamp", symbol, open, high, low, close, volume, rsi, ema_short, ema_long, vwap,
                                  hour_sin, hour_cos, minute_sin, minute_cos)
    SELECT "timestamp", symbol, open, high, low, close, volume, rsi, ema_short, ema_long, vwap,
           hour_sin, hour_cos, minute_sin, minute_cos
    FROM incoming
    WHERE NOT EXISTS (SELECT FROM dual_ticker_bars stored
                      WHERE stored."timestamp" = incoming."timestamp" AND stored.symbol = incoming.symbol)
    RETURNING 1
)
SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM revised), (SELECT count(*) FROM gone)
