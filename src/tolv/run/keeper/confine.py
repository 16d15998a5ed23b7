"""What an app may see and do on this machine: a view of the file system of its own, Landlock, a user without rights.

Stands alone, as the launcher of which it is a part: the keeper runs the source of both in the process that becomes
the app. What is ordered happens or the app is not started; what can be ordered on this machine `available` says.
Why each part is as it is: docs/sandbox.md.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct

from tolv.run.keeper.namespaces import (
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    Unconfined,
    become_init,
    check,
    end_with,
    join_network,
    leave,
    libc,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: What every app may read: programs, libraries, the system's configuration. Symbolic links stay what they are.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix", "/gnu")
#: Certificates of some distributions, to which /etc points.
SYSTEM_PARTS = ("/var/lib/ca-certificates",)
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
#: Bytes; what Docker gives, too.
SHARED_MEMORY = 64 << 20

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_SLAVE = 4096, 16384, 1 << 19
_MNT_DETACH = 2
_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP, _PR_SET_SECCOMP = 38, 24, 22
#: The architecture as seccomp(2) names it, and the number of socket(2).
_SOCKETS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_KEYCTL = {"x86_64": 250, "aarch64": 219}  # the calls below have the same number everywhere
_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446

# Rights of landlock(7), and what of them a file takes that is no directory.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_ALL_MAKING = 0x1FF0  # remove, make
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
READ = _EXECUTE | _READ_FILE | _READ_DIR
DEVICE = _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
WRITE = READ | DEVICE | _ALL_MAKING | _REFER


def available(base: str) -> dict[str, object]:
    """What can be had here: `landlock` (its version, 0 for none), `view`, `init` (a pid namespace in a view), `network`
    (one that another process holds), and whether `user`s can be changed.

    Tried in children, with `base` as the place for a mount; nothing changes.
    """
    user = os.geteuid() != 0

    def view() -> None:
        _own_mounts(user=user)
        _mount("tmpfs", base, "tmpfs", 0, "size=16k")
        _set_read_only(base, MS_RDONLY)
        _mount("devpts", base, "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")

    def init() -> None:
        _own_mounts(user=user, processes=True)
        if not _works(lambda: _mount("proc", base, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "")):
            raise Unconfined

    def network() -> None:
        leave(CLONE_NEWNET, user=user)
        if user:
            leave(0, user=True)  # that of the view

    tried = {"view": _works(view), "init": _works(init), "network": _works(network)}
    return {"landlock": landlock_version(), "user": not user, **tried}


def _works(attempt: Callable[[], None]) -> bool:
    """Whether a child can do it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            attempt()
            status = 0
        except (Unconfined, OSError):
            pass
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def landlock_version() -> int:
    """The version of Landlock's interface, 0 where there is none or it is switched off."""
    return max(0, int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)))


def confine(order: dict) -> None:  # type: ignore[type-arg]
    """Confine this process for good.

    `order`: `user` (uid and gid to become, or None), `view` and `landlock` (whether to have them), `reads` and `writes`
    (paths beside the system's), `tmp` (the private directory), `tmp_size` (bytes, None without a bound), `base` (a
    directory to mount on that the app has no use for), `tty` (descriptor 0 is a terminal of its own), `network` (the
    process whose network it joins, or None), `init` (whether it goes on as pid 1, in a child). Raises `Unconfined`.
    """
    parent = None
    if order["network"] is not None:
        join_network(order["network"])
    if order["view"]:
        _own_mounts(user=os.geteuid() != 0, processes=order["init"])
        parent = become_init(lambda: _give_up(order["user"])) if order["init"] else None
        make_view(order)
    ruleset = _rules(order) if order["landlock"] else None
    if order["user"] is not None:
        _own_output(order["user"], order["tty"])
    _give_up(order["user"])
    if parent is not None:
        end_with(parent)
    if ruleset is not None:
        check(libc.syscall(_RESTRICT_SELF, ruleset, 0), "Landlock")
        os.close(ruleset)
    if order["user"] is None and not order["view"]:
        _forbid_sockets()


# A view of the file system: a new root that has what the app may see, and nothing else.


def make_view(order: dict) -> None:  # type: ignore[type-arg]
    """Move into a file system that holds the system's directories, `reads` and `writes`, at their usual places.

    The mount namespace is this process's own already.
    """
    tmp, base = order["tmp"], order["base"]
    tty = os.ttyname(0) if order["tty"] else None
    # Opened in the new namespace, as the kernel binds nothing of another, and before anything is mounted over them.
    sources = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in (tmp, *order["reads"], *order["writes"])}
    _mount("tmpfs", base, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m")
    view = _View(base)
    for path in (*SYSTEM, *SYSTEM_PARTS):
        view.show_system(path)
    view.show("/sys", "/sys", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    view.show_processes(own=order["init"], privileged=order["user"] is not None)
    view.show_devices(tty)
    view.show_resolver()
    private = f"/proc/self/fd/{sources[tmp]}"
    if order["tmp_size"] is not None:
        # Mounted over the directory itself: what is opened by its path is what is in it now.
        owner = f",uid={order['user']},gid={order['user']}" if order["user"] is not None else ""
        _mount("tmpfs", tmp, "tmpfs", MS_NOSUID | MS_NODEV, f"mode=700,size={order['tmp_size']}{owner}")
        private = tmp
    for path in ("/tmp", "/var/tmp", tmp):
        view.show(private, path, MS_NOSUID | MS_NODEV)
    for path in sorted({*order["reads"], *order["writes"]}):
        flags = MS_NOSUID | MS_NODEV | (0 if path in order["writes"] else MS_RDONLY)
        view.show(f"/proc/self/fd/{sources[path]}", path, flags)
    view.link("/run", "/var/run")
    if order["user"] is not None:
        view.name_user(order["user"])
    for descriptor in sources.values():
        os.close(descriptor)
    view.enter()


class _View:
    """The new root while it is furnished, at `base` of the old one."""

    def __init__(self, base: str) -> None:
        self._base = base

    def show(self, source: str, path: str, flags: int) -> None:
        """Bind `source` of the old root, with all that is mounted below it, to `path` in the new one."""
        target = self._base + path
        try:
            if os.path.isdir(source):
                os.makedirs(target, exist_ok=True)
            elif not os.path.exists(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.close(os.open(target, os.O_CREAT | os.O_CLOEXEC, 0o644))
        except OSError as error:
            raise Unconfined(f"{path} has no place in its view: {error.strerror}") from None
        _mount(source, target, None, MS_BIND | MS_REC, None)
        _set_read_only(target, flags)

    def show_system(self, path: str) -> None:
        if os.path.islink(path):
            self.link(os.readlink(path), path)
        elif os.path.isdir(path):
            self.show(path, path, MS_RDONLY | MS_NOSUID | MS_NODEV)

    def link(self, target: str, path: str) -> None:
        """A symbolic link, relative: until it is entered an absolute one would lead out of the view."""
        if target.startswith("/"):
            target = os.path.relpath(target, os.path.dirname(path))
        os.makedirs(os.path.dirname(self._base + path), exist_ok=True)
        os.symlink(target, self._base + path)

    def show_processes(self, *, own: bool, privileged: bool) -> None:
        """`/proc`: that of its pid namespace if that is its `own`, else of other users' processes nothing, where a new
        one may be mounted."""
        os.mkdir(f"{self._base}/proc")
        if own:
            _mount("proc", f"{self._base}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "")
            return
        try:
            if not privileged:
                raise Unconfined
            _mount("proc", f"{self._base}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=2")
        except Unconfined:
            self.show("/proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)

    def show_devices(self, tty: str | None) -> None:
        """The harmless devices, terminals and shared memory of its own."""
        os.mkdir(f"{self._base}/dev")
        for name in DEVICES:
            if os.path.exists(f"/dev/{name}"):
                self.show(f"/dev/{name}", f"/dev/{name}", MS_NOSUID | MS_NOEXEC)
        if tty is not None:  # where ttyname(3) finds it, since the terminals at /dev/pts are others
            self.show(tty, "/dev/console", MS_NOSUID | MS_NOEXEC)
        for name, options in (
            ("pts", "newinstance,ptmxmode=0666,mode=620"),
            ("shm", f"mode=1777,size={SHARED_MEMORY}"),
        ):
            os.mkdir(f"{self._base}/dev/{name}")
            kind, flags = ("devpts", MS_NOSUID | MS_NOEXEC) if name == "pts" else ("tmpfs", MS_NOSUID | MS_NODEV)
            _mount(kind, f"{self._base}/dev/{name}", kind, flags, options)
        for name, target in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd")):
            os.symlink(target, f"{self._base}/dev/{name}")
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            os.symlink(f"/proc/self/fd/{number}", f"{self._base}/dev/{name}")

    def show_resolver(self) -> None:
        """`/run` is empty, but for that to which /etc/resolv.conf points."""
        os.makedirs(f"{self._base}/run", exist_ok=True)
        directory = os.path.dirname(os.path.realpath("/etc/resolv.conf"))
        if directory.startswith("/run/"):
            self.show(directory, directory, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)

    def name_user(self, user: int) -> None:
        """A line for it in /etc/passwd and /etc/group: many programs want to know their user's name."""
        for name, line in (("passwd", f"app:x:{user}:{user}::/tmp:/bin/sh\n"), ("group", f"app:x:{user}:\n")):
            aside = f"{self._base}/.{name}"
            try:
                with open(f"/etc/{name}", "rb") as file:
                    known = file.read()
                with open(aside, "wb") as file:
                    file.write(line.encode() + known)
            except OSError:
                continue
            os.chmod(aside, 0o644)
            self.show(aside, f"/etc/{name}", MS_RDONLY | MS_NOSUID | MS_NODEV)
            os.unlink(aside)

    def enter(self) -> None:
        """Make it the root, and let go of the old one."""
        _set_read_only(self._base, MS_RDONLY | MS_NOSUID | MS_NODEV, recursive=False)
        os.chdir(self._base)
        check(libc.pivot_root(b".", b"."), "pivot_root")
        check(libc.umount2(b".", _MNT_DETACH), "umount")
        os.chdir("/")


def _own_mounts(*, user: bool, processes: bool = False) -> None:
    """A mount namespace, in a user namespace of its own if `user`. `processes`: for its children one of pids, too."""
    leave(CLONE_NEWNS | (CLONE_NEWPID if processes else 0), user=user)
    # What is mounted or unmounted outside later is so in here, never the other way round.
    _mount(None, "/", None, MS_REC | MS_SLAVE, None)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None) -> None:
    words = [None if one is None else os.fsencode(one) for one in (source, target, kind, options)]
    result = libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3])
    check(result, f"mount {target}")


def _set_read_only(path: str, flags: int, *, recursive: bool = True) -> None:
    """Set flags of a mount and, since a bind brings its own flags with it, of those below it."""
    attributes = struct.pack("<QQQQ", flags, 0, 0, 0)  # MOUNT_ATTR_RDONLY … are those of mount(2)
    way = _AT_RECURSIVE if recursive else 0
    result = libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(path), way, attributes, ctypes.c_size_t(32))
    check(result, f"mount_setattr {path}")


# Landlock: what may be done to what is seen, and to whom signals may go.


def _rules(order: dict) -> int:  # type: ignore[type-arg]
    """A ruleset that allows this process what `order` says."""
    version = landlock_version()
    handled = WRITE & ~sum(right for right, since in ((_REFER, 2), (_TRUNCATE, 3), (_IOCTL_DEV, 5)) if version < since)
    # Structure: file system, network (4), scopes (6): no abstract sockets and no signals to outside.
    attributes = struct.pack("<QQQ", handled, 0, 3)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    check(ruleset, "Landlock")
    rules = [(path, WRITE) for path in (order["tmp"], *order["writes"])]
    rules += [(f"/dev/{name}", DEVICE) for name in DEVICES]
    rules.append(("/dev/shm", WRITE))
    if order["view"]:
        rules += [("/", READ), ("/tmp", WRITE), ("/dev/pts", READ | DEVICE)]
    else:
        rules += [(path, READ) for path in (*SYSTEM, *SYSTEM_PARTS, "/proc", "/sys", *order["reads"])]
        rules.append((os.path.realpath("/etc/resolv.conf"), READ))
    for path, rights in rules:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError as error:
            if path in (order["tmp"], *order["reads"], *order["writes"]):
                raise Unconfined(f"{path}: {error.strerror}") from None
            continue
        _allow(ruleset, descriptor, rights & handled, path)
        os.close(descriptor)
    # What it was given open it may open again by name: /dev/stdout is the log pipe, which lies elsewhere.
    for descriptor, rights in ((0, _READ_FILE), (1, _WRITE_FILE | _TRUNCATE), (2, _WRITE_FILE | _TRUNCATE)):
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            _allow(ruleset, descriptor, (DEVICE if os.isatty(descriptor) else rights) & handled, f"fd {descriptor}")
    return int(ruleset)


def _allow(ruleset: int, descriptor: int, rights: int, name: str) -> None:
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        rights &= _OF_FILES
    rule = struct.pack("<Qi", rights, descriptor)
    # An anonymous pipe or a socket needs no rule, and takes none.
    refused = libc.syscall(_ADD_RULE, ruleset, 1, rule, 0) != 0
    if refused and ctypes.get_errno() not in (errno.EBADFD, errno.EBADF):
        check(-1, f"Landlock, {name}")


# The user, and what it must not be able to do.


def _own_output(user: int, tty: bool) -> None:
    """Whoever has /dev/stdout opened must be its owner. Files that a person passed in stay theirs."""
    try:
        for descriptor in (0, 1, 2):
            if (tty and os.isatty(descriptor)) or _is_pipe_of_its_own(descriptor):
                os.fchown(descriptor, user, -1)
    except OSError as error:
        raise Unconfined(f"its output cannot become user {user}'s: {error.strerror}") from None


def _give_up(user: int | None) -> None:
    """All rights, and the identity of whoever had them if there is a `user` to become."""
    if user is not None:
        try:
            _drop_bounding_set()
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        except OSError as error:
            raise Unconfined(f"it cannot become user {user}: {error.strerror}") from None
    _leave_keyring()
    _drop_capabilities()
    check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def _is_pipe_of_its_own(descriptor: int) -> bool:
    """The log pipe, or one without a name."""
    name = os.readlink(f"/proc/self/fd/{descriptor}")
    return name.startswith("pipe:[") or os.path.basename(name) in ("out.fifo", "err.fifo")


def _forbid_sockets() -> None:
    """No unix sockets but pairs: neither a view nor another user keeps it from those of its user, Tolv's included, and
    Landlock does not ask about them. io_uring would be a way round."""
    if os.uname().machine not in _SOCKETS:
        return
    arch, socket = _SOCKETS[os.uname().machine]
    # Classic BPF on `struct seccomp_data`: the call at 0, the architecture at 4, the first argument at 16.
    load, equal, above, answer = 0x20, 0x15, 0x35, 0x06
    allowed, refused, unknown = 0x7FFF0000, 0x00050000 | errno.EACCES, 0x00050000 | errno.ENOSYS
    program = (
        (load, 0, 0, 4),
        (equal, 0, 7, arch),
        (load, 0, 0, 0),
        (above, 5, 0, 0x40000000),  # x32
        (equal, 4, 0, 425),  # io_uring_setup
        (equal, 0, 2, socket),
        (load, 0, 0, 16),
        (equal, 2, 0, 1),  # AF_UNIX
        (answer, 0, 0, allowed),
        (answer, 0, 0, unknown),
        (answer, 0, 0, refused),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *one) for one in program))
    header = struct.pack("@HP", len(program), ctypes.addressof(code))
    check(libc.prctl(_PR_SET_SECCOMP, 2, header, 0, 0), "seccomp")


def _drop_bounding_set() -> None:
    for number in range(64):
        if libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) != 0:
            return


def _drop_capabilities() -> None:
    header = struct.pack("<Ii", 0x20080522, 0)
    check(libc.capset(header, bytes(24)), "capset")


def _leave_keyring() -> None:
    """The session's keys are the server's."""
    number = _KEYCTL.get(os.uname().machine)
    if number is not None:
        libc.syscall(number, 1, None)  # KEYCTL_JOIN_SESSION_KEYRING
