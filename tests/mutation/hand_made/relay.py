"""Mutants of `scaleplex/relay`.

Gone with their lines: SETTLE_SECONDS of `forward.py` and the repetition of manifests in `upstream.py`. The worker
ends a job in order and repeats what was not taken; its mutants stand in `worker.py`.
"""

from tests.mutation.hand_made import HandMade

FORWARD = ("tests/unit/relay/test_forward.py",)
UPSTREAM = ("tests/unit/relay/test_upstream.py",)

MUTANTS: tuple[HandMade, ...] = (
    HandMade(
        name="request line limit 8190 -> 4094",
        path="scaleplex/relay/gunicorn_conf.py",
        old='"limit_request_line": 8190,',
        new='"limit_request_line": 4094,',
        tests=("tests/integration/relay/test_counted.py",),
    ),
    HandMade(
        name="a socket on the network without a secret is taken",
        path="scaleplex/relay/gunicorn_conf.py",
        old="        check_bind(address, secret)\n",
        new="        pass\n",
        tests=("tests/integration/relay/test_activated.py",),
    ),
    HandMade(
        name="always ready",
        path="scaleplex/relay/app.py",
        old="if not os.access(jobs_dir, os.R_OK | os.X_OK):",
        new="if False:",
        tests=("tests/integration/relay/test_refusals.py::test_a_relay_that_cannot_see_which_jobs_live_is_not_ready",),
    ),
    HandMade(
        name="a manifest PMS refused counts as announced",
        path="scaleplex/relay/forward.py",
        old="        if reply.status < 400:\n",
        new="        if True:\n",
        tests=FORWARD,
    ),
    HandMade(
        name="halved patience never recovers",
        path="scaleplex/relay/forward.py",
        old="job.patience_seconds = self._visible_seconds if names else job.patience_seconds",
        new="pass",
        tests=FORWARD,
    ),
    HandMade(
        name="a second manifest of a job waits for the first",
        path="scaleplex/relay/forward.py",
        old="JOB_MANIFESTS, JOB_OTHERS = 1, 2",
        new="JOB_MANIFESTS, JOB_OTHERS = 2, 2",
        tests=FORWARD,
    ),
    HandMade(
        name="one pool serves all",
        path="scaleplex/relay/forward.py",
        old="MANIFEST_SHARE, OTHER_SHARE = 4, 2",
        new="MANIFEST_SHARE, OTHER_SHARE = 1, 1",
        tests=FORWARD,
    ),
    HandMade(
        name="progress waits for a manifest",
        path="scaleplex/relay/forward.py",
        old='            return self._timed(job, job.way, callback, ticket, b"")',
        new='            return self._timed(job, job.manifests_way, callback, ticket, b"")',
        tests=FORWARD,
    ),
    HandMade(
        name="connections of dead jobs are kept",
        path="scaleplex/relay/housekeeping.py",
        old="        self._forwarder.forget(self._tickets.alive)\n",
        new="",
        tests=("tests/integration/relay/test_forwarding.py::test_the_connections_of_a_job_that_has_ended_are_closed",),
    ),
    HandMade(
        name="half-written job file is gone at once",
        path="scaleplex/relay/tickets.py",
        old="REWRITE_PAUSES_SECONDS = (0.005, 0.02, 0.05)",
        new="REWRITE_PAUSES_SECONDS = (0.005,)",
        tests=("tests/unit/relay/test_tickets.py",),
    ),
    HandMade(
        name="PUT without Range",
        path="scaleplex/relay/upstream.py",
        old='        if method == "PUT":\n',
        new="        if False:\n",
        tests=UPSTREAM,
    ),
    HandMade(
        name="reply may take CONNECT_SECONDS only",
        path="scaleplex/relay/upstream.py",
        old="            self._connection.sock.settimeout(self._limit_seconds)\n",
        new="",
        tests=UPSTREAM,
    ),
    HandMade(
        name="a timed out request is sent twice",
        path="scaleplex/relay/upstream.py",
        old="            except TimeoutError as exc:\n                self._drop()\n"
        "                raise self._failed(exc) from exc\n",
        new="",
        tests=UPSTREAM,
    ),
    HandMade(
        name="unreadable file counts as invisible",
        path="scaleplex/relay/visible.py",
        old="return None if exc.errno in (errno.EACCES, errno.EPERM) else",
        new="return None if exc.errno in () else",
        tests=("tests/unit/relay/test_visible.py",),
    ),
    HandMade(
        name="of many new files all are looked at",
        path="scaleplex/relay/visible.py",
        old="[-FILES_MAX:]",
        new="",
        tests=("tests/unit/relay/test_visible.py",),
    ),
)
