"""An app that tries to get out, and reports what it got: `{attempt: null}` where it was refused, else what it has.

The tests run it as an app of its own. Standard library only. `TARGETS`, JSON, names what it is after.
"""

import array
import ctypes
import fcntl
import json
import multiprocessing
import os
import pwd
import resource
import signal
import socket
import stat
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

libc = ctypes.CDLL(None, use_errno=True)
TMP = os.environ["TMPDIR"]


def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def read(path):
    with open(path, "rb") as file:
        return file.read(200).decode(errors="replace") or "(empty)"


def write(path, text="owned"):
    with open(path, "a") as file:
        file.write(text)
    return f"wrote {path}"


def connect(address, say=b""):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(5)
        peer.connect(address)
        if say:
            peer.sendall(say)
            answer = peer.recv(400)
            if not answer or b" 403 " in answer:
                raise PermissionError("shown the door")
            return answer.decode(errors="replace")
    return "connected"


def send_signal(pid):
    os.kill(pid, signal.SIGCONT)
    return f"signalled {pid}"


def trace(pid):
    call(libc.ptrace(16, pid, None, None))
    os.waitpid(pid, 0)
    libc.ptrace(17, pid, None, None)
    return f"traced {pid}"


def read_memory(pid):
    with open(f"/proc/{pid}/mem", "rb"):
        return f"opened the memory of {pid}"


def in_child(action):
    """In a child, as what it gets cannot be given back."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, str(action() or "done").encode())
        except BaseException as error:
            os.write(writer, b"!" + repr(error).encode())
        os._exit(0)
    os.close(writer)
    said = os.read(reader, 4000).decode()
    os.close(reader)
    os.waitpid(child, 0)
    if said.startswith("!"):
        raise PermissionError(said)
    return said


def become_root():
    os.setresuid(0, 0, 0)
    return f"uid {os.getuid()}"


def become(user):
    os.setresuid(user, user, user)
    return f"uid {os.getuid()}"


def mount_something():
    call(libc.mount(b"tmpfs", os.fsencode(TMP), b"tmpfs", 0, None))
    return "mounted"


def mount_in_own_namespace():
    uid = os.getuid()
    call(libc.unshare(0x10020000))
    with open("/proc/self/setgroups", "w") as file:
        file.write("deny")
    with open("/proc/self/uid_map", "w") as file:
        file.write(f"0 {uid} 1")
    return mount_something()


def unmount_view():
    call(libc.unshare(0x10020000))
    call(libc.umount2(b"/proc", 2))
    return "unmounted"


def make_device():
    os.mknod(f"{TMP}/disk", stat.S_IFBLK | 0o600, os.makedev(254, 0))
    return "made a device"


def raise_limit(which):
    _, hard = resource.getrlimit(which)
    if hard == resource.RLIM_INFINITY:
        raise PermissionError("there is nothing to raise")
    resource.setrlimit(which, (hard + 1, hard + 1))
    return f"raised to {hard + 1}"


def capabilities():
    for line in read_status():
        if line.startswith(("CapEff", "CapPrm", "CapAmb", "CapInh")) and int(line.split()[1], 16):
            return line
    raise PermissionError("none")


def read_status():
    with open("/proc/self/status") as file:
        return file.read().splitlines()


def new_privileges():
    if "NoNewPrivs:\t1" in read_status():
        raise PermissionError("none to be had")
    return "set-user-id programs work"


def groups():
    if set(os.getgroups()) - {os.getgid(), 65534}:
        return str(os.getgroups())
    raise PermissionError("none")


def others_terminals():
    before = set(os.listdir("/dev/pts")) - {"ptmx"}
    if not before:
        raise PermissionError("there are none")
    return str(before)


def keyring():
    """The description of the session's keyring that it was born with."""
    buffer = ctypes.create_string_buffer(400)
    size = call(libc.syscall(250, 11, -3, buffer, 400))  # KEYCTL_READ of @s, x86-64
    if size == 0:
        raise PermissionError("empty")
    return f"{size} bytes of keys"


def leave_group():
    with open("/proc/self/cgroup") as file:
        names = [line.split(":")[1] for line in file]
    for path in [f"/sys/fs/cgroup/{one}/cgroup.procs" for one in (*names, "unified", ".")]:
        try:
            with open(path, "w") as file:
                file.write(str(os.getpid()))
            return f"moved to {path}"
        except OSError:
            continue
    raise PermissionError("no group took it")


def attempts(t):
    release = os.getcwd()
    return {
        "write into the release": lambda: write(f"{release}/owned"),
        "change a file of the release": lambda: write(f"{release}/hostile_app.py"),
        "chmod the release": lambda: os.chmod(release, 0o777) or "chmod",
        "remove a file of the release": lambda: os.unlink(f"{release}/hostile_app.py") or "removed",
        "read the keys": lambda: read(t["home"] + "/keys"),
        "read the store": lambda: read(t["home"] + "/store.db"),
        "read the server's log": lambda: read(t["home"] + "/server.log"),
        "grant itself more": lambda: write(t["home"] + "/sandbox.toml", '["owned"]\nwritable = ["/etc"]\n'),
        "list the home": lambda: str(set(os.listdir(t["home"])) - {"builds", "layers", "tmp", "sandbox.toml"} or 1 / 0),
        "list all builds": lambda: str(set(os.listdir(t["home"] + "/builds")) - {release.split("/")[-2]} or 1 / 0),
        "list others' temporary directories": lambda: str(
            set(os.listdir(t["home"] + "/tmp")) - {TMP.split("/")[-1]} or 1 / 0
        ),
        "read the other's log": lambda: read(t["log"]),
        "talk to the server": lambda: connect(
            t["home"] + "/server.sock", b"GET /v1/server HTTP/1.1\r\nHost: localhost\r\n\r\n"
        ),
        "talk to the keeper": lambda: connect(t["home"] + "/keeper/keeper.sock", b'{"id": 1, "op": "list"}\n'),
        "talk to the router": lambda: connect(t["router"], b'{"id": 1, "op": "state"}\n'),
        "talk to the anchor": lambda: in_child(lambda: anchor(t["home"] + "/keeper/anchor.sock")),
        "read the other's release": lambda: read(t["release"] + "/app.py"),
        "read the other's temporary file": lambda: read(t["tmp"] + "/secret"),
        "open the other's log pipe": lambda: write(t["pipe"]),
        "read a file of the operator's": lambda: read(t["private"]),
        "write into the operator's home": lambda: write(os.path.dirname(t["private"]) + "/owned"),
        "write into /etc": lambda: write("/etc/owned"),
        "change /etc/passwd": lambda: write("/etc/passwd"),
        "write into /usr": lambda: write("/usr/owned"),
        "read /etc/shadow": lambda: read("/etc/shadow"),
        "list /root": lambda: str(set(os.listdir("/root")) - {".pyenv", ".local"} or 1 / 0),
        **{
            f"{what} of {name}": (lambda act=act, pid=pid: act(pid))
            for name, pid in t["pids"].items()
            for what, act in {
                "read the environment": lambda pid: read(f"/proc/{pid}/environ"),
                "look through the root": lambda pid: str(os.listdir(f"/proc/{pid}/root/")),
                "list the descriptors": lambda pid: str(os.listdir(f"/proc/{pid}/fd")),
                "open the memory": read_memory,
                "signal": send_signal,
                "trace": trace,
                "change the chance to be killed": lambda pid: write(f"/proc/{pid}/oom_score_adj", "1000"),
            }.items()
        },
        "signal everybody": lambda: in_child(signal_everybody),
        "become root": lambda: in_child(become_root),
        "become the other": lambda: in_child(lambda: become(t["user"])),
        "have capabilities": capabilities,
        "gain privileges by execve": new_privileges,
        "be in groups": groups,
        "mount": lambda: in_child(mount_something),
        "mount in a namespace of its own": lambda: in_child(mount_in_own_namespace),
        "undo its view": lambda: in_child(unmount_view),
        "chroot": lambda: in_child(lambda: os.chroot(TMP) or "chrooted"),
        "make a device": make_device,
        "open a disk": lambda: read(t["disk"]),
        "see others' terminals": others_terminals,
        "read the kernel's memory": lambda: read("/dev/mem"),
        "set a sysctl": lambda: write("/proc/sys/kernel/core_pattern", "owned"),
        "raise its limit of files": lambda: in_child(lambda: raise_limit(resource.RLIMIT_NOFILE)),
        "raise its limit of processes": lambda: in_child(lambda: raise_limit(resource.RLIMIT_NPROC)),
        "be nicer to itself": lambda: in_child(lambda: os.nice(-5) and "nice"),
        "leave its control group": lambda: in_child(leave_group),
        "talk to an abstract socket": lambda: connect("\0" + t["abstract"]),
        "read the keyring": keyring,
    }


def anchor(path):
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    peer.connect(path)
    return "connected"


def signal_everybody():
    """kill(-1) reaches all that may be signalled: but for itself there must be nobody outside of its domain."""
    os.setsid()
    os.kill(-1, 0)
    raise PermissionError("nobody to be told from its own")


def needs():
    """What a decent app does, and must be able to do."""
    done = {}
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("x")
        done["temporary files"] = file.name.startswith(TMP)
    with open("/dev/null", "w") as null, open("/dev/urandom", "rb") as random:
        done["devices"] = null.write("x") == 1 and len(random.read(4)) == 4
    with open("/dev/stdout", "w") as out:
        out.write("to /dev/stdout by name\n")
    with open("/proc/self/fd/2", "w") as err:
        err.write("to standard error by name\n")
    done["open /dev/stdout"] = True
    multiprocessing.Lock()
    done["semaphores"] = True
    done["processor count"] = (os.cpu_count() or 0) > 0
    done["own environment"] = "TMPDIR" in read("/proc/self/environ") or True
    done["names"] = socket.gethostbyname("localhost").startswith("127.")
    done["home"] = os.path.expanduser("~") == TMP
    try:
        done["user"] = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        done["user"] = os.environ["USER"]
    child = os.fork()
    if child == 0:
        time.sleep(60)
    os.kill(child, signal.SIGKILL)
    done["signal its own children"] = os.waitpid(child, 0)[1] == signal.SIGKILL
    return done


def stray():
    """A process that has shed all by which one may know it: session, parent, environment, descriptors."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 256)
            os.execve(sys.executable, ["stray-of-" + os.environ["TOLV_APP"], "-c", "import time; time.sleep(300)"], {})
        os._exit(0)
    os.wait()


def bomb(most):
    """Fork until the kernel says no; how many there were."""
    children = []
    try:
        while len(children) < most:
            child = os.fork()
            if child == 0:
                time.sleep(30)
                os._exit(0)
            children.append(child)
    except OSError:
        pass
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return len(children)


def fill(size):
    """Fill the temporary directory; how many bytes went in before it was full."""
    path, done = f"{TMP}/big", 0
    block = bytes(1 << 16)
    try:
        with open(path, "wb", buffering=0) as file:
            while done < size:
                done += file.write(block)
    except OSError:
        pass
    os.unlink(path)
    return done


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"ready": True})

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/attempts":
            self.answer({name: outcome(act) for name, act in attempts(order).items()})
        elif self.path == "/needs":
            self.answer(needs())
        elif self.path == "/bomb":
            self.answer(bomb(order))
        elif self.path == "/fill":
            self.answer(fill(order))
        elif self.path == "/grow":
            self.answer(len(array.array("b", bytes(order))))
        elif self.path == "/stray":
            self.answer(stray())
        elif self.path == "/write":
            self.answer(outcome(lambda: write(order)))

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def outcome(act):
    try:
        return act()
    except Exception:
        return None


if __name__ == "__main__":
    fcntl.fcntl(1, fcntl.F_GETFL)
    with open(f"{TMP}/secret", "w") as file:
        file.write("of the app " + os.environ["TOLV_APP"])
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
