"""Bars as a file: CSV, Parquet or Arrow, written batch by batch.

Where the bars come from does not belong here, nor how a file comes to be whole (`resources.landing.durable_file`).
"""

from collections.abc import Callable
from enum import StrEnum
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from resources.database.bar_reader import Prices
from resources.errors import RequestNotUnderstood, first_line


class FileFormat(StrEnum):
    """What kind of file."""

    PARQUET = "parquet"
    CSV = "csv"
    ARROW = "arrow"


ISO_SECONDS = "%Y-%m-%dT%H:%M:%S+00:00"


def prices_in(file_format: FileFormat, *, exact: bool) -> Prices:
    """In which form prices go into a file: the stored digits in CSV, else float64 unless they are to be exact."""
    if file_format is FileFormat.CSV:
        return Prices.TEXT
    return Prices.DECIMAL if exact else Prices.FLOAT


def write_bars(
    reader: pa.RecordBatchReader, file: IO[bytes], file_format: FileFormat, seen: Callable[[pa.RecordBatch], None]
) -> int:
    """Write all bars of a reader to an open file; returns how many.

    Parquet is compressed with zstd, Arrow (IPC file, what pandas calls Feather) with LZ4; both keep the metadata of
    the reader's schema. CSV has a header and times as ISO 8601 in UTC.

    Args:
        reader: as `resources.database.bar_reader.read_bars` gives it.
        file: stays open.
        file_format: the kind.
        seen: is called with each batch after it is written.

    Raises:
        RequestNotUnderstood: a symbol that CSV without quotes cannot hold.

    """
    rows = 0
    with _writer(reader.schema, file, file_format) as writer:
        for batch in reader:
            if file_format is FileFormat.CSV:
                _write_csv(writer, batch)
            else:
                writer.write_batch(batch)
            rows += batch.num_rows
            seen(batch)
    return rows


def _writer(schema: pa.Schema, file: IO[bytes], file_format: FileFormat) -> Any:
    if file_format is FileFormat.PARQUET:
        return pq.ParquetWriter(file, schema, compression="zstd")
    if file_format is FileFormat.ARROW:
        return pa.ipc.new_file(file, schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))
    times = schema.set(0, pa.field("timestamp", pa.string()))
    # Arrow quotes every text or none; one that would need it, which no symbol or feed does, is refused.
    return pa_csv.CSVWriter(file, times, write_options=pa_csv.WriteOptions(quoting_style="none", quoting_header="none"))


def _write_csv(writer: Any, batch: pa.RecordBatch) -> None:
    lines = _with_iso_times(batch)
    try:
        writer.write_batch(lines)
    except pa.ArrowInvalid as error:
        why = first_line(error).rpartition("Invalid value: ")[2]
        raise RequestNotUnderstood(
            f"{why!r} has no place in CSV, which is written without quotes: take parquet or arrow."
        ) from None


def _with_iso_times(batch: pa.RecordBatch) -> pa.RecordBatch:
    seconds = pc.cast(batch.column("timestamp"), pa.timestamp("s", "UTC"))  # bars start on whole seconds; else it fails
    return batch.set_column(0, "timestamp", pc.strftime(seconds, ISO_SECONDS))
