"""Finds the workers and asks them how they are: the static list, DNS and their own registrations, merged by URL.

The only module here that dials out on its own. Each worker is asked by at most one thread at a time, so that one that
hangs delays nobody else; names are looked up in a thread of their own, since a look-up may take as long as it likes.
"""

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import requests

from scaleplex.common.errors import BadField
from scaleplex.common.log import Log, Secret
from scaleplex.orchestrator.fleet import Fleet
from scaleplex.orchestrator.meters import Meters
from scaleplex.protocol.client import SignedSession
from scaleplex.protocol.messages import Capability

CONNECT_SECONDS = 0.5
READ_SECONDS = 1.5
ASKED_AT_ONCE_MAX = 32
# How many look-ups may fail before the last answer of DNS is forgotten.
DNS_FAILURES_ALLOWED = 6

Resolve = Callable[[str, int], Sequence[str]]


def resolve(name: str, port: int) -> list[str]:
    """Return a URL for every address of a name.

    Raises:
        OSError: the name has none, or nobody could say.
    """
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    hosts = {str(address[0]) for family, _, _, _, address in found if family in (socket.AF_INET, socket.AF_INET6)}
    return sorted(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}" for host in hosts)


class Discovery:
    """Two background threads that keep a fleet up to date, until stopped."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        secret: Secret | None,
        workers_list: Sequence[str],
        workers_dns: Sequence[tuple[str, int]],
        poll_seconds: float,
        dns_seconds: float,
        log: Log,
        meters: Meters,
        resolve: Resolve = resolve,
    ) -> None:
        self._fleet = fleet
        self._secret = secret
        self._workers_dns = workers_dns
        self._poll_seconds = max(0.05, poll_seconds)
        self._dns_seconds = max(0.5, dns_seconds)
        self._log = log
        self._meters = meters
        self._resolve = resolve
        self._sessions: dict[str, SignedSession] = {}
        self._asking: set[str] = set()
        self._lost: dict[str, str] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._first_round = threading.Event()
        self._names_known = threading.Event()
        self._pool = ThreadPoolExecutor(ASKED_AT_ONCE_MAX, thread_name_prefix="poll")
        self._threads = [threading.Thread(target=self._poll_forever, name="discovery", daemon=True)]
        fleet.vouch("list", workers_list)
        if workers_dns:
            self._threads.append(threading.Thread(target=self._resolve_forever, name="dns", daemon=True))
        else:
            self._names_known.set()

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads; those asking a worker end with its answer."""
        self._stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def wait_first_round(self, limit_seconds: float) -> bool:
        """Wait until every worker known at the start has answered or failed once; return whether that is so."""
        return self._first_round.wait(limit_seconds)

    # --- asking -----------------------------------------------------------------------------------------------------

    def _poll_forever(self) -> None:
        self._names_known.wait(CONNECT_SECONDS)
        while not self._stopped.is_set():
            urls = self._fleet.urls()
            try:
                futures = [self._pool.submit(self._ask, url) for url in urls if self._begin(url)]
            except RuntimeError:
                return  # the process is ending
            self._close_sessions_except(urls)
            if not self._first_round.is_set():
                for future in futures:
                    future.result()
                self._first_round.set()
            self._stopped.wait(self._poll_seconds)

    def _begin(self, url: str) -> bool:
        with self._lock:
            if url in self._asking:
                return False
            self._asking.add(url)
            return True

    def _ask(self, url: str) -> None:
        asked_s = self._fleet.now()
        try:
            capability = self._capability(url)
        except (requests.RequestException, ValueError, BadField) as exc:
            problem = _sentence(exc)
            self._meters.polls.add(outcome="failed")
            self._fleet.failed(url, problem, refused=_is_refusal(exc))
            self._note(url, problem)
        except Exception as exc:
            self._log.bug("polling a worker failed", exc, worker=url)
        else:
            self._meters.polls.add(outcome="answered")
            self._fleet.heard(url, capability, asked_s)
            self._note(url, None)
        finally:
            with self._lock:
                self._asking.discard(url)

    def _capability(self, url: str) -> Capability:
        with self._lock:
            session = self._sessions.setdefault(url, SignedSession(self._secret))
        answer = session.request("GET", url + "/capability", connect_seconds=CONNECT_SECONDS, read_seconds=READ_SECONDS)
        if answer.status_code != 200:
            raise ValueError(f"GET /capability answered {answer.status_code}: {answer.text[:200]}")
        return Capability.from_json(answer.json())

    def _close_sessions_except(self, urls: Sequence[str]) -> None:
        """Close the connections to workers nobody vouches for any more."""
        with self._lock:
            gone = [url for url in self._sessions if url not in urls and url not in self._asking]
            closing = [self._sessions.pop(url) for url in gone]
        for session in closing:
            session.close()

    def _note(self, url: str, problem: str | None) -> None:
        """Log that a worker was lost or came back, once."""
        before = self._lost.pop(url, None)
        if problem is not None:
            self._lost[url] = problem
            if before is None:
                self._log.warning("worker does not answer", worker=url, problem=problem)
        elif before is not None:
            self._log.info("worker answers again", worker=url)

    # --- names ------------------------------------------------------------------------------------------------------

    def _resolve_forever(self) -> None:
        failures = dict.fromkeys(self._workers_dns, 0)
        known: dict[tuple[str, int], Sequence[str]] = {}
        while not self._stopped.is_set():
            for name in self._workers_dns:
                try:
                    known[name] = self._resolve(*name)
                    failures[name] = 0
                except OSError as exc:
                    failures[name] += 1
                    if failures[name] == 1:
                        self._log.warning("a worker name cannot be looked up", name=name[0], problem=exc)
                    if failures[name] > DNS_FAILURES_ALLOWED:
                        known.pop(name, None)
            self._fleet.vouch("dns", [url for urls in known.values() for url in urls])
            self._names_known.set()
            self._stopped.wait(self._dns_seconds)


def _is_refusal(exc: Exception) -> bool:
    """Return whether the worker's host said that nothing listens there."""
    cause: BaseException | None = exc
    for _ in range(8):
        if isinstance(cause, ConnectionRefusedError):
            return True
        if cause is None:
            return False
        cause = cause.__cause__ or cause.__context__
    return False


def _sentence(exc: Exception) -> str:
    """Return what went wrong, without the libraries' decoration."""
    if _is_refusal(exc):
        return "connection refused"
    if isinstance(exc, requests.Timeout):
        return "no answer in time"
    if isinstance(exc, requests.ConnectionError):
        return "no connection"
    if isinstance(exc, BadField):
        return exc.detail
    return str(exc)[:300]
