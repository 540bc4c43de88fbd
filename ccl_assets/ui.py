"""``python -m ccl_assets.ui``: the Dagster UI and daemon, as ``make ui`` starts them."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Sequence

from ccl_assets.command_line import OK, complain, exit_code
from ccl_assets.refresh.instance import InstanceError, open_instance, prepare_instance, refuse_second_daemon
from ccl_assets.refresh.processes import end_dead_runs
from ccl_assets.resources.settings import settings

_ALL = ("0.0.0.0", "::")  # noqa: S104


def main(arguments: Sequence[str] | None = None) -> int:
    """Look at the instance, then become ``dagster dev``; the exit status is 2 if the instance or the port cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m ccl_assets.ui", description="Serve the Dagster UI.")
    parser.add_argument("--host", default="127.0.0.1", help="the UI has no log-in: keep it on this host (default)")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--workspace", default="workspace.yaml")
    given = parser.parse_args(arguments)

    def prepare() -> int:
        home = prepare_instance(settings().home)
        refuse_second_daemon(home)
        with open_instance(home) as instance:
            end_dead_runs(instance)
        _refuse_taken_port(given.host, given.port)
        return OK

    if code := exit_code(prepare, refused=(InstanceError,)):
        return code
    if given.host in _ALL:
        complain("the Dagster UI has no log-in: everybody who reaches this port can launch and delete")
    command = ["dagster", "dev", "-w", given.workspace, "-h", given.host, "-p", str(given.port)]
    os.execv(sys.executable, [sys.executable, "-m", *command])  # noqa: S606


def _refuse_taken_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InstanceError(
                f"port {port} of {host} cannot be used ({error.strerror}); choose another: make ui PORT=3001"
            ) from None


if __name__ == "__main__":
    sys.exit(main())
