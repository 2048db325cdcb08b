-- How often each rule found a failure, in all reports that are kept.
SELECT finding->>'rule' AS rule, count(*)
FROM data_quality_reports
CROSS JOIN LATERAL jsonb_array_elements(report->'findings') AS finding
WHERE verdict IN ('FAIL', 'ERROR') AND finding->>'verdict' IN ('FAIL', 'ERROR')
GROUP BY rule
ORDER BY rule
