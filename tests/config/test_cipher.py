"""Config at rest."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tolv.config.cipher import Cipher
from tolv.errors import PlatformError

configs = st.dictionaries(st.text(), st.text(st.characters(exclude_categories=())))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(configs)
def test_what_is_sealed_opens_to_the_same_values(tmp_path: Path, config: dict[str, str]) -> None:
    cipher = Cipher(tmp_path / "keys")
    sealed = cipher.seal(config)
    assert cipher.open(sealed) == config
    assert Cipher(tmp_path / "keys").open(sealed) == config


def test_nothing_of_a_value_can_be_read_in_what_is_sealed(tmp_path: Path) -> None:
    assert b"hunter2" not in Cipher(tmp_path / "keys").seal({"PASSWORD": "hunter2"})


def test_the_keys_can_be_read_by_their_owner_alone(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        cipher = Cipher(tmp_path / "keys")
        assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600
        cipher.add_key()
        assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600
    finally:
        os.umask(previous)
    assert [one.name for one in tmp_path.iterdir()] == ["keys"]


def test_two_that_start_at_once_agree_on_the_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        ciphers = list(pool.map(lambda _: Cipher(tmp_path / "keys"), range(32)))
    sealed = [cipher.seal({"A": "1"}) for cipher in ciphers]
    assert all(ciphers[0].open(one) == {"A": "1"} for one in sealed)


def test_a_new_key_seals_and_the_old_ones_still_open(tmp_path: Path) -> None:
    cipher = Cipher(tmp_path / "keys")
    old = cipher.seal({"A": "1"})
    fingerprint = cipher.fingerprint("1")
    cipher.add_key()
    rotated = cipher.rotate(old)
    assert cipher.open(old) == cipher.open(rotated) == {"A": "1"}
    assert cipher.fingerprint("1") == fingerprint
    newest = (tmp_path / "keys").read_bytes().splitlines()[0]
    (tmp_path / "keys").write_bytes(newest)
    assert Cipher(tmp_path / "keys").open(rotated) == {"A": "1"}
    with pytest.raises(PlatformError):
        Cipher(tmp_path / "keys").open(old)


def test_fingerprints_tell_values_apart_and_differ_between_homes(tmp_path: Path) -> None:
    here, there = Cipher(tmp_path / "here"), Cipher(tmp_path / "there")
    assert here.fingerprint("a") == here.fingerprint("a")
    assert len({here.fingerprint("a"), here.fingerprint("b"), there.fingerprint("a"), "a"}) == 4
    assert here.fingerprint("\ud800")


@pytest.mark.parametrize("sealed", [b"", b"nonsense", b"gAAAAA"])
def test_what_cannot_be_opened_says_which_file_is_wanted(tmp_path: Path, sealed: bytes) -> None:
    cipher = Cipher(tmp_path / "keys")
    for act in (cipher.open, cipher.rotate):
        with pytest.raises(PlatformError, match="cannot be decrypted") as caught:
            act(sealed)
        assert caught.value.where == str(tmp_path / "keys")


def test_one_changed_byte_is_noticed(tmp_path: Path) -> None:
    cipher = Cipher(tmp_path / "keys")
    sealed = bytearray(cipher.seal({"A": "1"}))
    sealed[40] ^= 1
    with pytest.raises(PlatformError):
        cipher.open(bytes(sealed))


@pytest.mark.parametrize(
    ("content", "problem"), [(b"", "empty"), (b"\n\n", "empty"), (b"short\n", "line 1 is not a key")]
)
def test_a_damaged_key_file_is_refused_and_kept(tmp_path: Path, content: bytes, problem: str) -> None:
    keys = tmp_path / "keys"
    keys.write_bytes(content)
    keys.chmod(0o600)
    with pytest.raises(PlatformError, match=problem):
        Cipher(keys)
    assert keys.read_bytes() == content


def test_keys_that_others_may_read_are_refused(tmp_path: Path) -> None:
    Cipher(tmp_path / "keys")
    (tmp_path / "keys").chmod(0o640)
    with pytest.raises(PlatformError, match="others may read") as caught:
        Cipher(tmp_path / "keys")
    assert "chmod 600" in str(caught.value.remedy)


def test_a_home_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(PlatformError) as caught:
        Cipher(tmp_path / "missing" / "keys")
    assert caught.value.remedy
