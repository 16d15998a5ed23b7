"""What a directory holds, what becomes of it, and what is open."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from prove.tame import tame

from tolv.prove.watch.files import Changes, Snapshot, changes, growing, open_files, parse_fdinfo, tree_hash


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "src" / "deep").mkdir(parents=True)
    (root / "app.py").write_text("one\n")
    (root / "src" / "deep" / "b.txt").write_text("two\n")
    (root / "log").write_text("line\n")
    (root / "link").symlink_to("app.py")
    return root


def difference(root: Path, act: Callable[[], object], **options: tuple[str, ...]) -> Changes:
    before = Snapshot.of(root, **options)
    act()
    return changes(before, Snapshot.of(root, **options))


def test_a_snapshot_holds_every_name_and_follows_no_link(tree: Path, tmp_path: Path) -> None:
    (tree / "away").symlink_to(tmp_path)
    os.mkfifo(tree / "pipe")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tree / "sock"))
    found = {path: entry.kind for path, entry in Snapshot.of(tree).entries.items()}
    assert found == {
        "app.py": "file",
        "away": "link",
        "link": "link",
        "log": "file",
        "pipe": "other",
        "sock": "other",
        "src": "directory",
        "src/deep": "directory",
        "src/deep/b.txt": "file",
    }
    entry = Snapshot.of(tree).entries["app.py"]
    status = (tree / "app.py").stat()
    assert (entry.size, entry.inode, entry.mode) == (4, status.st_ino, stat.S_IMODE(status.st_mode))
    assert (entry.mtime_ns, entry.ctime_ns) == (status.st_mtime_ns, status.st_ctime_ns)


def test_a_tree_that_nobody_touches_has_not_changed(tree: Path) -> None:
    found = difference(tree, lambda: (tree / "app.py").read_text())
    assert not found
    assert found == Changes()


def test_what_is_added_and_removed_is_named_and_its_directory_is_not(tree: Path) -> None:
    def act() -> None:
        (tree / "src" / "new").mkdir()
        (tree / "src" / "new" / "c").touch()
        (tree / "log").unlink()

    found = difference(tree, act)
    assert (found.added, found.changed, found.removed) == (("src/new", "src/new/c"), (), ("log",))


def test_a_file_that_grows_is_told_from_one_that_is_written_anew(tree: Path) -> None:
    def act() -> None:
        with open(tree / "log", "a") as log:
            log.write("another\n")
        (tree / "app.py").write_text("uno\n")

    found = difference(tree, act)
    assert found.changed == ("app.py", "log")
    assert found.grown == {"log": 8}


def test_a_file_that_is_renamed_over_has_changed_and_not_grown(tree: Path) -> None:
    def act() -> None:
        (tree.parent / "new").write_text("one and more\n")
        os.replace(tree.parent / "new", tree / "app.py")

    found = difference(tree, act)
    assert (found.added, found.changed, found.removed, found.grown) == ((), ("app.py",), (), {})


def test_a_file_of_which_somebody_made_a_hard_link_has_not_changed(tree: Path) -> None:
    def act() -> None:
        os.link(tree / "app.py", tree.parent / "linked")

    assert not difference(tree, act)


def test_a_file_whose_size_and_time_were_put_back_has_changed(tree: Path) -> None:
    def act() -> None:
        status = (tree / "app.py").stat()
        (tree / "app.py").write_text("uno\n")
        os.utime(tree / "app.py", ns=(status.st_atime_ns, status.st_mtime_ns))

    assert difference(tree, act).changed == ("app.py",)


def test_permissions_and_kinds_count(tree: Path) -> None:
    def act() -> None:
        (tree / "src").chmod(0o700)
        (tree / "log").unlink()
        (tree / "log").mkdir()
        (tree / "link").unlink()
        (tree / "link").symlink_to("log")

    found = difference(tree, act)
    assert (found.added, found.changed, found.removed) == ((), ("link", "log", "src"), ())


def test_what_is_left_out_does_not_count(tree: Path) -> None:
    def act() -> None:
        (tree / "src" / "deep" / "c").touch()
        (tree / "app.py").unlink()

    assert difference(tree, act, without=("src/deep",)) == Changes(removed=("app.py",))
    assert set(Snapshot.of(tree, without=("src",)).entries) == {"link", "log"}


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Snapshot.of(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        tree_hash(tmp_path / "none")


def test_names_that_are_no_text_are_kept(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\n.log")
    (tmp_path / name).touch()
    assert set(Snapshot.of(tmp_path).entries) == {name}
    assert tree_hash(tmp_path) != tree_hash(tmp_path, without=(name,))


def test_the_hash_is_of_what_is_there_and_not_of_when_it_was_written(tree: Path) -> None:
    before = tree_hash(tree)
    os.utime(tree / "app.py", (1, 1))
    (tree / "src" / "deep").rename(tree / "src" / "elsewhere")
    assert tree_hash(tree) != before
    (tree / "src" / "elsewhere").rename(tree / "src" / "deep")
    (tree / "app.py").unlink()
    (tree / "app.py").write_text("one\n")
    assert tree_hash(tree) == before
    assert len(before) == 64


@pytest.mark.parametrize("change", ["content", "mode", "name", "target", "kind", "empty"])
def test_the_hash_tells_every_change(tree: Path, change: str) -> None:
    before, left_out = tree_hash(tree), tree_hash(tree, without=("app.py", "link", "made"))
    match change:
        case "content":
            (tree / "app.py").write_text("uno\n")
        case "mode":
            (tree / "app.py").chmod(0o755)
        case "name":
            (tree / "app.py").rename(tree / "made")
        case "target":
            (tree / "link").unlink()
            (tree / "link").symlink_to("log")
        case "kind":
            (tree / "app.py").unlink()
            (tree / "app.py").symlink_to("one")
        case "empty":
            (tree / "made").mkdir()
    assert tree_hash(tree) != before
    assert tree_hash(tree, without=("app.py", "link", "made")) == left_out


WRITER = """
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
read = os.open(sys.argv[2], os.O_RDONLY)
both = os.open(sys.argv[2], os.O_RDWR)
os.write(log, b"first\\n")
os.read(read, 2)
say(log, read, both)
os.read(0, 1)
os.write(log, b"second\\n")
say("written")
stay()
"""


def test_open_files_are_told_with_how_they_are_open(tree: Path) -> None:
    with tame(WRITER, str(tree / "log"), str(tree / "app.py")) as one:
        log, read, both = map(int, one.hear())
        found = {file.descriptor: file for file in open_files([one.pid])}
        assert set(found) == {log, read, both}
        assert (found[log].write, found[log].append, found[log].position, found[log].size) == (True, True, 11, 11)
        assert (found[read].write, found[read].append, found[read].position) == (False, False, 2)
        assert (found[both].write, found[both].append, found[both].position) == (True, False, 0)
        assert found[log].path == str(tree / "log")
        assert found[log].inode == (tree / "log").stat().st_ino
        assert not found[log].deleted
        assert {file.pid for file in found.values()} == {one.pid}
    assert open_files([one.pid]) == ()


def test_a_log_that_grows_is_found_and_what_only_lies_open_is_not(tree: Path) -> None:
    with tame(WRITER, str(tree / "log"), str(tree / "app.py")) as one:
        one.hear()
        before = open_files([one.pid])
        assert growing(before, open_files([one.pid])) == ()
        one.tell()
        assert one.hear() == ["written"]
        (tree / "app.py").write_text("grown by another, open twice, once for writing\n")
        grown = growing(before, open_files([one.pid]))
        assert [file.path for file in grown] == [str(tree / "app.py"), str(tree / "log")]
        assert [file.append for file in grown] == [False, True]
        assert growing((), open_files([one.pid])) == ()


def test_a_file_that_is_shared_after_a_fork_is_one_that_grows(tree: Path) -> None:
    program = """
log = open(sys.argv[1], "ab", 0)
parent = os.getpid()
child = os.fork()
if child == 0:
    while os.getppid() == parent:
        time.sleep(0.01)
    os._exit(0)
say(child)
os.read(0, 1)
log.write(b"more")
say("written")
stay()
"""
    with tame(program, str(tree / "log")) as one:
        pids = [one.pid, int(one.hear()[0])]
        before = open_files(pids)
        assert len(before) == 2
        one.tell()
        assert one.hear() == ["written"]
        assert len(growing(before, open_files(pids))) == 1


def test_a_file_without_a_name_is_still_open(tree: Path) -> None:
    with tame(WRITER, str(tree / "log"), str(tree / "app.py")) as one:
        log = int(one.hear()[0])
        (tree / "log").unlink()
        (found,) = (file for file in open_files([one.pid]) if file.descriptor == log)
        assert (found.path, found.deleted) == (str(tree / "log"), True)
        before = open_files([one.pid])
        one.tell()
        one.hear()
        assert growing(before, open_files([one.pid]))[0].deleted


def test_flags_are_octal() -> None:
    assert parse_fdinfo("pos:\t12\nflags:\t0102001\nmnt_id:\t26\n") == (12, 0o102001)
    with pytest.raises(KeyError):
        parse_fdinfo("mnt_id:\t26\n")
