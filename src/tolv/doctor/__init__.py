"""`tolv doctor`: what this machine offers, what is missing, and what to do about it.

Facts alone, read from the system without the server and without changing anything. Standard library only.
"""

from __future__ import annotations

from tolv.doctor import growth, https, kernel, network, place, sandbox, tools
from tolv.doctor.check import Check
from tolv.home import Home

__all__ = ["Check", "examine"]


def examine(home: Home, port: int) -> list[Check]:
    """Every check, in the order in which a person reads them: what `fail` stands for stops Tolv from working."""
    return [
        kernel.kernel(),
        kernel.cgroup(),
        *sandbox.sandbox(home),
        kernel.user_namespaces(),
        kernel.open_files(),
        kernel.clock(),
        kernel.systemd(),
        *tools.tools(),
        *place.place(home),
        *growth.growth(home),
        network.port_check(home, port),
        network.localhost(),
        *https.https(home),
    ]
