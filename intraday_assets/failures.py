"""What a failed run says of itself: how it is said when it fails, and read again by whoever tells people."""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

RETRY_HELPS: Final = "a retry may help"
"""Metadata of a run's failure."""
STOPPED: Final = "It was stopped before its end, as when `intraday up` or its service is."


def failure(said: str, metadata: Mapping[str, Any], *, retry_helps: bool) -> dg.Failure:
    """A failure that says whether a retry may help."""
    about = {**metadata, RETRY_HELPS: dg.MetadataValue.bool(retry_helps)}
    return dg.Failure(said, about, allow_retries=retry_helps)


def said_of(context: dg.RunFailureSensorContext) -> tuple[str, bool | None]:
    """Why a run failed, in sentences, and whether a retry may help; None: it does not say."""
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        thrown = data.user_failure_data
        if thrown is not None:
            helps = thrown.metadata.get(RETRY_HELPS)
            return thrown.description or thrown.label, None if helps is None else bool(helps.value)
        if data.error is not None:
            cause = data.error.cause or data.error
            if cause.cls_name == dg.DagsterExecutionInterruptedError.__name__:
                return STOPPED, True
            return cause.message.strip(), None
    return context.failure_event.message or "It does not say why.", None
