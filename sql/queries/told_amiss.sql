-- The bars of a session of which consumers of live were not told in time, or without a symbol.
SELECT "timestamp" AS start, event = 'withheld' AS withheld, missing
FROM live_bars
WHERE "timestamp" >= %(open)s AND "timestamp" < %(close)s AND event IN ('published', 'withheld')
  AND (event = 'withheld' OR missing <> '{}')
ORDER BY "timestamp"
