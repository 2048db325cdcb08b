-- The newest judgement of each session of a range, and how many rows of it are stored.
SELECT newest.session, newest.verdict, newest.report,
       (SELECT count(*) FROM market_data bar
        WHERE bar.symbol = ANY(%(symbols)s) AND bar."timestamp" >= (newest.session::timestamp AT TIME ZONE 'America/New_York')
          AND bar."timestamp" < ((newest.session + 1)::timestamp AT TIME ZONE 'America/New_York')) AS stored
FROM (SELECT DISTINCT ON ("timestamp") session, verdict, report
      FROM data_quality_reports
      WHERE session = ANY(%(sessions)s::date[]) AND environment = %(environment)s AND bar_size = %(bar_size)s
        AND report->'symbols' = to_jsonb(%(symbols)s::text[])
        AND "timestamp" >= %(first)s AND "timestamp" <= %(last)s
      ORDER BY "timestamp", created_at DESC) AS newest
ORDER BY newest.session
