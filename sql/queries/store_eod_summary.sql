-- Keep one summary row; an equal one is left alone.
INSERT INTO eod_summaries (session, symbol, verdict, minutes_expected, bars_stored, bars_missing,
                           open, high, low, close, volume, vwap)
VALUES (%(session)s, %(symbol)s, %(verdict)s, %(minutes_expected)s, %(bars_stored)s, %(bars_missing)s,
        %(open)s, %(high)s, %(low)s, %(close)s, %(volume)s, %(vwap)s)
ON CONFLICT (session, symbol) DO UPDATE
SET verdict = excluded.verdict, minutes_expected = excluded.minutes_expected, bars_stored = excluded.bars_stored,
    bars_missing = excluded.bars_missing, open = excluded.open, high = excluded.high, low = excluded.low,
    close = excluded.close, volume = excluded.volume, vwap = excluded.vwap, created_at = now()
WHERE (eod_summaries.verdict, eod_summaries.minutes_expected, eod_summaries.bars_stored, eod_summaries.bars_missing,
       eod_summaries.open, eod_summaries.high, eod_summaries.low, eod_summaries.close, eod_summaries.volume,
       eod_summaries.vwap)
      IS DISTINCT FROM
      (excluded.verdict, excluded.minutes_expected, excluded.bars_stored, excluded.bars_missing,
       excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume, excluded.vwap)
