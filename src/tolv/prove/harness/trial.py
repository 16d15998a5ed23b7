"""A trial: one probe's own scene, with its network, its services, its instances and its evidence."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tolv.build.model import Runnable
from tolv.build.workshop import remove_tree
from tolv.codebase.model import ProcessType
from tolv.prove.harness.backing import Backing
from tolv.prove.harness.instance import Instance, Line, Made, describe
from tolv.prove.harness.stand import ORDINARY, Stand, copy_release, moved
from tolv.prove.model import Evidence, Kind
from tolv.prove.probe import CannotProve
from tolv.prove.subject import Subject, defaults
from tolv.prove.traffic import Traffic
from tolv.run.local.launch import Launch, environment_for, identify, log_files, needs_port, shell
from tolv.run.local.sandbox import specify_confined
from tolv.run.local.users import user_of
from tolv.run.model import Exit

if TYPE_CHECKING:
    from tolv.prove.harness.harness import Harness
    from tolv.prove.harness.network import Network

#: What an instance gets whatever its config is.
_BARE = ("PATH", "HOME", "TMPDIR", "PORT")


@dataclass(frozen=True, slots=True)
class Finished:
    """A one-off that has ended."""

    end: Exit | None
    """None: it had to be killed when its time was over."""
    lines: tuple[Line, ...]

    @property
    def ok(self) -> bool:
        return self.end is not None and self.end.code == 0

    @property
    def output(self) -> str:
        return "\n".join(one.text for one in self.lines)

    def __str__(self) -> str:
        return "it did not end" if self.end is None else describe(self.end)


class Trial:
    """Made by `Harness.trial`."""

    def __init__(self, name: str, harness: Harness, network: Network) -> None:
        self.name = name
        self.subject: Subject = harness.subject
        self.network = network
        self.harness = harness
        self.evidence: list[Evidence] = []
        self.instances: list[Instance] = []
        self.id = f"{name.lower().replace(' ', '-')}-{secrets.token_hex(3)}"
        self.backing = Backing(
            self.id,
            self.subject.needs,
            frozenset(self.subject.recipes.env),
            harness.shelf,
            network,
            harness.prepared,
            harness.base,
        )
        self.traffic = Traffic(self.subject.recipes, self.saw)
        self.config = defaults(self.subject)
        """The app's config in this trial; of its services once they are attached."""
        self.patience = self.subject.recipes.patience
        """Seconds that the app may take for what it does in its own time."""
        self._began = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._ports: list[int] = []
        self._places: list[Path] = []

    @property
    def backend(self) -> str:
        """How the app is set apart: `namespaces` or `process group`."""
        return self.network.backend

    def saw(self, kind: Kind, text: str, where: str | None = None) -> None:
        """Note what was done or seen."""
        self.evidence.append(Evidence(kind, text, time.monotonic() - self._began, where))

    async def start(
        self,
        type: str = "web",
        *,
        env: Mapping[str, str | None] | None = None,
        stand: Stand = ORDINARY,
        port: int | None = None,
        command: str | None = None,
        ready: bool = True,
        deadline: float = 60.0,
        bare: bool = False,
        runnable: Runnable | None = None,
    ) -> Instance:
        """Start an instance of a process type, attached to the trial's services, and wait until it is ready.

        `env` changes its config; None takes a variable away. `bare`: it gets no config at all, and no services.
        `command` runs in place of the type's. `runnable`: another build's. Raises `NotReady`, and `CannotProve` for a
        type that the app does not have or a service that cannot be had.
        """
        declared = self.subject.type(type)
        if declared is None:
            raise CannotProve(f"the app has no process type {type}")
        if command is not None:
            declared = replace(declared, command=command)
        if not bare:
            await self.backing.attach()
        config: dict[str, str] = {} if bare else {**self.config, **self.backing.env}
        config = _changed(config, env or {})
        self._counts[type] += 1
        if needs_port(declared) and port is None:
            port = self.network.free_port()
            self._ports.append(port)
        instance = await self._launch(declared, self._counts[type], port, config, stand, bare, runnable)
        if ready:
            await instance.ready(deadline)
        return instance

    async def pair(self) -> tuple[Instance, Instance]:
        """Two web instances of the same release: web.1 and web.2."""
        first = await self.start()
        return first, await self.start()

    async def again(
        self,
        instance: Instance,
        *,
        fresh: bool = True,
        ready: bool = True,
        env: Mapping[str, str | None] | None = None,
    ) -> Instance:
        """Start one that has ended again: the same name, config and port. `fresh`: on a file system of its own anew, as
        most platforms would; else on what the one before has left. `env` changes its config. Raises `NotReady`."""
        made = instance.made
        kept = None if fresh else made.directory
        index = int(made.name.rpartition(".")[2])
        other = await self._launch(
            made.type,
            index,
            made.port,
            _changed(dict(made.config), env or {}),
            made.stand,
            made.bare,
            made.runnable,
            kept,
        )
        if ready:
            took = await other.ready()
            self.saw("start", f"started again, ready in {took:.1f} s", other.name)
        return other

    async def one_off(
        self,
        command: str,
        *,
        env: Mapping[str, str | None] | None = None,
        stand: Stand = ORDINARY,
        timeout: float = 60.0,
        base: bool = False,
        bare: bool = False,
        runnable: Runnable | None = None,
    ) -> Finished:
        """Run a command in the release, attached to the trial's services, and wait for its end. `base`: attached to the
        databases that trials clone. `runnable`: another build's. Raises `CannotProve` for a service that cannot be
        had."""
        if not bare:
            await self.backing.attach(base=base)
        instance = await self.begin(command, env=env, stand=stand, bare=bare, runnable=runnable)
        return await self.finished(instance, timeout)

    async def begin(
        self,
        command: str,
        *,
        env: Mapping[str, str | None] | None = None,
        stand: Stand = ORDINARY,
        bare: bool = False,
        runnable: Runnable | None = None,
    ) -> Instance:
        """Start a one-off and go on. Raises `CannotProve` for a service that cannot be had."""
        if not bare:
            await self.backing.attach()
        config = {} if bare else _changed({**self.config, **self.backing.env}, env or {})
        self._counts["run"] += 1
        type_ = ProcessType("run", command)
        return await self._launch(type_, self._counts["run"], None, config, stand, bare, runnable)

    async def finished(self, instance: Instance, timeout: float = 60.0) -> Finished:
        """Wait for the end of a one-off that was begun; one that does not end in so many seconds is killed."""
        end = await instance.exited(timeout)
        await instance.kill()
        finished = Finished(end, tuple(instance.lines()))
        self.saw("exit", f"{instance.made.type.command}: {finished}", instance.name)
        return finished

    async def edited(self, edit: Callable[[Path], None]) -> Runnable:
        """A copy of the release with other files, for `start(runnable=…)`. `edit` gets its directory, in a thread."""
        place = self.harness.place(f"{self.id}-{len(self._places)}")
        self._places.append(place)
        ground, build = self.harness.ground, self.subject.build
        user = user_of(ground.home, build.app) if ground.offer.user else None
        copy = await asyncio.to_thread(copy_release, self.subject.runnable, place / "app", user)
        await asyncio.to_thread(edit, place / "app")
        return copy

    async def _launch(
        self,
        type: ProcessType,
        index: int,
        port: int | None,
        config: dict[str, str],
        stand: Stand,
        bare: bool,
        runnable: Runnable | None,
        kept: Path | None = None,
    ) -> Instance:
        ground, subject = self.harness.ground, self.subject
        build, release = subject.build, runnable or subject.runnable
        identity = identify(
            Launch(build.app, "prove", 1, build.commit, release, config, {type.name: type}), type, index, port=port
        )
        writes: tuple[str, ...] = stand.writes
        standing = release
        if stand.code == "copy":
            user = user_of(ground.home, build.app) if ground.offer.user else None
            place = kept.parent if kept else self.harness.place(identity.id)
            if kept is None:
                standing = await asyncio.to_thread(copy_release, release, place / "app", user)
                self._places.append(place)
            else:
                standing = moved(release, place / "app")
            writes += (standing.directory,)
        launch = Launch(build.app, "prove", 1, build.commit, standing, config, {type.name: type})
        identity, spec = specify_confined(ground.home, ground.offer, launch, identity, shell(type.command))
        sandbox = spec.sandbox
        if sandbox is not None:
            sandbox = replace(
                sandbox,
                writes=(*sandbox.writes, *writes),
                reads=(*sandbox.reads, standing.directory),
                network=self.network.pid,
                init=stand.init,
            )
        spec = replace(spec, sandbox=sandbox)
        full = environment_for(ground.home, launch, identity)
        env = {name: full[name] for name in full if name in _BARE or name in standing.environment} if bare else full
        running = await ground.start(spec, env)
        stdout, stderr = log_files(ground.home, identity)
        made = Made(
            name=identity.name,
            type=type,
            port=port,
            directory=Path(standing.directory),
            tmp=Path(spec.tmp),
            stdout=stdout,
            stderr=stderr,
            env=env,
            config=config,
            health=subject.health if type.name == "web" else type.health or "/",
            stand=stand,
            bare=bare,
            runnable=runnable,
        )
        instance = Instance(made, running, ground, self.network, self.saw)
        self.instances.append(instance)
        shown = f"{type.command}" + (f" with PORT={port}" if port is not None else "")
        self.saw("start", shown, identity.name)
        return instance

    async def close(self, *, keep: bool) -> None:
        """End all of it."""
        await asyncio.gather(*(one.kill() for one in self.instances))
        await self.backing.close()
        await self.network.close()
        for instance in self.instances:
            await self.harness.ground.forget(instance.running)
        if not keep:
            for place in self._places:
                await asyncio.to_thread(remove_tree, place)


def _changed(config: dict[str, str], env: Mapping[str, str | None]) -> dict[str, str]:
    changed = {name: value for name, value in env.items() if value is not None}
    return {name: value for name, value in {**config, **changed}.items() if env.get(name, "") is not None}
