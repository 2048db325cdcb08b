"""Bars as they happen: a long-running process beside the asset graph, over the same tables, features and gate."""
