"""A real service over a real store: uvicorn in a thread, RSA keys of our own behind a real JWKS address."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from features.histories import Histories
from serving.auth import ROLES
from serving.ingest import ingest
from serving.run import server
from serving.settings import Settings

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


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """The service on a port of its own, as `signpost serve` runs it; its address."""
    served = server(replace(settings, port=0))
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
