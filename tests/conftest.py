"""What holds of every test."""

from __future__ import annotations

import signal

from hypothesis import settings

settings.register_profile("whole", deadline=None)  # a busy machine is no fault of what is tested
settings.load_profile("whole")

if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # Under `nohup make test` the commands that are tested would rightly not hear it.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
