-- Rows of a frame that goes on: new ones are added, changed ones replaced, equal ones not touched.
WITH written AS (
    INSERT INTO dual_ticker_bars ("timestamp", symbol, open, high, low, close, volume, rsi, ema_short, ema_long, vwap,
                                  hour_sin, hour_cos, minute_sin, minute_cos)
    SELECT *
    FROM unnest(%(timestamp)s::timestamptz[], %(symbol)s::text[], %(open)s::numeric[], %(high)s::numeric[],
                %(low)s::numeric[], %(close)s::numeric[], %(volume)s::bigint[], %(rsi)s::float8[], %(ema_short)s::float8[],
                %(ema_long)s::float8[], %(vwap)s::float8[], %(hour_sin)s::float8[], %(hour_cos)s::float8[],
                %(minute_sin)s::float8[], %(minute_cos)s::float8[])
    ON CONFLICT ("timestamp", symbol) DO UPDATE
    SET open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume,
        rsi = excluded.rsi, ema_short = excluded.ema_short, ema_long = excluded.ema_long, vwap = excluded.vwap
    WHERE (dual_ticker_bars.open, dual_ticker_bars.high, dual_ticker_bars.low, dual_ticker_bars.close,
           dual_ticker_bars.volume, dual_ticker_bars.rsi, dual_ticker_bars.ema_short, dual_ticker_bars.ema_long,
           dual_ticker_bars.vwap)
          IS DISTINCT FROM
          (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume, excluded.rsi, excluded.ema_short,
           excluded.ema_long, excluded.vwap)
    RETURNING "timestamp"
)
SELECT min("timestamp") FROM written
