"""The planner's promises, tried on simulated worlds: no process in sight."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tolv.run.planner import (
    Abandon,
    Desired,
    Instance,
    Phase,
    Promote,
    Start,
    Stop,
    Target,
    Wanted,
    plan,
)

NOW = 1_000.0


@dataclass
class World:
    """A deploy whose processes do what the simulation says; it applies plans the way the engine does."""

    desired: Desired
    instances: dict[str, Instance] = field(default_factory=dict)
    now: float = NOW
    count: int = 0
    abandoned: bool = False

    def step(self) -> bool:
        """Plan once and apply it; whether there was anything to do."""
        current = plan(self.desired, self.instances.values(), self.now)
        for step in current.steps:
            match step:
                case Start(release, type_, index, after):
                    if after is not None and self.instances[after].phase is Phase.HUNG:
                        self.instances[after] = replace(self.instances[after], phase=Phase.STOPPING)
                    elif after is not None:
                        del self.instances[after]
                    self.count += 1
                    id_ = f"p{self.count}"
                    self.instances[id_] = Instance(id_, release, type_, index, Phase.STARTING)
                case Stop(id_):
                    one = self.instances[id_]
                    if one.phase is Phase.CRASHED:
                        del self.instances[id_]
                    else:
                        self.instances[id_] = replace(one, phase=Phase.STOPPING)
                case Promote():
                    assert self.desired.candidate is not None
                    self.desired = Desired(live=self.desired.candidate)
                case Abandon():
                    self.desired = Desired(live=self.desired.live)
                    self.abandoned = True
        return bool(current.steps)

    def routed(self) -> frozenset[str]:
        return plan(self.desired, self.instances.values(), self.now).routed

    def become(self, id_: str, phase: Phase) -> None:
        one = self.instances[id_]
        due = self.now + 1 if phase in (Phase.CRASHED, Phase.HUNG) else None
        self.instances[id_] = replace(one, phase=phase, retry_at=due)

    def settle(self) -> None:
        """Let every process become ready or gone, and plan, until nothing is left to do."""
        for _ in range(200):
            if not self.step() and not self._advance():
                return
        raise AssertionError(f"does not settle: {self.desired} {self.instances}")

    def let_one_move(self, random: Random) -> bool:
        """Let one process, whichever, become ready or gone; whether there was one to."""
        moving = [one for one in self.instances.values() if one.phase in (Phase.STARTING, Phase.STOPPING)]
        if not moving:
            return False
        one = random.choice(moving)
        if one.phase is Phase.STARTING:
            self.become(one.id, Phase.READY)
        else:
            del self.instances[one.id]
        return True

    def _advance(self) -> bool:
        moved = False
        for id_, one in list(self.instances.items()):
            if one.phase is Phase.STARTING:
                self.become(id_, Phase.READY)
                moved = True
            elif one.phase is Phase.STOPPING:
                del self.instances[id_]
                moved = True
            elif one.phase is Phase.HUNG:
                self.instances[id_] = replace(one, phase=Phase.CRASHED)
                moved = True
            elif one.phase is Phase.CRASHED:
                self.now = max(self.now, one.retry_at or self.now)
                moved = True
        return moved

    def running(self) -> set[tuple[int, str, int]]:
        return {(one.release, one.type, one.index) for one in self.instances.values()}


def target(release: int, **types: Wanted) -> Target:
    return Target(release, types)


def web(quantity: int = 1) -> Wanted:
    return Wanted(quantity, routed=True)


def settled(desired: Desired) -> World:
    world = World(desired)
    world.settle()
    return world


def test_an_empty_deploy_needs_nothing() -> None:
    assert plan(Desired(), [], NOW).settled


def test_a_candidate_gets_no_requests_before_all_of_it_is_ready() -> None:
    world = settled(Desired(live=target(1, web=web(2))))
    old = world.routed()
    world.desired = replace(world.desired, candidate=target(2, web=web(2)))
    world.step()
    first, second = [one.id for one in world.instances.values() if one.release == 2]
    world.become(first, Phase.READY)
    world.step()
    assert world.routed() == old
    world.become(second, Phase.READY)
    world.step()
    assert world.routed() == {first, second}


def test_a_candidate_that_crashes_leaves_the_live_release_as_it_was() -> None:
    world = settled(Desired(live=target(1, web=web(2), worker=Wanted(1))))
    before, routed = world.running(), world.routed()
    world.desired = replace(world.desired, candidate=target(2, web=web(2), worker=Wanted(1)))
    world.step()
    failing = next(one.id for one in world.instances.values() if one.release == 2 and one.type == "worker")
    world.become(failing, Phase.CRASHED)
    world.step()
    assert world.abandoned
    assert world.routed() == routed
    world.settle()
    assert world.running() == before


def test_a_stop_first_type_never_overlaps_with_its_successor() -> None:
    world = settled(Desired(live=target(1, web=web(), clock=Wanted(1, stop_first=True))))
    world.desired = replace(world.desired, candidate=target(2, web=web(), clock=Wanted(1, stop_first=True)))
    for _ in range(30):
        clocks = [one for one in world.instances.values() if one.type == "clock" and one.phase is not Phase.CRASHED]
        assert len({one.release for one in clocks}) <= 1
        if not world.step() and not world._advance():
            break
    assert world.running() == {(2, "web", 1), (2, "clock", 1)}


def test_a_stop_first_type_runs_on_until_the_others_are_ready() -> None:
    world = settled(Desired(live=target(1, web=web(), clock=Wanted(1, stop_first=True))))
    world.desired = replace(world.desired, candidate=target(2, web=web(), clock=Wanted(1, stop_first=True)))
    world.step()
    world.step()
    clock = next(one for one in world.instances.values() if one.type == "clock")
    assert (clock.release, clock.phase) == (1, Phase.READY)


def test_a_crashed_process_starts_again_when_its_time_has_come_and_not_before() -> None:
    crashed = Instance("p1", 1, "web", 1, Phase.CRASHED, retry_at=NOW + 5)
    desired = Desired(live=target(1, web=web()))
    early = plan(desired, [crashed], NOW)
    assert early.settled
    assert early.wake_at == NOW + 5
    assert plan(desired, [crashed], NOW + 5).steps == (Start(1, "web", 1, after="p1"),)


def test_a_stop_during_backoff_stays_stopped() -> None:
    crashed = Instance("p1", 1, "web", 1, Phase.CRASHED, retry_at=NOW + 5)
    assert plan(Desired(), [crashed], NOW + 6).steps == (Stop("p1"),)


def test_a_process_that_hangs_gets_no_requests_and_its_successor_starts_beside_it() -> None:
    hung = Instance("old", 1, "web", 1, Phase.HUNG, retry_at=NOW)
    well = Instance("other", 1, "web", 2, Phase.READY)
    current = plan(Desired(live=target(1, web=web(2))), [hung, well], NOW)
    assert current.steps == (Start(1, "web", 1, after="old"),)
    assert current.routed == {"other"}


def test_a_process_that_hangs_again_waits_for_its_turn_as_one_that_crashes() -> None:
    hung = Instance("old", 1, "web", 1, Phase.HUNG, retry_at=NOW + 4)
    current = plan(Desired(live=target(1, web=web())), [hung], NOW)
    assert (current.steps, current.wake_at) == ((), NOW + 4)


def test_a_stop_first_process_that_hangs_is_dead_before_its_successor_starts() -> None:
    hung = Instance("old", 1, "clock", 1, Phase.HUNG, retry_at=NOW)
    desired = Desired(live=target(1, clock=Wanted(1, stop_first=True)))
    waiting = plan(desired, [hung], NOW)
    assert (waiting.steps, waiting.wake_at) == ((), None)
    assert plan(desired, [replace(hung, phase=Phase.CRASHED)], NOW).steps == (Start(1, "clock", 1, after="old"),)


def test_a_candidate_that_hangs_is_given_up() -> None:
    hung = Instance("new", 2, "web", 1, Phase.HUNG, retry_at=NOW)
    desired = Desired(live=target(1, web=web()), candidate=target(2, web=web()))
    assert plan(desired, [hung], NOW).steps == (Abandon(2, "new"),)


def test_requests_go_to_processes_that_are_well_and_to_all_when_none_is() -> None:
    first = Instance("first", 1, "web", 1, Phase.READY, well=False)
    second = Instance("second", 1, "web", 2, Phase.READY)
    desired = Desired(live=target(1, web=web(2)))
    assert plan(desired, [first, second], NOW).routed == {"second"}
    assert plan(desired, [first, replace(second, well=False)], NOW).routed == {"first", "second"}
    assert plan(desired, [first, second], NOW).settled


def test_a_restart_keeps_the_old_process_until_its_successor_is_ready() -> None:
    old = Instance("old", 1, "web", 1, Phase.READY, outdated=True)
    desired = Desired(live=target(1, web=web()))
    first = plan(desired, [old], NOW)
    assert first.steps == (Start(1, "web", 1),)
    assert first.routed == {"old"}
    starting = Instance("new", 1, "web", 1, Phase.STARTING)
    assert plan(desired, [old, starting], NOW).settled
    after = plan(desired, [old, replace(starting, phase=Phase.READY)], NOW)
    assert after.steps == (Stop("old"),)
    assert after.routed == {"new"}


def test_a_restart_of_a_stop_first_type_stops_before_it_starts() -> None:
    old = Instance("old", 1, "clock", 1, Phase.READY, outdated=True)
    desired = Desired(live=target(1, clock=Wanted(1, stop_first=True)))
    assert plan(desired, [old], NOW).steps == (Stop("old"),)
    assert plan(desired, [replace(old, phase=Phase.STOPPING)], NOW).settled
    assert plan(desired, [], NOW).steps == (Start(1, "clock", 1),)


def test_scaling_down_stops_the_highest_and_takes_it_out_of_the_router_at_once() -> None:
    world = settled(Desired(live=target(1, web=web(3))))
    world.desired = Desired(live=target(1, web=web(1)))
    current = plan(world.desired, world.instances.values(), NOW)
    assert {world.instances[step.id].index for step in current.steps if isinstance(step, Stop)} == {2, 3}
    assert {world.instances[id_].index for id_ in current.routed} == {1}


def test_a_type_that_the_new_release_lacks_is_stopped_once_it_is_live() -> None:
    world = settled(Desired(live=target(1, web=web(), worker=Wanted(2))))
    world.desired = replace(world.desired, candidate=target(2, web=web()))
    world.settle()
    assert world.running() == {(2, "web", 1)}


wanted = st.builds(Wanted, st.integers(0, 3), st.booleans())
types = st.dictionaries(st.sampled_from(["worker", "clock", "mail"]), wanted, max_size=3)
formations = st.builds(lambda count, others: {"web": web(count), **others}, st.integers(1, 3), types)
events = st.lists(
    st.tuples(st.integers(0, 50), st.sampled_from(["plan", "ready", "gone", "crash", "hang", "unwell"])), max_size=60
)


@settings(max_examples=300, deadline=None)
@given(formations, formations, events)
def test_whatever_happens_it_settles_on_the_formation_of_one_release(
    old: dict[str, Wanted], new: dict[str, Wanted], happenings: list[tuple[int, str]]
) -> None:
    world = settled(Desired(live=Target(1, old)))
    world.desired = replace(world.desired, candidate=Target(2, new))
    for number, what in happenings:
        alive = list(world.instances.values())
        if what == "plan" or not alive:
            world.step()
            continue
        one = alive[number % len(alive)]
        if what == "ready" and one.phase is Phase.STARTING:
            world.become(one.id, Phase.READY)
        elif what == "gone" and one.phase is Phase.STOPPING:
            del world.instances[one.id]
        elif what == "crash" and one.phase in (Phase.STARTING, Phase.READY, Phase.HUNG):
            world.become(one.id, Phase.CRASHED)
        elif what == "hang" and one.phase is Phase.READY:
            world.become(one.id, Phase.HUNG)
        elif what == "unwell":
            world.instances[one.id] = replace(one, well=not one.well)
    world.settle()
    live = world.desired.live
    assert live is not None
    assert world.desired.candidate is None
    assert world.running() == {(live.release, name, index) for name, index, _ in live.slots()}
    assert live.release == 1 if world.abandoned else live.release == 2


@settings(max_examples=300, deadline=None)
@given(formations, formations, st.randoms(use_true_random=False))
def test_requests_always_have_somewhere_to_go_while_nothing_crashes(
    old: dict[str, Wanted], new: dict[str, Wanted], random: Random
) -> None:
    world = settled(Desired(live=Target(1, old)))
    world.desired = replace(world.desired, candidate=Target(2, new))
    for _ in range(100):
        routed = world.routed()
        assert routed
        assert all(world.instances[id_].phase is Phase.READY for id_ in routed)
        assert len({world.instances[id_].release for id_ in routed}) == 1
        if not world.step() and not world.let_one_move(random):
            break
    assert world.desired.candidate is None


@settings(max_examples=200, deadline=None)
@given(formations, formations, st.randoms(use_true_random=False))
def test_stop_first_types_of_two_releases_never_run_together(
    old: dict[str, Wanted], new: dict[str, Wanted], random: Random
) -> None:
    old = {name: replace(one, stop_first=True) if name == "clock" else one for name, one in old.items()}
    new = {name: replace(one, stop_first=True) if name == "clock" else one for name, one in new.items()}
    world = settled(Desired(live=Target(1, old)))
    world.desired = replace(world.desired, candidate=Target(2, new))
    for _ in range(100):
        clocks = {one.release for one in world.instances.values() if one.type == "clock"}
        assert len(clocks) <= 1
        if not world.step() and not world.let_one_move(random):
            break
