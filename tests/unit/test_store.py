"""The file that is kept between runs: what is in it is right or not found, whatever happened to it."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from cancelcheck.engine import store as module
from cancelcheck.engine.store import FILE, Kind, Store, clean, digest, state_of

OTHER = digest(b"other")
KEY = digest(b"key")
OLD = 1_000_000_000


def filled(folder: Path, values: int = 1) -> None:
    store = Store(folder)
    for number in range(values):
        store.put(Kind.FACTS, digest(b"%d" % number), b"value %d " % number * 50)
    store.put(Kind.FACTS, KEY, b"value")
    store.flush()
    assert store.problem == ""
    store.release()


def test_a_value_is_found_in_the_next_run(tmp_path: Path) -> None:
    filled(tmp_path / "cache")
    store = Store(tmp_path / "cache")
    assert store.get(Kind.FACTS, KEY) == b"value"
    assert store.get(Kind.FINDINGS, KEY) is None
    assert store.get(Kind.FACTS, digest(b"other")) is None


def test_a_value_is_found_before_it_is_written(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    store.put(Kind.FACTS, KEY, b"value")
    assert store.get(Kind.FACTS, KEY) == b"value"
    assert store.get(Kind.FINDINGS, KEY) is None


def test_git_and_backups_leave_the_folder_out(tmp_path: Path) -> None:
    filled(tmp_path / "cache")
    assert "*" in (tmp_path / "cache" / ".gitignore").read_text().splitlines()
    assert (tmp_path / "cache" / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_a_folder_that_was_there_is_left_as_it_is(tmp_path: Path) -> None:
    filled(tmp_path)
    assert not (tmp_path / ".gitignore").exists()


def test_a_digest_is_one_of_parts_not_of_their_text() -> None:
    assert digest(b"ab", b"c") != digest(b"a", b"bc")
    assert digest(b"") != digest()


@pytest.mark.parametrize("seed", range(12))
def test_whatever_byte_is_damaged_nothing_wrong_is_read(tmp_path: Path, seed: int) -> None:
    filled(tmp_path, 40)
    chance = random.Random(seed)
    data = bytearray((tmp_path / FILE).read_bytes())
    start = 0 if seed % 2 else 4096
    for _ in range(1 + seed * 20):
        data[chance.randrange(start, len(data))] ^= 1 << chance.randrange(8)
    (tmp_path / FILE).write_bytes(data)
    store = Store(tmp_path)
    for number in range(40):
        assert store.get(Kind.FACTS, digest(b"%d" % number)) in (None, b"value %d " % number * 50)
    store.put(Kind.FACTS, KEY, b"new")
    store.flush()
    assert store.get(Kind.FACTS, KEY) in (None, b"new", b"value")


def test_a_value_under_another_key_is_not_found(tmp_path: Path) -> None:
    filled(tmp_path, 0)
    db = sqlite3.connect(tmp_path / FILE)
    db.execute("UPDATE entries SET key = ?", (Kind.FINDINGS + KEY,))
    db.commit()
    db.close()
    assert Store(tmp_path).get(Kind.FINDINGS, KEY) is None


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    filled(tmp_path, 40)
    data = bytearray((tmp_path / FILE).read_bytes())
    data[100:] = b"\xff" * (len(data) - 100)
    (tmp_path / FILE).write_bytes(data)
    store = Store(tmp_path)
    assert store.get(Kind.FACTS, KEY) is None
    assert "it is made anew the next time" in store.problem
    filled(tmp_path)
    assert Store(tmp_path).get(Kind.FACTS, KEY) == b"value"


@pytest.mark.parametrize("content", [b"not a database" * 500, b"SQLite format 3\0"])
def test_what_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    store = Store(tmp_path)
    assert store.get(Kind.FACTS, KEY) is None
    store.put(Kind.FACTS, KEY, b"value")
    store.flush()
    assert store.problem
    assert (tmp_path / FILE).read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / FILE)
    db.execute("CREATE TABLE entries (key BLOB, used INTEGER, value BLOB)")
    db.commit()
    db.close()
    store = Store(tmp_path)
    store.put(Kind.FACTS, KEY, b"value")
    store.flush()
    assert "another program's file" in store.problem
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        assert db.execute("SELECT * FROM entries").fetchall() == []


def test_a_file_of_another_version_is_left_alone(tmp_path: Path) -> None:
    filled(tmp_path)
    db = sqlite3.connect(tmp_path / FILE)
    db.execute("PRAGMA user_version = 99")
    db.close()
    store = Store(tmp_path)
    assert store.get(Kind.FACTS, KEY) is None
    assert "another version of cancelcheck" in store.problem


def test_where_no_folder_can_be_made_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "cache")
    assert not store.is_usable
    store.put(Kind.FACTS, KEY, b"value")
    store.flush()
    assert store.get(Kind.FACTS, KEY) is None
    assert str(tmp_path / "file" / "cache") in store.problem


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    filled(tmp_path)
    store = Store(tmp_path)
    assert store.get(Kind.FACTS, KEY) == b"value"
    db = store._db
    assert db is not None
    db.execute("PRAGMA query_only = ON")
    store.put(Kind.FACTS, digest(b"new"), b"new")
    store.flush()
    said = store.problem
    assert "readonly" in said
    store.flush()
    assert store.get(Kind.FACTS, KEY) is None
    assert store.problem == said


def test_a_full_disk_is_a_miss(tmp_path: Path) -> None:
    filled(tmp_path)
    store = Store(tmp_path)
    assert store.is_usable
    db = store._db
    assert db is not None
    db.execute("PRAGMA max_page_count = 1").fetchall()
    for number in range(50):
        store.put(Kind.FACTS, digest(b"%d" % number), os.urandom(10_000))
    store.flush()
    assert "full" in store.problem
    assert Store(tmp_path).get(Kind.FACTS, KEY) == b"value"


def test_two_runs_write_at_once(tmp_path: Path) -> None:
    one, two = Store(tmp_path), Store(tmp_path)
    for number in range(20):
        one.put(Kind.FACTS, digest(b"one%d" % number), b"1")
        two.put(Kind.FACTS, digest(b"two%d" % number), b"2")
        one.flush()
        two.flush()
    assert one.problem == two.problem == ""
    later = Store(tmp_path)
    for number in range(20):
        assert later.get(Kind.FACTS, digest(b"one%d" % number)) == b"1"
        assert later.get(Kind.FACTS, digest(b"two%d" % number)) == b"2"
        assert two.get(Kind.FACTS, digest(b"one%d" % number)) == b"1"


def test_who_makes_the_file_asks_it_only_for_what_it_wrote(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.get(Kind.FACTS, KEY) is None
    store.put(Kind.FACTS, KEY, b"value")
    store.flush()
    assert store.get(Kind.FACTS, KEY) == b"value"
    other = Store(tmp_path)
    other.put(Kind.FACTS, OTHER, b"other")
    other.flush()
    assert store.get(Kind.FACTS, OTHER) is None
    store.release()
    assert store.get(Kind.FACTS, OTHER) == b"other"


def test_a_run_that_waits_too_long_for_another_goes_on_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WAIT", 0.05)
    filled(tmp_path)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store = Store(tmp_path)
    assert store.get(Kind.FACTS, KEY) == b"value"
    store.put(Kind.FACTS, KEY, b"new")
    store.flush()
    assert "locked" in store.problem
    other.execute("ROLLBACK")
    other.close()
    assert Store(tmp_path).get(Kind.FACTS, KEY) == b"value"


def test_the_size_is_bounded_and_the_oldest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 400_000
    for day in range(8):
        monkeypatch.setattr(time, "time", lambda day=day: 86_400.0 * (1000 + day))
        store = Store(tmp_path, limit=limit)
        store.get(Kind.FACTS, digest(b"0 0"))
        for number in range(10):
            store.put(Kind.FACTS, digest(b"%d %d" % (day, number)), os.urandom(10_000))
        store.flush()
        assert store.problem == ""
        store.release()
        assert (tmp_path / FILE).stat().st_size < limit * 1.3
    store = Store(tmp_path, limit=limit)
    assert store.get(Kind.FACTS, digest(b"7 9")) is not None
    assert store.get(Kind.FACTS, digest(b"0 0")) is not None, "what is used is kept"
    assert store.get(Kind.FACTS, digest(b"0 1")) is None


def test_a_file_that_looks_the_same_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x")
    os.utime(file, ns=(OLD, OLD))
    status = file.stat()
    store = Store(tmp_path / "cache")
    store.put_digest("a.py", status, digest(b"x"))
    store.flush()
    # it was made just now: who knows whether it is done
    assert store.digest_of("a.py", state_of(status)) is None
    aged = os.stat_result((*status[:7], 1, 1, 1), {"st_mtime_ns": OLD, "st_ctime_ns": OLD})
    store.put_digest("a.py", aged, digest(b"x"))
    store.flush()
    assert store.digest_of("a.py", state_of(aged)) == digest(b"x")
    assert store.digest_of("a.py", state_of(status)) is None
    assert store.digest_of("b.py", state_of(aged)) is None


def test_clean_removes_what_was_made_and_nothing_else(tmp_path: Path) -> None:
    assert not clean(tmp_path / "cache")
    filled(tmp_path / "cache")
    assert clean(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    filled(tmp_path / "cache")
    (tmp_path / "cache" / "mine").write_text("")
    assert clean(tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["mine"]
