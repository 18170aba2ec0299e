"""What holds of every test."""

from __future__ import annotations

import signal

if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # Under `nohup make test` the commands that are tested would rightly not hear it.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
