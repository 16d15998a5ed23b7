"""What to do about a difference: a command where there is one. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tolv.config.assemble import LOCAL_ENVIRONMENT
from tolv.parity.between import Between
from tolv.parity.model import Service, Side
from tolv.parity.versions import line

#: Kinds of backing services that Tolv runs itself.
LOCAL_KINDS = frozenset({"postgres", "redis", "valkey", "s3", "smtp", "rabbitmq"})
#: Names that production goes by.
PRODUCTION = ("prod", "production", "live")


@dataclass(frozen=True, slots=True)
class Remedies:
    """The remedies for two sides of an app."""

    app: str
    left: Side
    right: Side
    between: Between

    def same_build(self) -> str | None:
        """How both get the same build."""
        if self.between.left and self.between.right:
            return "merge the two lines of history, and deploy the result to both"
        ahead, behind = self._order()
        if ahead.build is None:
            return None
        if behind.environment == LOCAL_ENVIRONMENT:
            return f"git switch --detach {ahead.build.commit[:7]}; tolv up" if ahead.build.commit else None
        if ahead.build.dirty or not ahead.build.commit:
            return f"commit what {ahead.environment} runs, then: {self.command('deploy .', behind)}"
        if ahead.environment == LOCAL_ENVIRONMENT:
            return self.command(f"deploy . --ref {ahead.build.commit[:7]}", behind)
        return f"tolv promote {ahead.environment} {behind.environment}{self._app()}"

    def commit_first(self, side: Side) -> str:
        """How a side comes to run a commit."""
        again = "tolv up" if side.environment == LOCAL_ENVIRONMENT else self.command("deploy .", side)
        return f"commit what is not committed, then: {again}"

    def start(self, side: Side) -> str:
        """How a side that is stopped runs again."""
        return self.command("restart", side)

    def scale(self, name: str, number: int, side: Side) -> str:
        """How a side gets as many processes."""
        return self.command(f"scale {name}={number}", side)

    def set(self, name: str, side: Side) -> str:
        """How a side gets a variable."""
        return self.command(f"config set {name}=…", side)

    def unset(self, name: str, side: Side) -> str:
        """How a side gets rid of a variable."""
        return self.command(f"config unset {name}", side)

    def changed(self) -> Side:
        """The side that is changed rather than the other: never production, if one of them is."""
        return min(self.left, self.right, key=lambda one: (one.environment in PRODUCTION, one.environment))

    def swap(self, ours: Service, theirs: Service) -> str:
        """How the side that is changed gets the service that the other one has."""
        side = self.changed()
        wanted, name = (theirs, ours.name) if side is self.left else (ours, theirs.name)
        mine = ours if side is self.left else theirs
        kind = f"{wanted.kind} {wanted.version}" if wanted.version else wanted.kind
        if mine.local and mine.kind == wanted.kind and wanted.version:
            command = self.command(f"swap {name} --version {line(wanted.kind, wanted.version)}", side)
            return f"{command}, a new one to which the data is yet to be brought"
        return f"{self._lead_elsewhere(mine, side)}, with the URL of {'an' if kind[0] in 'aeio' else 'a'} {kind}"

    def own(self, ours: Service, theirs: Service) -> str:
        """How the side that is changed gets a service of its own."""
        side = self.changed()
        mine = ours if side is self.left else theirs
        return self._lead_elsewhere(mine, side)

    def attach(self, one: Service, side: Side) -> str:
        """How a side gets a service that only the other one has."""
        if not one.attached and one.kind not in LOCAL_KINDS:
            return self.set(_variable(one), side)
        name = one.kind if not one.attached else one.name
        what = f"--kind {one.kind}" if one.kind in LOCAL_KINDS else "--url URL"
        return self.command(f"attach {name} {what}", side)

    def command(self, words: str, side: Side) -> str:
        """A command for one side."""
        return f"tolv {words}{self._app()} -e {side.environment}"

    def _lead_elsewhere(self, mine: Service, side: Side) -> str:
        """How a variable of a side comes to lead to another resource."""
        if mine.attached:
            return self.command(f"swap {mine.name} --url URL", side)
        return self.set(_variable(mine), side)

    def _app(self) -> str:
        return f" -a {self.app}" if self.app else ""

    def _order(self) -> tuple[Side, Side]:
        """Who is ahead, and who is behind: by the commits between, else by the time of the commit."""
        if bool(self.between.left) != bool(self.between.right):
            return (self.left, self.right) if self.between.left else (self.right, self.left)
        # Of equals production is taken to be behind; names decide where nothing else does.
        both = sorted((self.left, self.right), key=lambda one: (one.environment in PRODUCTION, one.environment))
        ahead = max(both, key=lambda one: (one.build is not None, one.build.created if one.build else 0))
        return (self.left, self.right) if ahead is self.left else (self.right, self.left)


def _variable(one: Service) -> str:
    return one.variables[0] if one.variables else one.name
