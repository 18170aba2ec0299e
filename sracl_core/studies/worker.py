"""What a study starts as a process of its own: `python -m sracl_core.studies.worker WORDS`.

train RUN     train the run in that folder, from its start or from its last checkpoint
tune STUDY RUNS TRIALS WORKERS     try settings of a study until it has so many trials
"""

from __future__ import annotations

import sys
from pathlib import Path

from sracl_core.errors import SraclError, StorageError
from sracl_core.interrupts import end_as_ctrl_c_does, exit_code
from sracl_core.studies.crew import NO_ROOM, end_with_parent


def main(words: list[str]) -> int:
    """Do one job; an error is one line on stderr, as the command line has it."""
    end_with_parent()
    end_as_ctrl_c_does()
    try:
        if words[0] == "train":
            _train(Path(words[1]))
        else:
            from sracl_core.studies.trials import try_settings

            try_settings(Path(words[1]), Path(words[2]), int(words[3]), int(words[4]))
    except SraclError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return NO_ROOM if isinstance(error, StorageError) else error.exit_code
    except KeyboardInterrupt as interrupt:
        print("interrupted", file=sys.stderr)
        return exit_code(interrupt)
    return 0


def _train(path: Path) -> None:
    from sracl_core.pipeline.run import resume, train
    from sracl_core.runs.directory import open_run
    from sracl_core.runs.writer import RunWriter

    run = open_run(path)
    begun = run.metrics_path.is_file()
    with RunWriter(run) as writer:
        if begun:
            resume(run, writer)
        else:
            train(run, writer)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
