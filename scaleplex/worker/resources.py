"""HTTP to decisions and back; thin on purpose."""

import json
import time
from collections.abc import Callable
from typing import cast

import falcon

from scaleplex.common.errors import BadField, BadTicket
from scaleplex.common.log import Secret
from scaleplex.common.service import json_body
from scaleplex.protocol import wire
from scaleplex.protocol.messages import Capability, TaskRequest
from scaleplex.protocol.signing import wall_clock_ms
from scaleplex.worker.runner import Runner
from scaleplex.worker.supervisor import Supervisor


class NewTask:
    """``POST /task``: run a task and stream its frames."""

    def __init__(self, runner: Runner, secret: Secret | None) -> None:
        self._runner = runner
        self._secret = secret

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        received = time.monotonic()
        request = TaskRequest.from_json(json_body(req))
        self._check_ticket(req, request)
        mac = wire.FrameMac(self._secret.reveal(), req.context.nonce) if self._secret is not None else None
        playback = self._runner.start(request, req.env.get("gunicorn.socket"), received, mac)
        resp.content_type = wire.STREAM_TYPE
        resp.stream = playback

    def _check_ticket(self, req: falcon.Request, request: TaskRequest) -> None:
        if self._secret is None:
            return
        problem = wire.ticket_problem(
            self._secret.reveal(),
            request.ticket,
            req.context.proof.receiver,
            request.session,
            request.job,
            request.attempt,
            wall_clock_ms(),
        )
        if problem is not None:
            error = BadTicket(
                f"No leave to run this task here: {problem}.",
                "Call the worker as the orchestrator names it, with clocks in step"
                f" (it was called as {req.context.proof.receiver}).",
            )
            self._runner.supervisor.refused(error)
            raise error


class TaskList:
    """``GET /tasks``: what runs."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        _answer(resp, {"tasks": [task.to_json() for task in self._supervisor.tasks()]})


class OneTask:
    """``GET /task/<job>``."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def on_get(self, req: falcon.Request, resp: falcon.Response, job: str) -> None:
        _answer(resp, self._supervisor.task(job).to_json())


class Kill:
    """``POST /task/<job>/kill``."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def on_post(self, req: falcon.Request, resp: falcon.Response, job: str) -> None:
        body = json_body(req) if cast("bytes", req.context.body) else {}
        reason, attempt = body.get("reason"), body.get("attempt")
        if reason is not None and not isinstance(reason, str):
            raise BadField("The field 'reason' must be a string.", "See the protocol page.")
        if attempt is not None and type(attempt) is not int:
            raise BadField("The field 'attempt' must be a whole number.", "See the protocol page.")
        self._supervisor.kill(job, reason, attempt)
        resp.status = falcon.HTTP_204


class CapabilityResource:
    """``GET /capability``."""

    def __init__(self, capability: Callable[[], Capability]) -> None:
        self._capability = capability

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        _answer(resp, self._capability().to_json())


class Drain:
    """``POST /drain``: take no new tasks; ``{"end_running": true}`` also ends what runs. Answers the capability."""

    def __init__(self, supervisor: Supervisor, capability: Callable[[], Capability]) -> None:
        self._supervisor = supervisor
        self._capability = capability

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        end_running = json_body(req).get("end_running", False) if cast("bytes", req.context.body) else False
        if not isinstance(end_running, bool):
            raise BadField("The field 'end_running' must be true or false.", "See the protocol page.")
        self._supervisor.drain(end_running=end_running)
        _answer(resp, self._capability().to_json())


class Undrain:
    """``POST /undrain``: take tasks again. Answers with the capability."""

    def __init__(self, supervisor: Supervisor, capability: Callable[[], Capability]) -> None:
        self._supervisor = supervisor
        self._capability = capability

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._supervisor.undrain()
        _answer(resp, self._capability().to_json())


def _answer(resp: falcon.Response, value: object) -> None:
    """Answer in ASCII JSON: an argv may hold bytes that are no text, and those are lone surrogates here."""
    resp.content_type = falcon.MEDIA_JSON
    resp.data = json.dumps(value).encode()
