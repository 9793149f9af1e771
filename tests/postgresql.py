"""A PostgreSQL server of the tests' own: Debian's package, on loopback, in a temporary folder."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

PASSWORD = "open-sesame"


class Server:
    """Started with `start()`; `url` has the password in it."""

    def __init__(self, binaries, folder, user):
        self.binaries, self.folder, self.user = binaries, folder, user
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://me:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def create(self):
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        if self.user is not None:
            for path in (self.folder, secret):
                shutil.chown(path, self.user)
        options = ["-U", "me", "-A", "scram-sha-256", f"--pwfile={secret}", "--no-sync"]
        self._run("initdb", "-D", self.folder / "data", *options)

    def start(self):
        settings = f"-p {self.port} -h 127.0.0.1 -k {self.folder} -c fsync=off"
        log = self.folder / "log"
        self._run("pg_ctl", "-w", "-D", self.folder / "data", "-l", log, "-o", settings, "start")

    def stop(self):
        self._run("pg_ctl", "-w", "-D", self.folder / "data", "-m", "immediate", "stop")

    def _run(self, name, *arguments):
        done = subprocess.run(
            [self.binaries / name, *arguments],
            user=self.user,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def postgresql():
    """A running server; skips where the server, its driver or a user to run it is not there."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not (found or on_path):
        pytest.skip("no PostgreSQL server: apt-get install postgresql")
    pytest.importorskip("psycopg", reason="no driver: pip install 'psycopg[binary]'")
    user = None
    if os.geteuid() == 0:  # the server refuses to be run by root
        import pwd

        names = {entry.pw_name for entry in pwd.getpwall()}
        user = next((name for name in ("postgres", "nobody") if name in names), None)
        if user is None:
            pytest.skip("no user but root, whom PostgreSQL refuses")
    # Not below pytest's own folders, into which only their owner may look.
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    server = Server((found[-1] if found else Path(on_path)).parent, folder, user)
    try:
        server.create()
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
