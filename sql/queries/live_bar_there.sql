SELECT EXISTS (SELECT FROM live_bars WHERE event IN ('published', 'withheld') AND "timestamp" = %(timestamp)s)
