"""What people and Prometheus see of a desk: health, metrics, a dashboard, all of it read from stored state.

Nothing here changes anything, and nothing here knows the asset graph, the live process or the order management system.
"""
