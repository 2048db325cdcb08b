"""Files of bars in the shapes that people keep them in: bytes in, vendor rows out. Pure.

A shape a module; which one a file has is told from what is in it. Which file of a folder is read, and when, is
`resources.feeds.files`'s matter; what a row means for a session is `market.normalise`'s.
"""

from resources.feeds.file_formats.parsing import parse_file
from resources.feeds.file_formats.table import FileRows

__all__ = ["FileRows", "parse_file"]
