"""A story, played over HTTP against a fresh sandbox server, and then the audit of its books.

`make demo`. Every answer and every balance is checked; the exit status is 0 only if all held.
"""

import http.client
import signal
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.demo import crowds, outside, pesos, together, wallets
from bench.demo.stage import Client, NotSo, Stage, Teller
from bench.server import ServerFailed, run, serving, temporary_folder


def _audit(folder: Path, console: Console) -> None:
    audit = run(folder, "audit")
    console.print(escape(audit.stdout.rstrip()))
    if audit.returncode != 0:
        raise NotSo("the audit found something")


def _play(folder: Path, console: Console) -> None:
    with serving(folder) as server:
        teller = Teller(console)
        teller.say(f"A fresh sandbox is ready on {server.url}, in {server.seconds_to_ready:.1f} s")
        client = Client(server)
        stage = Stage(client, teller)
        started = time.perf_counter()
        try:
            cast = wallets.play(stage)
            outside.play(stage, cast)
            together.play(stage, cast)
            eva = pesos.play(stage, cast)
            crowds.play(stage, cast, eva)
        finally:
            client.close()
        seconds = time.perf_counter() - started
        teller.say(f"That took {client.requests} requests and {seconds:.1f} s. Now the audit:")
        _audit(folder, console)
    console.print("[green]✓[/] The server has stopped. All held.")


def main() -> int:
    """Play it; the exit status."""
    console = Console(highlight=False, soft_wrap=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        with temporary_folder() as folder:
            _play(folder, console)
    except (NotSo, ServerFailed, OSError, http.client.HTTPException) as error:
        console.print(f"[red]✗[/] {escape(str(error) or repr(error))}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())
