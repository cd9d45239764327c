"""`python -m bench`: measure the ledger and the API against pgbench on the same server.

Everything runs on a temporary installation and over loopback, and is gone at the end.
"""

import argparse
import asyncio
import logging
import os
import platform
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from rich.console import Console
from rich.markup import escape

from bench import report, runner
from bench.figures import Figures
from bench.load import LoadFailed
from bench.plan import FULL, QUICK, Plan
from bench.server import ServerFailed, temporary_folder
from bench.tpcb import ProgramFailed

RESULT = Path(__file__).parent.parent / "build" / "bench.json"

_FAILURES = (LoadFailed, ProgramFailed, ServerFailed)


def main() -> int:
    """Measure, show and write it down; the exit status is 0 if all ran and the books hold."""
    arguments = _arguments()
    console = Console(highlight=False)
    # What it says of connections that are cut off when a run is stopped is of no use.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    try:
        with temporary_folder() as folder:
            figures, on = uvloop.run(_bench(folder, console, QUICK if arguments.quick else FULL))
        _write(arguments.output, figures.as_json() | {"quick": arguments.quick, "on": on})
    except _FAILURES as error:
        console.print(f"[red]✗[/] {escape(str(error))}")
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("[red]✗[/] Stopped.")
        return 128 + signal.SIGINT
    return 1 if figures.audit_findings else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a minute or two instead of many: one short round, a tenth of the stored payments;"
        ' make bench BENCH_ARGS="--quick"',
    )
    parser.add_argument(
        "--output", type=Path, default=RESULT, help="where the figures go (build/bench.json)"
    )
    return parser.parse_args()


async def _bench(folder: Path, console: Console, plan: Plan) -> tuple[Figures, dict[str, object]]:
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with report.Show(console) as show:
        figures, server = await runner.measure(folder, plan, show)
    console.print(report.measured(figures), report.pages(figures), report.reached(figures))
    return figures, {**server, **_machine(), "plan": plan}


def _write(path: Path, figures: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")
    print(f"All figures are in {path}.")


def _machine() -> dict[str, object]:
    return {
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    sys.exit(main())
