"""What the system offers for writing safely: names beside, forcing to the disk, and changing places."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

_ELSEWHERE_SECONDS = 7 * 24 * 3600.0
"""Another machine's process cannot be asked whether it still writes; after this long it does not."""

_SET_ASIDE = ".sracl-old-"
_SURROUNDINGS = {
    "PERM",
    "BUSY",
    "LOCKED",
    "NOMEM",
    "READONLY",
    "INTERRUPT",
    "IOERR",
    "FULL",
    "CANTOPEN",
    "AUTH",
}
_AT_CWD, _EXCHANGE, _SWAP = -100, 2, 2


def beside(path: Path) -> Path:
    """A hidden name in the folder of `path` that says which process makes it."""
    return path.with_name(f".sracl-{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")


def is_scratch(path: Path) -> bool:
    """Whether `path` has a name that `beside` gives."""
    return path.name.startswith(".sracl-") and path.match(".sracl-*-*-*.tmp")


def sweep(folder: Path) -> None:
    """Delete what killed processes left half-written in `folder`."""
    with suppress(OSError):
        for path in folder.glob(".sracl-*-*-*.tmp"):
            if _is_left_behind(path):
                remove(path)
        for path in folder.glob(f"{_SET_ASIDE}*"):
            restore(path.with_name(path.name.removeprefix(_SET_ASIDE)))


def remove(path: Path) -> None:
    """Delete a file, a link or a folder, as far as that goes."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def settle(folder: Path) -> None:
    """Force a folder to the disk, its files as readable as itself."""
    mode = folder.stat().st_mode & 0o666
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            path.chmod(mode)
            with path.open("rb") as file:
                os.fsync(file.fileno())
        sync(Path(place))


def sync(folder: Path) -> None:
    """Force the names in a folder to the disk, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def swap(work: Path, path: Path) -> None:
    """Give `work` the name `path`; what lies there lies in `work` then, or is gone.

    At one stroke where the system can; elsewhere a kill in between leaves it as `set_aside(path)`.
    """
    if not os.path.lexists(path):
        try:
            work.rename(path)
            return
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):  # who was at the same has just made it
                raise
    if _exchange(work, path):
        return
    old = set_aside(path)
    path.rename(old)
    try:
        work.rename(path)
    except OSError:
        old.rename(path)
        raise
    remove(old)


def set_aside(path: Path) -> Path:
    """The name of an earlier folder while the new one takes its place."""
    return path.with_name(f"{_SET_ASIDE}{path.name}")


def restore(path: Path) -> None:
    """Give a folder that was set aside its name back, or remove it where a new one has that name."""
    if not path.name:  # the folder where we are, which has not been moved
        return
    old = set_aside(path)
    if os.path.lexists(old):
        if os.path.lexists(path):
            remove(old)
        else:
            old.rename(path)


def is_about_surroundings(error: BaseException | None) -> bool:
    """Whether SQLite reports the disk or the system; everything else is damage of the file."""
    # Its name is the code's with what more is known behind it, such as SQLITE_IOERR_WRITE.
    return getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_").partition("_")[0] in _SURROUNDINGS


def _exchange(one: Path, other: Path) -> bool:
    """Whether the system let two names change places (Linux: renameat2, macOS: renamex_np)."""
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        first, second = os.fsencode(one), os.fsencode(other)
        if sys.platform == "darwin":
            return bool(library.renamex_np(first, second, _SWAP) == 0)
        return bool(library.renameat2(_AT_CWD, first, _AT_CWD, second, _EXCHANGE) == 0)
    return False


def _host() -> str:
    import hashlib  # These two are a sixth of what a tab in the shell takes, which writes nothing.
    import socket

    return hashlib.blake2b(socket.gethostname().encode(), digest_size=4).hexdigest()


def _is_left_behind(path: Path) -> bool:
    _, host, pid, _ = path.name.split("-", 3)
    if host != _host() or not pid.isdigit():
        return time.time() - path.lstat().st_mtime > _ELSEWHERE_SECONDS
    import psutil  # 40 ms, which a folder without leftovers need not pay.

    return not psutil.pid_exists(int(pid))
