"""The supervisor by itself: its clock stands still unless a test moves it, its children are names with a fate."""

from datetime import UTC, datetime, timedelta

from resources.errors import DatabaseUnreachable
from resources.supervision.child import Child, State
from resources.supervision.supervisor import Supervisor

BEGAN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


class Actor:
    """A process that dies when a test says so."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None
        self.asked: list[str] = []

    def ended(self) -> bool:
        return self.status is not None

    def terminate(self) -> None:
        self.asked.append("terminate")

    def bury(self) -> int:
        self.asked.append("bury")
        self.status = -9 if self.status is None else self.status
        return self.status


class Stage:
    """Children, their processes, and the clock."""

    def __init__(self, *children: Child) -> None:
        self.seconds = 0.0
        self.actors: dict[str, list[Actor]] = {child.name: [] for child in children}
        self.said: list[str] = []
        self.unstartable: dict[str, Exception] = {}
        self.hurried = False
        self.supervisor = Supervisor(children, self.start, self.said.append, lambda: self.seconds, self.now)

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.seconds)

    def start(self, child: Child) -> Actor:
        if child.name in self.unstartable:
            raise self.unstartable[child.name]
        self.actors[child.name].append(Actor(1000 + len(self.actors[child.name])))
        return self.actors[child.name][-1]

    def step(self, seconds: float = 0.0) -> None:
        self.seconds += seconds
        self.supervisor.step()

    def state(self, name: str) -> State:
        return next(one.state for one in self.supervisor.standings if one.name == name)

    def starts(self, name: str) -> int:
        return len(self.actors[name])

    def stop(self) -> None:
        def pause() -> None:
            self.seconds += 1

        self.supervisor.stop(hurried=lambda: self.hurried, pause=pause)


def test_a_child_waits_until_what_it_needs_is_ready():
    up = {"database": False}
    stage = Stage(
        Child("database", ["db"], ready=lambda started: up["database"]),
        Child("prepare", ["prepare"], ("database",), once=True),
        Child("web", ["web"], ("prepare",)),
    )
    stage.step()
    stage.step()
    assert [stage.state(name) for name in stage.actors] == ["starting", "waiting", "waiting"]
    up["database"] = True
    stage.step()
    stage.step()
    assert (stage.state("database"), stage.state("prepare"), stage.starts("web")) == ("ready", "starting", 0)
    stage.actors["prepare"][0].status = 0
    stage.step()
    stage.step()
    assert (stage.state("prepare"), stage.state("web"), stage.supervisor.all_up) == ("done", "ready", True)


def test_readiness_is_asked_with_the_time_of_the_start():
    asked: list[datetime] = []
    stage = Stage(Child("web", ["web"], ready=lambda started: bool(asked.append(started))))
    stage.step(5)
    stage.step(1)
    assert asked == [BEGAN + timedelta(seconds=5)]


def test_who_is_ready_is_said_with_its_address():
    stage = Stage(Child("web", ["web"], address="http://127.0.0.1:3000"), Child("live", ["live"]))
    stage.step()
    stage.step()
    stage.step()
    assert stage.said == ["web is ready: http://127.0.0.1:3000", "live is ready."]


def test_the_pause_doubles_up_to_a_minute_and_goes_on_for_ever():
    stage = Stage(Child("live", ["live"]))
    stage.step()
    pauses = []
    for death in range(9):
        stage.actors["live"][-1].status = 2
        stage.step()
        began = stage.seconds
        while stage.starts("live") == death + 1:
            stage.step(0.5)
        pauses.append(stage.seconds - began)
        stage.step()
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert [line for line in stage.said if line.startswith("DEGRADED: live does not stay up (5 deaths in a row)")] == [
        line for line in stage.said if "DEGRADED" in line
    ]
    assert len([line for line in stage.said if "DEGRADED" in line]) == 1
    assert stage.said[0] == "live ended with status 2; it is started again in 1 s."


def test_a_child_that_ran_steadily_is_trusted_again():
    stage = Stage(Child("live", ["live"]))
    stage.step()
    for steady in (1, 1, 60):
        stage.step()
        stage.actors["live"][-1].status = -9
        stage.step(steady)
        said = stage.said[-1]
        stage.step(60)
    assert said == "live was killed by SIGKILL; it is started again in 1 s."


def test_what_a_child_needs_has_to_be_ready_again_before_it_is_started_again():
    up = {"database": True}
    stage = Stage(Child("database", ["db"], ready=lambda started: up["database"]), Child("live", ["l"], ("database",)))
    for _ in range(4):
        stage.step()
    up["database"] = False
    stage.actors["database"][0].status = -9
    stage.actors["live"][0].status = 2
    for _ in range(10):
        stage.step(10)
    assert (stage.starts("database"), stage.starts("live")) == (2, 1)
    up["database"] = True
    stage.step()
    assert (stage.state("database"), stage.starts("live")) == ("ready", 2)


def test_a_child_that_cannot_be_started_is_tried_again():
    stage = Stage(Child("web", ["web"]))
    stage.unstartable["web"] = DatabaseUnreachable("the embedded PostgreSQL does not run.")
    stage.step()
    assert stage.said == ["web cannot be started: the embedded PostgreSQL does not run; it is started again in 1 s."]
    stage.unstartable.clear()
    stage.step(1)
    stage.step()
    assert stage.state("web") == "ready"


def test_a_child_that_never_becomes_ready_is_ended_and_started_anew():
    stage = Stage(Child("web", ["web"], ready=lambda started: False, start_seconds=30))
    stage.step()
    stage.step(30)
    assert stage.actors["web"][0].asked == []
    stage.step(1)
    assert stage.actors["web"][0].asked == ["bury"]
    stage.step()
    stage.step(1)
    assert stage.starts("web") == 2


def test_a_step_that_fails_is_repeated_until_it_is_done():
    stage = Stage(Child("prepare", ["prepare"], once=True))
    stage.step()
    stage.actors["prepare"][0].status = 2
    stage.step()
    stage.step(1)
    stage.actors["prepare"][1].status = 0
    stage.step()
    stage.step(1_000)
    assert (stage.state("prepare"), stage.starts("prepare")) == ("done", 2)


def test_children_are_stopped_one_by_one_the_last_first_and_killed_when_their_time_is_over():
    stage = Stage(Child("database", ["db"], stop_seconds=5), Child("web", ["web"], stop_seconds=3))
    for _ in range(2):
        stage.step()
    stage.stop()
    assert stage.actors["web"][0].asked == stage.actors["database"][0].asked == ["terminate", "bury"]
    assert stage.said[2:] == [
        "web did not end within 3 s: it is killed.",
        "database did not end within 5 s: it is killed.",
    ]
    assert stage.seconds == 8
    assert [one.state for one in stage.supervisor.standings] == ["stopped", "stopped"]


def test_who_is_in_a_hurry_waits_for_the_database_alone():
    stage = Stage(Child("database", ["db"], hurried_seconds=2), Child("web", ["web"]))
    for _ in range(2):
        stage.step()
    stage.hurried = True
    stage.stop()
    assert stage.seconds == 2


def test_what_was_never_started_is_not_waited_for():
    stage = Stage(Child("database", ["db"], ready=lambda started: False), Child("web", ["web"], ("database",)))
    stage.step()
    stage.actors["database"][0].status = 1
    stage.step()
    stage.stop()
    assert (stage.seconds, stage.starts("web")) == (0, 0)
