-- Of some sessions, in their order: whether any bar is stored, the newest verdict (null: none), whether that keeps them out,
-- whether their day was summed up.
-- The bounds of all of them let the planner leave out the chunks in which none of them lies.
SELECT EXISTS (SELECT FROM market_data bar
               WHERE bar.symbol = ANY(%(symbols)s) AND bar."timestamp" >= day.open AND bar."timestamp" < day.close
                 AND bar."timestamp" >= %(first)s AND bar."timestamp" < %(last)s) AS stored,
       newest.verdict, coalesce(newest.action = 'BLOCK', false) AS blocked,
       EXISTS (SELECT FROM eod_summaries eod WHERE eod.session = day.session AND eod.symbol = ANY(%(symbols)s)) AS summed_up
FROM unnest(%(sessions)s::date[], %(opens)s::timestamptz[], %(closes)s::timestamptz[])
     WITH ORDINALITY AS day (session, open, close, place)
     LEFT JOIN LATERAL (
        SELECT verdict, action FROM data_quality_reports report
        WHERE report."timestamp" = day.open AND report."timestamp" BETWEEN %(first)s AND %(last)s
          AND environment = %(environment)s AND bar_size = %(bar_size)s
          AND report.report->'symbols' = to_jsonb(%(symbols)s::text[])
        ORDER BY created_at DESC LIMIT 1) newest ON true
ORDER BY day.place
