"""`intraday export`: stored bars into a file, as a stream.

What is read is `resources.database.bar_reader`'s matter, what a file looks like `resources.bar_files`'.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from market.time_range import TimeRange, time_range
from resources.bar_files import FileFormat, prices_in, write_bars
from resources.database.bar_reader import BarLength, BarsWanted, read_bars
from resources.database.server import find_server
from resources.errors import NotWritten, RequestNotUnderstood
from resources.landing import durable_file
from resources.part_files import remove_abandoned
from resources.settings import load_settings
from schemas.words import counted

STDOUT = "-"
NOTHING = 1


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    symbols: Sequence[str]
    """Those of the desk when there are none."""
    start: str
    end: str
    bar_size: BarLength
    file_format: str | None
    """None: that of the file's ending; CSV on stdout."""
    output: str
    exact: bool
    force: bool


def export(asked: Asked, console: Console) -> int:
    """The command: 0 when the file is written, 1 when there are no bars and so no file.

    Args:
        asked: the command line.
        console: stderr, for progress and the summary.

    """
    begun = time.monotonic()
    settings = load_settings()
    file_format = _file_format(asked)
    if asked.output != STDOUT:
        _refuse_place(Path(asked.output), force=asked.force)
    wanted = BarsWanted(
        symbols=tuple(symbol.strip().upper() for symbol in asked.symbols) or settings.symbols,
        range=time_range(asked.start, asked.end),
        bar_size=asked.bar_size,
        prices=prices_in(file_format, exact=asked.exact),
    )
    reader = _unless_empty(read_bars(find_server(settings.home), wanted))
    if reader is None:
        about = f"{asked.bar_size} bars of {', '.join(wanted.symbols)} from {asked.start} to {asked.end}"
        console.print(f"There are no {about}: nothing was written.", highlight=False)
        return NOTHING
    if asked.output == STDOUT:
        return _to_stdout(reader, file_format)
    path = Path(asked.output)
    remove_abandoned(path.parent, path.name)
    try:
        with _progress(wanted.range, console) as seen, durable_file(path) as file:
            rows = write_bars(reader, file, file_format, seen)
    except OSError as error:
        raise NotWritten(
            f"{path} cannot be written ({error.strerror or error}): name another place with --output, or make this one "
            "writable and large enough."
        ) from error
    size = path.stat().st_size / 1e6
    said = f"{counted(rows, 'row')}, {size:,.1f} MB, {time.monotonic() - begun:.1f} s: {path}"
    console.print(said, highlight=False, markup=False, soft_wrap=True)
    return 0


def _file_format(asked: Asked) -> FileFormat:
    ending = "csv" if asked.output == STDOUT else Path(asked.output).suffix.removeprefix(".")
    given = asked.file_format or ending
    if given not in list(FileFormat):
        raise RequestNotUnderstood(
            f"The ending of {asked.output} names no format: give --format, one of {', '.join(FileFormat)}."
        )
    if asked.output == STDOUT and given != FileFormat.CSV:
        raise RequestNotUnderstood(
            f"{given} needs a place in the file where it can go back to: only csv goes to stdout."
        )
    return FileFormat(given)


def _refuse_place(path: Path, *, force: bool) -> None:
    if not path.parent.is_dir():
        raise RequestNotUnderstood(f"{path} cannot be written: there is no folder {path.parent}.")
    if path.is_dir():
        raise RequestNotUnderstood(f"{path} is a folder; --output is the name of a file.")
    if (path.exists() or path.is_symlink()) and (path.is_symlink() or not path.is_file()):
        raise RequestNotUnderstood(f"{path} is a link or a device; --output is the name of a file.")
    if path.exists() and not force:
        raise RequestNotUnderstood(f"{path} exists already; --force replaces it.")


def _unless_empty(reader: pa.RecordBatchReader) -> pa.RecordBatchReader | None:
    first = next(reader, None)
    if first is None:
        return None

    def all_of_it() -> Iterator[pa.RecordBatch]:
        yield first
        yield from reader

    return pa.RecordBatchReader.from_batches(reader.schema, all_of_it())


def _to_stdout(reader: pa.RecordBatchReader, file_format: FileFormat) -> int:
    try:
        write_bars(reader, sys.stdout.buffer, file_format, lambda _: None)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has enough, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


@contextmanager
def _progress(wanted: TimeRange, console: Console) -> Iterator[Callable[[pa.RecordBatch], None]]:
    """A bar that moves with the time of the last bar that was written, for the rows are not counted before."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("exporting", total=(wanted.end - wanted.first).total_seconds(), rows=0)
        rows = 0

        def seen(batch: pa.RecordBatch) -> None:
            nonlocal rows
            rows += batch.num_rows
            done = batch.column("timestamp")[-1].as_py() - wanted.first
            progress.update(task, completed=done.total_seconds(), rows=rows)

        yield seen
