-- The newest time before a moment of which both symbols have a frame row, and how long the stored bars are.
SELECT frame."timestamp", bar_size
FROM dual_ticker_bars frame CROSS JOIN stored_bar_size
WHERE frame.symbol = %(first)s AND frame."timestamp" < %(before)s
  AND EXISTS (SELECT FROM dual_ticker_bars other
              WHERE other."timestamp" = frame."timestamp" AND other.symbol = %(second)s)
ORDER BY frame."timestamp" DESC
LIMIT 1
