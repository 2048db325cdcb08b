"""Column schemas and lineage of the assets, as metadata for the UI, derived from the Pandera models."""

from collections.abc import Mapping

import dagster as dg
import pandera.pandas as pa

from schemas.tables import BAR_VALUES, Bars, EodSummary, Frame

Origins = Mapping[str, tuple[tuple[str, str], ...]]

TYPICAL_PRICE = tuple(("bars", name) for name in ("high", "low", "close", "volume"))

FRAME_ORIGINS: Origins = {
    **{name: (("bars", name),) for name in ("timestamp", "symbol", *BAR_VALUES)},
    **dict.fromkeys(("rsi", "ema_short", "ema_long"), (("bars", "close"),)),
    "vwap": TYPICAL_PRICE,
    **dict.fromkeys(("hour_sin", "hour_cos", "minute_sin", "minute_cos"), (("bars", "timestamp"),)),
}
MARKET_DATA_ORIGINS: Origins = {name: (("bars", name),) for name in ("timestamp", "symbol", *BAR_VALUES, "source")}
DUAL_TICKER_ORIGINS: Origins = {name: (("frames", name),) for name in FRAME_ORIGINS}
REPORT_ORIGINS: Origins = {
    "timestamp": (("bars", "timestamp"),),
    "verdict": (("bars", "mark"), ("frames", "missing")),
    "action": (("bars", "mark"), ("frames", "missing")),
}
EOD_ORIGINS: Origins = {
    **{name: (("market_data", name),) for name in ("symbol", "open", "high", "low", "close", "volume")},
    "vwap": (("market_data", "close"), ("market_data", "volume")),
    "bars_stored": (("market_data", "timestamp"),),
    "verdict": (("quality_reports", "verdict"),),
}


def model_columns(model: type[pa.DataFrameModel], only: Origins | None = None) -> dg.TableSchema:
    """A Pandera model as Dagster's table schema; `only` keeps the columns that it names."""
    columns = model.to_schema().columns
    kept = [column for name, column in columns.items() if only is None or name in only]
    return dg.TableSchema(
        [
            dg.TableColumn(
                str(column.name),
                str(column.dtype),
                column.description,
                dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in kept
        ]
    )


def lineage(origins: Origins) -> dg.TableColumnLineage:
    """From which columns of which assets each column comes."""
    deps = {
        name: [dg.TableColumnDep(dg.AssetKey(asset), column) for asset, column in sources]
        for name, sources in origins.items()
    }
    return dg.TableColumnLineage(deps)


BARS_SCHEMA = model_columns(Bars)
FRAME_SCHEMA = model_columns(Frame)
MARKET_DATA_SCHEMA = model_columns(Bars, MARKET_DATA_ORIGINS)
DUAL_TICKER_SCHEMA = model_columns(Frame, DUAL_TICKER_ORIGINS)
EOD_SCHEMA = model_columns(EodSummary)
REPORT_SCHEMA = dg.TableSchema(
    [
        dg.TableColumn("timestamp", "timestamptz", "the session's open"),
        dg.TableColumn("session", "date", "XNYS session, New York date"),
        dg.TableColumn("environment", "text", "whose thresholds were applied"),
        dg.TableColumn("bar_size", "text", "length of the bars"),
        dg.TableColumn("verdict", "text", "PASS, WARN, FAIL or ERROR"),
        dg.TableColumn("action", "text", "CONTINUE, WARN or BLOCK"),
        dg.TableColumn("report", "jsonb", "every finding: schemas.quality.QualityReport"),
    ]
)
