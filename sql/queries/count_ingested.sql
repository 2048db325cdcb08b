-- How many bars were ever stored of each symbol from each source, older versions among them, and the newest that there is.
SELECT symbol, source, sum(versions)::bigint AS count, max(latest) AS latest
FROM (SELECT symbol, source, count(*) AS versions, max("timestamp") AS latest FROM market_data GROUP BY symbol, source
      UNION ALL
      SELECT symbol, source, count(*), NULL FROM bar_revisions GROUP BY symbol, source) AS stored
GROUP BY symbol, source
ORDER BY symbol, source
