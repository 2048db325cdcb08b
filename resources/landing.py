"""The landing zone: vendor answers as they came, and the tables between two assets, on any fsspec file system.

Files appear whole or not at all. What is in them is the callers' matter.

```
raw/<feed>/<host>/<bar size>/<symbol>/<month>/<fetched at>.<ending>.gz
<asset>/<bar size>/<session>.parquet | .json
```
"""

import gzip
import io
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import fsspec
import pandas as pd

from resources.errors import NotLanded

STAMP = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True)
class RawAnswer:
    """A vendor's answer as it came, without the key."""

    fetched_at: pd.Timestamp
    text: str


class LandingZone:
    """Reads and writes the landing zone.

    Args:
        url: a folder, or an fsspec URL such as `s3://bucket/path`.

    """

    def __init__(self, url: str) -> None:
        self.files, self.root = fsspec.core.url_to_fs(url)

    def land_answer(self, shelf: str, ending: str, answer: RawAnswer) -> str:
        """Keep a vendor's answer on its shelf (`<feed>/<host>/<bar size>/<symbol>/<month>`); returns where."""
        name = f"{answer.fetched_at.tz_convert('UTC').strftime(STAMP)}.{ending}.gz"
        return self._write(f"raw/{shelf}/{name}", gzip.compress(answer.text.encode(), mtime=0))

    def latest_answer(self, shelf: str) -> RawAnswer | None:
        """The newest answer on the shelf, if there is any."""
        try:
            names = self.files.ls(f"{self.root}/raw/{shelf}", detail=False)
        except FileNotFoundError:
            return None
        newest = max((name for name in names if name.endswith(".gz")), default=None)
        if newest is None:
            return None
        fetched_at = datetime.strptime(newest.rsplit("/", 1)[-1].split("Z.")[0] + "Z", STAMP).replace(tzinfo=UTC)
        return RawAnswer(pd.Timestamp(fetched_at), gzip.decompress(self.files.cat_file(newest)).decode())

    def write_table(self, asset: str, bar_size: str, session: str, table: pd.DataFrame) -> str:
        """Write one asset's session as Parquet; returns where."""
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False, compression="zstd")
        return self._write(f"{asset}/{bar_size}/{session}.parquet", buffer.getvalue())

    def read_table(self, asset: str, bar_size: str, session: str) -> pd.DataFrame:
        """Read it back.

        Raises:
            NotLanded: no run has made it.

        """
        return pd.read_parquet(io.BytesIO(self._read(f"{asset}/{bar_size}/{session}.parquet")))

    def write_text(self, asset: str, bar_size: str, session: str, text: str) -> str:
        """Write one asset's session as JSON text; returns where."""
        return self._write(f"{asset}/{bar_size}/{session}.json", text.encode())

    def read_text(self, asset: str, bar_size: str, session: str) -> str:
        """Read it back.

        Raises:
            NotLanded: no run has made it.

        """
        return self._read(f"{asset}/{bar_size}/{session}.json").decode()

    def _write(self, name: str, content: bytes) -> str:
        """Write beside the final place and rename, so that nobody reads half a file."""
        path = f"{self.root}/{name}"
        unfinished = f"{path}.{uuid.uuid4().hex}.part"
        self.files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        self.files.pipe_file(unfinished, content)
        self.files.mv(unfinished, path)
        return str(self.files.unstrip_protocol(path))

    def _read(self, name: str) -> bytes:
        try:
            return bytes(self.files.cat_file(f"{self.root}/{name}"))
        except FileNotFoundError:
            asset, bar_size, file = name.split("/")
            raise NotLanded(
                f"No {asset} of {file.rsplit('.', 1)[0]} ({bar_size}) have been made yet: materialise them first."
            ) from None
