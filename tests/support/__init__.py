"""What several tests share: servers to test against and the fixtures that hand them out.

Not here: tests, and expected values.
"""
