"""What keeps an app to its own here: docs/sandbox.md says what each part is for."""

from __future__ import annotations

import os

from tolv.doctor.check import Check
from tolv.errors import UsageError
from tolv.home import Home
from tolv.run.keeper import cgroups, confine, limits
from tolv.run.local.grants import check_grants
from tolv.run.local.sandbox import SWITCH, parse_switch

#: Landlock's version from which a process can signal nobody outside.
_SCOPES = 6


def sandbox(home: Home) -> list[Check]:
    """Each part of the sandbox, and whether the operator has switched any off."""
    offer = confine.available("/proc")
    root, view, landlock = os.geteuid() == 0, bool(offer["view"]), int(str(offer["landlock"]))
    return [_switch(home), _view(root, view), _user(root, view, landlock), _landlock(root, landlock), _limits()]


def _switch(home: Home) -> Check:
    try:
        off = parse_switch(os.environ.get(SWITCH, ""))
        check_grants(home)
    except UsageError as error:
        return Check("sandbox", "fail", error.problem, error.remedy or "correct it")
    if off:
        return Check("sandbox", "warn", f"{SWITCH}={','.join(sorted(off))}", f"unset {SWITCH} and restart the server")
    return Check("sandbox", "ok", "on")


def _view(root: bool, view: bool) -> Check:
    if view:
        return Check("view", "ok", "each process has a file system of its own")
    return Check(
        "view",
        "warn",
        "no mount namespace can be made: processes see the machine's file system, as far as Landlock lets them",
        "give the container CAP_SYS_ADMIN"
        if root
        else "allow user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0), or run the server as root",
    )


def _user(root: bool, view: bool, landlock: int) -> Check:
    if root:
        return Check("users", "ok", "each app runs as a user of its own, none as root")
    apart = "all apps run as the server's user"
    if view and landlock >= _SCOPES:
        return Check("users", "ok", f"{apart}, kept apart by view and Landlock")
    return Check("users", "warn", f"{apart}", "run the server as root: then each app has a user of its own")


def _landlock(root: bool, version: int) -> Check:
    if version >= _SCOPES or (root and version):
        return Check("landlock", "ok", f"ABI {version}")
    if version:
        detail = f"ABI {version}: a process can signal all others of its user"
        return Check("landlock", "warn", detail, "run Linux 6.12 or later, or the server as root")
    return Check(
        "landlock",
        "warn",
        "not to be had: what is left are views and users",
        "run Linux 5.13 or later with CONFIG_SECURITY_LANDLOCK, and landlock in `lsm=` on its command line",
    )


def _limits() -> Check:
    names = limits.offered(cgroups.own_directory())
    missing = [one for one in limits.CONTROLLERS if one not in names]
    if not missing:
        return Check("limits", "ok", f"of memory, processes and processor time, by control groups ({' '.join(names)})")
    return Check(
        "limits",
        "warn",
        f"no control group holds {' '.join(missing)}: memory and processes are limited for each process or user alone, "
        "processor time is not",
        "run the server as root, or as a systemd unit: tolv server --print-systemd-unit",
    )
