"""Walks the routes of an app, so that a new one cannot be open by oversight."""

from collections.abc import Container, Iterable

import falcon
from falcon import inspect, testing

HEALTH = frozenset({"/healthz", "/readyz", "/metrics"})
App = falcon.App[falcon.Request, falcon.Response]


def routes(app: App) -> list[tuple[str, str]]:
    """Return method and template of every route."""
    return [
        (method.method, route.path)
        for route in inspect.inspect_routes(app)
        for method in route.methods
        if not method.internal
    ]


def check_unsigned(
    app: App,
    *,
    known: Iterable[str],
    open_routes: Iterable[str] = (),
    refusals: Container[int] = (401,),
    **values: str,
) -> None:
    """Send an unsigned request to every route; all but health and the open ones must refuse it.

    Args:
        open_routes: templates that anybody may call.
        known: templates that must be among the routes, so that the walk cannot be an empty one.
        refusals: statuses that are a refusal.
        values: what takes the place of a template's fields.
    """
    client = testing.TestClient(app)
    found = routes(app)
    allowed = HEALTH | set(open_routes)
    missing = (allowed | set(known)) - {path for _, path in found}
    assert not missing, f"no such route: {missing}"
    for method, path in found:
        target = path
        for name, value in values.items():
            target = target.replace("{" + name + "}", value)
        assert "{" not in target, f"name a value for the fields of {path}"
        answer = client.simulate_request(method, target, body=b"{}")
        if path in allowed:
            assert answer.status_code in (200, 503), (method, path, answer.text)
        else:
            assert answer.status_code in refusals, (method, path, answer.text)
            assert answer.status_code != 401 or method == "HEAD" or answer.json["error"] == "unauthorized"
