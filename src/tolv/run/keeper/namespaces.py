"""Namespaces: how a process leaves the machine's, joins a network that another process holds, and becomes pid 1.

Stands alone, as the launcher of which it is a part: see `confine.py`.
"""

from __future__ import annotations

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x00020000, 0x10000000, 0x20000000, 0x40000000
_PR_SET_PDEATHSIG = 1
_SIGKILL = 9
#: How a parent ends that could not give up its rights; the app is gone with it.
_ABANDONED = 125

libc = ctypes.CDLL(None, use_errno=True)


class Unconfined(Exception):
    """The app cannot be confined as ordered; the text says what failed."""


def check(result: int, what: str) -> None:
    """Raise `Unconfined`, with the reason, where a call of libc's has failed."""
    if result < 0:
        raise Unconfined(f"{what}: {os.strerror(ctypes.get_errno())}")


def leave(kinds: int, *, user: bool) -> None:
    """Leave the namespaces of these kinds for new ones.

    `user`: in a user namespace, which one who is not root needs; in it everybody stays who he is.
    """
    uid, gid = os.geteuid(), os.getegid()
    check(libc.unshare(kinds | (CLONE_NEWUSER if user else 0)), "unshare")
    if user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)


def join_network(holder: int) -> None:
    """Join the network namespace of process `holder`, by way of its user namespace where that is another one.

    Raises `Unconfined`; also where it has no network of its own: its number would be somebody else's now.
    """
    what = f"the network of process {holder}"
    try:
        held = {kind: os.open(f"/proc/{holder}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in ("user", "net")}
    except OSError as error:
        raise Unconfined(f"{what}: {error.strerror}") from None
    own = {kind: os.stat(f"/proc/self/ns/{kind}").st_ino for kind in held}
    if os.fstat(held["net"]).st_ino == own["net"]:
        raise Unconfined(f"{what} is not one of its own")
    for kind, flag in (("user", CLONE_NEWUSER), ("net", CLONE_NEWNET)):
        if os.fstat(held[kind]).st_ino != own[kind]:
            check(libc.setns(held[kind], flag), what)
        os.close(held[kind])


def become_init(give_up: Callable[[], None]) -> int:
    """Go on as pid 1 of the pid namespace that was left for. Returns in that process alone: what `end_with` is told.

    The process that called stays outside as its parent, without the rights that `give_up` gives up. It hands on every
    signal that it gets, of which the kernel drops those that pid 1 does not handle, and ends as pid 1 does.
    """
    import signal  # here, as no other start is to pay for it; and now, as it may lie outside of the view

    signals = signal.valid_signals()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # none is lost from here on
    null = os.open("/dev/null", os.O_RDWR)
    os.chdir("/")
    alive, held = os.pipe()
    app = os.fork()
    if app == 0:
        os.close(held)
        os.close(null)
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return alive

    def stand_by() -> NoReturn:
        os.close(alive)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.close(null)
        give_up()
        while True:
            number = signal.sigwait(signals)
            if number != signal.SIGCHLD:
                os.kill(app, number)  # a zombie at worst: nobody else waits for it
                continue
            ended, status = os.waitpid(app, os.WNOHANG)
            if ended:
                break
        if os.WIFEXITED(status):
            os._exit(os.WEXITSTATUS(status))
        libc.signal(os.WTERMSIG(status), None)  # SIG_DFL
        os.kill(os.getpid(), os.WTERMSIG(status))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        os._exit(_ABANDONED)

    try:
        stand_by()
    finally:
        os._exit(_ABANDONED)


def end_with(alive: int) -> None:
    """Let the kernel kill this process when its parent dies. `alive`: a pipe that ends with the parent.

    To be called once it is who it will be: the kernel forgets the wish when a process changes its user.
    """
    check(libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0), "the parent's death")
    os.set_blocking(alive, False)
    try:
        os.read(alive, 1)
        os._exit(_ABANDONED)  # it died before
    except BlockingIOError:
        os.close(alive)
