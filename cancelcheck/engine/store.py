"""What is kept between runs, in one SQLite file.

Values are bytes under the digest of everything that they were made from, so that nothing in the file is ever out of
date: what has changed is asked for under another key. Every value carries a checksum, and nothing in the file is run
when it is read. No link is followed to it: whoever wrote the project could have it lead anywhere. Whatever is wrong
with the file or the disk is a miss, and is said once, in `problem`.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress

from cancelcheck.model.digests import blake2b

TYPE_CHECKING = False
# a run in which nothing has changed is over in 30 ms: no pathlib, no enum and no typing here, nor what `sqlite3` adds
if TYPE_CHECKING:
    import sqlite3
else:
    try:
        import _sqlite3 as sqlite3
    except ImportError:
        import sqlite3

FILE = "cancelcheck.db"
"""The name of the file in its folder."""

FOLDER = ".cancelcheck_cache"
"""The name of the folder, where none is given."""

LIMIT = 512 * 1024 * 1024
"""Bytes that the file may have; beyond it what was not used for longest goes."""

_APPLICATION = 0x43414E43
_FORM = 1
_UNUSED_DAYS = 30
_BUFFERED = 8 * 1024 * 1024
_WAIT = 10.0
"""Seconds to wait for another run that is writing."""
_CHECK = 8
_RACY = 2_000_000_000
"""Nanoseconds after a change in which a file may change again and show the same times."""

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, used INTEGER NOT NULL, value BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, state TEXT NOT NULL, used INTEGER NOT NULL, digest BLOB)",
)

_IGNORE = "# made by cancelcheck; safe to delete\n*\n"
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# made by cancelcheck; safe to delete\n"
"""See https://bford.info/cachedir/: backups leave such a folder out."""
_MARKS = ((".gitignore", _IGNORE), ("CACHEDIR.TAG", _TAG))
_FILES = (FILE, f"{FILE}-wal", f"{FILE}-shm")

Folder = str | os.PathLike[str]


class Kind:
    """What an entry is about: the first byte of its key."""

    FACTS = b"f"
    FINDINGS = b"r"
    ASKED = b"a"
    RUN = b"w"
    PARTS = b"p"
    GROUND = b"g"
    SHOWN = b"s"
    CODE = b"c"
    VERSION = b"v"
    BODIES = b"b"


def digest(*parts: bytes) -> bytes:
    """16 bytes that stand for these parts in this order."""
    found = blake2b(digest_size=16)
    for part in parts:
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.digest()


def state_of(status: os.stat_result) -> str:
    """Everything by which a file shows that it has changed, without being read."""
    return f"{status.st_mtime_ns}.{status.st_ctime_ns}.{status.st_size}.{status.st_ino}"


class Store:
    """The file in `folder`. It is opened when it is first needed, and made if there is none."""

    def __init__(self, folder: Folder, *, limit: int = LIMIT) -> None:
        self.folder = folder
        self.problem = ""
        self._limit = limit
        self._db: sqlite3.Connection | None = None
        self._usable = True
        self._writes: dict[bytes, bytes] = {}
        self._files: list[tuple[str, str, bytes]] = []
        self._touched: list[bytes] = []
        self._touched_files: list[str] = []
        self._buffered = 0
        self._written: set[bytes | str] | None = None
        """What is in a file that was just made; None for any other file. To ask takes as long as to find."""
        self._today = int(time.time() // 86_400)

    def __del__(self) -> None:
        # Python 3.13 warns of a database that nobody closed
        db = getattr(self, "_db", None)
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    @property
    def is_usable(self) -> bool:
        """Whether anything can be kept, as far as is known."""
        return self._open() is not None

    # --- reading

    def get(self, kind: bytes, key: bytes) -> bytes | None:
        """What is kept under `key`; None if there is nothing, or it is damaged."""
        key = kind + key
        if key in self._writes:
            return self._writes[key][_CHECK:]
        row = self._row("SELECT value, used FROM entries WHERE key = ?", key)
        if row is None:
            return None
        value, used = row
        if not isinstance(value, bytes) or value[:_CHECK] != _checksum(key, value[_CHECK:]):
            return None
        if used != self._today:
            self._touched.append(key)
        return value[_CHECK:]

    def digest_of(self, path: str, state: str) -> bytes | None:
        """The digest of a file that was in this state when it was last read."""
        row = self._row("SELECT digest, used, state FROM files WHERE path = ?", path)
        if row is None or row[2] != state or not isinstance(row[0], bytes) or len(row[0]) != 16 + _CHECK:
            return None
        if row[0][16:] != _checksum(f"{path}\0{state}".encode("utf-8", "surrogatepass"), row[0][:16]):
            return None
        if row[1] != self._today:
            self._touched_files.append(path)
        return row[0][:16]

    def _row(self, query: str, key: bytes | str) -> tuple[object, ...] | None:
        db = self._open()
        if db is None or (self._written is not None and key not in self._written):
            return None
        try:
            row = db.execute(query, (key,)).fetchone()
        except (sqlite3.Error, UnicodeError, OverflowError) as error:
            self._fail(error)
            return None
        return row if isinstance(row, tuple) else None

    # --- writing

    def put(self, kind: bytes, key: bytes, value: bytes) -> None:
        """Keep a value; it is in the file after `flush`."""
        if not self._usable:
            return
        key = kind + key
        self._writes[key] = _checksum(key, value) + value
        self._buffered += len(value)
        if self._buffered > _BUFFERED:
            self.flush()

    def put_digest(self, path: str, status: os.stat_result, found: bytes) -> None:
        """Keep the digest of a file that was read, and had this status just before. One that changed a moment ago may
        change again and look the same: it is read again the next time."""
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < _RACY:
            return
        state = state_of(status)
        check = _checksum(f"{path}\0{state}".encode("utf-8", "surrogatepass"), found)
        self._files.append((path, state, found + check))

    def flush(self) -> None:
        """Write what was kept since the last time."""
        writes, files, touched, seen = self._writes, self._files, self._touched, self._touched_files
        self._writes, self._files, self._touched, self._touched_files = {}, [], [], []
        self._buffered = 0
        if not (writes or files or touched or seen):
            return
        db = self._open()
        if db is None:
            return
        today = self._today
        try:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?)",
                ((key, today, value) for key, value in writes.items()),
            )
            db.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
                ((path, state, today, found) for path, state, found in files if _is_text(path)),
            )
            db.executemany("UPDATE entries SET used = ? WHERE key = ?", ((today, key) for key in touched))
            db.executemany("UPDATE files SET used = ? WHERE path = ?", ((today, path) for path in seen))
            db.execute("COMMIT")
            if self._written is not None:
                self._written.update(writes, (path for path, _, _ in files))
            if writes:
                self._prune(db)
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                db.rollback()
            self._fail(error)

    def release(self) -> None:
        """Close the file. It is opened again when it is needed: a process must not be forked with it open."""
        db, self._db = self._db, None
        self._written = None
        if db is not None:
            try:
                db.close()
            except sqlite3.Error as error:
                self._fail(error)

    def _prune(self, db: sqlite3.Connection) -> None:
        pages = self._number(db, "page_count") - self._number(db, "freelist_count")
        size = self._number(db, "page_size")
        if pages * size <= self._limit:
            return
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM files WHERE used < ?", (self._today - _UNUSED_DAYS,))
        db.execute("DELETE FROM entries WHERE used < ?", (self._today - _UNUSED_DAYS,))
        count = db.execute("SELECT count(*) FROM entries").fetchone()[0]
        oldest = "DELETE FROM entries WHERE rowid IN (SELECT rowid FROM entries ORDER BY used, rowid LIMIT ?)"
        while count > 0:
            pages = self._number(db, "page_count") - self._number(db, "freelist_count")
            if pages * size <= self._limit * 4 // 5:
                break
            some = max(count // 8, 1)
            db.execute(oldest, (some,))
            count -= some
        db.execute("COMMIT")
        db.execute("PRAGMA incremental_vacuum").fetchall()

    def _number(self, db: sqlite3.Connection, pragma: str) -> int:
        return int(db.execute(f"PRAGMA {pragma}").fetchone()[0])

    # --- the file

    def _open(self) -> sqlite3.Connection | None:
        tries = 0
        while self._db is None and self._usable:
            try:
                self._db = self._opened()
            except (sqlite3.Error, OSError) as error:
                # two runs that make the file at the same time are not always queued by SQLite itself
                tries += 1
                if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY and tries < _TRIES:
                    time.sleep(0.05 * tries)
                else:
                    self._fail(error)
        return self._db

    def _opened(self) -> sqlite3.Connection:
        file = os.path.join(self.folder, FILE)
        if os.path.islink(self.folder) or os.path.islink(file):
            raise _LinkError
        make_folder(self.folder)
        db = sqlite3.connect(file, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        try:
            is_new = False
            db.execute("PRAGMA trusted_schema = OFF")
            db.execute("PRAGMA cell_size_check = ON")
            application = self._number(db, "application_id")
            if application != _APPLICATION or self._number(db, "user_version") != _FORM:
                db.execute("BEGIN IMMEDIATE")
                # another run may have been first
                if self._number(db, "application_id") == 0:
                    if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                        raise _ForeignError
                    db.execute("COMMIT")
                    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
                    db.execute("PRAGMA journal_mode = WAL").fetchall()
                    db.execute("BEGIN IMMEDIATE")
                    for statement in _SCHEMA:
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version = {_FORM}")
                    db.execute(f"PRAGMA application_id = {_APPLICATION}")
                    is_new = True
                elif self._number(db, "application_id") != _APPLICATION:
                    raise _ForeignError
                elif self._number(db, "user_version") != _FORM:
                    raise _OtherFormError
                db.execute("COMMIT")
            # a table may be a view that has no end, or have triggers
            found = set(db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))
            if found != {(statement.replace(" IF NOT EXISTS", ""),) for statement in _SCHEMA}:
                raise _ForeignError
            db.execute("PRAGMA synchronous = NORMAL")
            # what another run writes into it meanwhile is a miss
            self._written = set() if is_new else None
        except BaseException:
            db.close()
            raise
        return db

    def _fail(self, error: Exception) -> None:
        """From now on nothing is found and nothing is kept."""
        self._usable = False
        self._writes, self._files, self._touched, self._touched_files = {}, [], [], []
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()
        if self.problem:
            return
        where = os.path.join(self.folder, FILE)
        again = ""
        if isinstance(error, sqlite3.DatabaseError) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            again = "; it is made anew the next time" if self._is_ours() and remove(self.folder) else ""
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
        else:
            reason = str(error) or type(error).__name__
        self.problem = f"the cache {where} cannot be used: {reason}{again}"

    def _is_ours(self) -> bool:
        """Whether the head of the file says that this program wrote it."""
        try:
            with open(os.path.join(self.folder, FILE), "rb") as file:
                head = file.read(100)
        except OSError:
            return False
        return head[:16] == b"SQLite format 3\0" and head[68:72] == _APPLICATION.to_bytes(4, "big")


_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_TRIES = 5


class _ForeignError(sqlite3.Error):
    def __str__(self) -> str:
        return "it is another program's file"


class _LinkError(sqlite3.Error):
    def __str__(self) -> str:
        return "it is a link, which may lead anywhere"


class _OtherFormError(sqlite3.Error):
    def __str__(self) -> str:
        return "another version of cancelcheck made it (`cancelcheck clean` removes it)"


def _checksum(key: bytes, value: bytes) -> bytes:
    return blake2b(value, digest_size=_CHECK, key=key[:64]).digest()


def _is_text(path: str) -> bool:
    """Whether SQLite can hold it: not a name that is no Unicode."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def make_folder(folder: Folder) -> None:
    """Make the folder, with what keeps git and backups from it. Raises OSError."""
    if os.path.isdir(folder):
        return
    os.makedirs(folder, exist_ok=True)
    for name, text in _MARKS:
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


def remove(folder: Folder) -> bool:
    """Remove what is kept in a folder; whether there was anything. Raises nothing: what cannot be removed is left."""
    done = False
    for name in _FILES:
        with suppress(OSError):
            os.unlink(os.path.join(folder, name))
            done = True
    return done


def clean(folder: Folder) -> bool:
    """Remove everything that this program has put into a folder, and the folder if nothing else is in it; whether there
    was anything. Raises OSError."""
    if not any(os.path.exists(os.path.join(folder, name)) for name in (FILE, "CACHEDIR.TAG")):
        return False
    ours = [*_FILES, *(name for name, text in _MARKS if _holds(os.path.join(folder, name), text))]
    for name in ours:
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, name))
    try:
        os.rmdir(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    return True


def _holds(file: str, text: str) -> bool:
    try:
        with open(file, encoding="utf-8") as opened:
            return opened.read() == text
    except (OSError, UnicodeError):
        return False
