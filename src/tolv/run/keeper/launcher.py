"""Becomes the app: what a process may see and do is set up here, in one file, from top to bottom.

The keeper runs this file (`python -I -S -c …`) with a place for its order on descriptor 3 and a pipe on descriptor 4.
It waits for one byte on that pipe: the keeper's word that the order is there and this process on record. If the keeper
dies first the pipe ends and nothing was started. Then the process leaves the keeper's session, takes its limits and
descriptors, is confined (`confine.py`, whose source precedes this one's), enters its directory, and becomes the app by
`execve`; its pid stays the same, save where the app is to be pid 1: then it is a child that does.

It stands alone: it imports nothing of Tolv's, and as little as it can, because each start pays for it: neither `json`
nor `signal`, which take longer than all that happens here.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import marshal
import os
import resource
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tolv.run.keeper.confine import confine
    from tolv.run.keeper.namespaces import Unconfined

ORDER, GO = 3, 4
#: How far behind Tolv's own processes the apps come, for the processor and when memory is short.
NICENESS, OUT_OF_MEMORY = 2, 500
#: What a shell says too: 127 for a program that is not there, 126 for one that cannot be run.
NOT_FOUND, NOT_RUNNABLE, ABANDONED = 127, 126, 125
SIGNALS, SIG_SETMASK = 65, 2


class Refusal(Exception):
    """The app cannot be started: one line that says why, and the exit status."""

    def __init__(self, reason: str, status: int = NOT_RUNNABLE) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


def main() -> None:
    """Wait for the word, read the order, become the app. Returns never."""
    if os.read(GO, 1) != b"g":
        os._exit(ABANDONED)
    with open(ORDER, "rb") as file:
        order = marshal.load(file)
    try:
        for group in order["cgroups"]:
            join_cgroup(group)
        start_session()
        give_way()
        take_descriptors(order)
        own_init = bool(order["sandbox"] and order["sandbox"]["init"])
        if order["tty"]:
            import termios  # now, as it may lie outside of the view

            if not own_init:
                take_terminal(termios.TIOCSCTTY)
        take_limits(order["limits"], order["descriptors"])
        reset_signals()
        if order["sandbox"]:
            confine_as(order["sandbox"], order["argv"][0])
        if order["tty"] and own_init:  # it has a session of its own only now
            take_terminal(termios.TIOCSCTTY)
        limit_processes(order["limits"].get("processes"))
        enter(order["directory"])
        become(order["argv"], order["env"])
    except Refusal as refusal:
        os.write(2, f"tolv: cannot start {order['id']}: {refusal.reason}\n".encode(errors="backslashreplace"))
        os._exit(refusal.status)


def join_cgroup(path: str) -> None:
    """First of all, so that no descendant is ever outside. Without one the keeper scans `/proc`."""
    try:
        with open(f"{path}/cgroup.procs", "w") as file:
            file.write("0")
    except OSError:
        pass


def start_session() -> None:
    """A session and group of its own: a signal to the keeper's terminal or group does not reach the app."""
    os.setsid()


def give_way() -> None:
    """Apps leave the processor to server, keeper and router, which are for all of them, and memory too: when there is
    none left the kernel looks among the apps first.

    Where the kernel shares the processor by session (autogroup) the session's own niceness counts.
    """
    for path, value in (("/proc/self/autogroup", str(NICENESS)), ("/proc/self/oom_score_adj", str(OUT_OF_MEMORY))):
        try:
            with open(path, "w") as file:
                file.write(value)
        except OSError:
            continue
    os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))


def take_descriptors(order: dict) -> None:  # type: ignore[type-arg]
    """0, 1 and 2 as ordered, and nothing else of the keeper's.

    Pipes are opened for reading too: their reader may die and come back, and never is there a SIGPIPE.
    """
    if not order["attached"]:
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        for descriptor, fifo in ((2, order["stderr"]), (1, order["stdout"])):
            os.dup2(os.open(fifo, os.O_RDWR) if fifo else null, descriptor)
    os.umask(0o022)
    os.closerange(3, max_descriptor() + 1)


def take_terminal(request: int) -> None:
    """Make descriptor 0 the terminal that controls this session."""
    try:
        fcntl.ioctl(0, request, 0)
    except OSError as error:
        raise Refusal(f"the terminal cannot be made its own: {error.strerror}") from None


def max_descriptor() -> int:
    """The highest descriptor that is open now."""
    return max(int(name) for name in os.listdir("/proc/self/fd"))


def take_limits(limits: dict, descriptors: int) -> None:  # type: ignore[type-arg]
    """Limits of each single process; where a cgroup holds the tree the keeper set those already.

    `descriptors` is the usual soft limit, which the keeper has raised for itself alone.
    """
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    for name, limit in (
        # Data, not address space: runtimes such as V8 reserve far more addresses than they use.
        (resource.RLIMIT_DATA, limits.get("memory")),
        (resource.RLIMIT_NOFILE, limits.get("open_files")),
    ):
        if limit is not None:
            try:
                resource.setrlimit(name, (limit, limit))
            except (OSError, ValueError) as error:
                raise Refusal(f"the limit {limit} cannot be set: {error}") from None


def limit_processes(limit: int | None) -> None:
    """The kernel counts by user, so that this comes once the process has its own, or its own user namespace."""
    if limit is not None:
        hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))


def reset_signals() -> None:
    """Nothing ignored, nothing blocked: Python ignores SIGPIPE and SIGXFSZ, and `execve` would hand that on."""
    libc = ctypes.CDLL(None)
    libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    for number in range(1, SIGNALS):
        libc.signal(number, None)  # SIG_DFL; refused for SIGKILL, SIGSTOP and those that libc keeps
    libc.sigprocmask(SIG_SETMASK, bytes(128), None)


def confine_as(order: dict, program: str) -> None:  # type: ignore[type-arg]
    """Give up all that the app is not to have. A start that cannot is refused, never less confined."""
    was_there = program.startswith("/") and os.path.exists(program)
    try:
        confine(order)
    except (Unconfined, OSError) as error:
        raise Refusal(f"it cannot be confined: {error} (`tolv doctor` says what this machine offers)") from None
    if was_there and not os.path.exists(program):
        raise Refusal(f"{program} lies where no app may look, unless the server's sandbox.toml lets it", NOT_FOUND)


def enter(directory: str) -> None:
    """Make `directory` the working directory."""
    try:
        os.chdir(directory)
    except OSError as error:
        raise Refusal(f"cannot enter its directory {directory}: {error.strerror}") from None


def become(argv: list[str], env: dict[str, str]) -> None:
    """`execve`, with the program looked up in the PATH of the app's own environment."""
    program = argv[0]
    for path in candidates(program, env.get("PATH", "")):
        try:
            os.execve(path, argv, env)
        except FileNotFoundError:
            if os.path.exists(path):
                raise Refusal(f"{path} names an interpreter that does not exist (its #! line)") from None
        except NotADirectoryError:
            continue
        except OSError as error:
            raise Refusal(explain(path, error, argv, env)) from None
        except ValueError as error:
            raise Refusal(f"its arguments or environment cannot be passed: {error}") from None
    looked = f" (looked in {env.get('PATH', '')})" if "/" not in program else ""
    raise Refusal(f"no such program: {program}{looked}", NOT_FOUND)


def candidates(program: str, path: str) -> list[str]:
    """The files that `program` may mean, executable ones first."""
    if "/" in program:
        return [program]
    found = [os.path.join(directory, program) for directory in path.split(":") if directory]
    return sorted(found, key=lambda one: not (os.path.isfile(one) and os.access(one, os.X_OK)))


def explain(path: str, error: OSError, argv: list[str], env: dict[str, str]) -> str:
    """Why the kernel refused to run `path`, in words that say what to change."""
    if error.errno == errno.E2BIG:
        size = sum(len(os.fsencode(one)) + 1 for one in (*argv, *(f"{name}={value}" for name, value in env.items())))
        return f"its arguments and environment ({size} bytes) exceed what Linux passes on (128 KiB each, 2 MiB in all)"
    if error.errno == errno.ENOEXEC:
        return f"{path} is no program: a script needs a #! line"
    if error.errno == errno.EACCES:
        return f"{path} is not executable"
    return f"{path}: {error.strerror}"


if __name__ == "__main__":
    main()
    sys.exit(NOT_RUNNABLE)
