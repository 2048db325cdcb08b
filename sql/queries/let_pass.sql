-- The symbols that a judgement of a session ever let pass, whichever desk's it was.
SELECT DISTINCT jsonb_array_elements_text(report->'symbols')
FROM data_quality_reports
WHERE "timestamp" = %(open)s AND action <> 'BLOCK'
