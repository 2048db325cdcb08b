"""Records of how a desk is doing, as `/monitoring/health` answers them. What makes one unhealthy: `monitoring.health`.

A component's `status` is its level, but for the feeds, whose `status` is a word. A `reason` is there where, and only
where, a component is not healthy.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from schemas.quality import Record


class Level(StrEnum):
    """How something is doing, from best to worst: as it should, working with something amiss, somebody must act now."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"

    @property
    def rank(self) -> int:
        """0 for healthy to 2."""
        return list(Level).index(self)


class Component(BaseModel):
    """How one part is doing, and what is known of it; what there is beside its status depends on the part."""

    model_config = ConfigDict(frozen=True, extra="allow")

    status: str
    level: Level = Field(exclude=True)
    reason: str | None = Field(default=None, description="what is amiss, in a sentence; only where something is")

    @model_serializer(mode="wrap")
    def _reason_where_there_is_one(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        if written["reason"] is None:
            del written["reason"]
        return written

    @property
    def details(self) -> dict[str, Any]:
        """What is known beside status and reason."""
        return dict(self.__pydantic_extra__ or {})


class RecentBars(Record):
    """What is stored of a symbol in the session that goes on, or in the last one."""

    count: int
    latest: datetime | None = Field(description="start of the newest stored bar; null where none is known of")


class Components(Record):
    """The parts of a desk."""

    database: Component
    feeds: Component
    data_freshness: Component
    quality: Component
    broker: Component
    disk: Component
    dagster: Component
    live: Component

    def each(self) -> dict[str, Component]:
        """All of them, by name."""
        return {name: getattr(self, name) for name in type(self).model_fields}


class Health(Record):
    """How a desk is doing: as its worst component."""

    status: Level
    timestamp: datetime = Field(description="when it was judged, UTC")
    components: Components
