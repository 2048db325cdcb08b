SELECT coalesce(max(id), 0) FROM live_bars
