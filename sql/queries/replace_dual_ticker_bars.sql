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
      AND ROW(stored.*) IS DISTINCT FROM ROW(incoming.*)
    RETURNING 1
), added AS (
    INSERT INTO dual_ticker_bars
    SELECT * FROM incoming
    WHERE NOT EXISTS (SELECT FROM dual_ticker_bars stored
                      WHERE stored."timestamp" = incoming."timestamp" AND stored.symbol = incoming.symbol)
    RETURNING 1
)
SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM revised), (SELECT count(*) FROM gone),
       (SELECT count(*) FROM incoming)
