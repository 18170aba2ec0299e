"""Python on a disk that is really small: a file system of its own in a name space of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.trained import ROOT


def on_a_small_disk(
    folder: Path, code: str, *arguments: str, size: str, ballast: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run `code` with `arguments` and `folder`, which is an empty disk of `size` for it alone.

    `ballast` bytes of it are taken by a file of that name. Skips the test where nobody may mount.
    """
    script = (
        f'mount -t tmpfs -o size={size} tmpfs "$1" && head -c {ballast} /dev/zero >"$1/ballast" || exit 99; '
        'folder=$1 code=$2; shift 2; exec "$0" -c "$code" "$@" "$folder"'
    )
    inside = ["sh", "-c", script, sys.executable, str(folder), code, *arguments]
    command = ["unshare", "--user", "--map-root-user", "--mount", *inside]
    try:
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250)
    except FileNotFoundError:
        pytest.skip("needs unshare, of Linux")
    if ran.returncode == 99 or ran.stderr.startswith("unshare"):
        pytest.skip(f"this system lets nobody mount: {ran.stderr.strip()}")
    return ran
