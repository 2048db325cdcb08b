SELECT verdict, count(*) FROM data_quality_reports GROUP BY verdict ORDER BY verdict
