"""A tree whose processes live for a millisecond each is hunted down; nobody else is."""

from __future__ import annotations

import os
import subprocess
import sys

#: Processes that fall to nobody fall to this one, as they do to the keeper.
_HUNTER = """
import ctypes, os, subprocess, sys, time
from tolv.run.keeper import tree
from tolv.run.keeper.hunt import hunt

ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
chains = '''
import os, time
end = time.monotonic() + 30
for _ in range(3):
    os.fork()
print("on", flush=True)
while time.monotonic() < end:
    if os.fork():
        os._exit(0)
    os.setsid()
    time.sleep(0.001)
'''
def start(script, cookie, **more):
    env = {**os.environ, tree.COOKIE: cookie}
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", script], env=env, start_new_session=True, **more)

def reap():
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return

stranger = start("import sys; sys.stdin.read()", "other@hunt", stdin=subprocess.PIPE)
ours = start(chains, f"ours-{os.getpid()}@hunt", stdout=subprocess.PIPE)
for _ in range(8):
    ours.stdout.readline()
tracked = tree.Tracked("ours", f"ours-{os.getpid()}@hunt", ours.pid, True)
killed = hunt(tracked, 20.0, reap)
print("killed at least one for each chain:", killed >= 8)
end = time.monotonic() + 20  # what was killed takes its time to be gone; what was not goes on for longer
while (left := len(tree.find_members(tree.read_table(), [tracked])["ours"])) and time.monotonic() < end:
    reap()
print("left:", left)
print("again:", hunt(tracked, 20.0, reap))
print("the stranger lives:", tree.read_process(stranger.pid).alive)
stranger.stdin.close()
stranger.wait()
"""


def test_a_tree_that_comes_anew_each_millisecond_is_killed_and_no_stranger_is() -> None:
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", _HUNTER], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        "killed at least one for each chain: True",
        "left: 0",
        "again: 0",
        "the stranger lives: True",
    ], done.stderr
