"""What is true of bars, whoever moves them.

Pure functions over tables: sessions, normalisation, alignment, features, quality rules. No clocks, files, sockets or
Dagster.
"""
