"""The page and the settings of the orchestrator."""

import pytest

from scaleplex.common.config import load
from scaleplex.common.errors import ConfigError
from scaleplex.orchestrator.config import PREFIX, OrchestratorConfig
from scaleplex.orchestrator.page import render
from scaleplex.orchestrator.registry import Job, View
from scaleplex.protocol.messages import Capability

EVIL = '<script>alert("x")</script>&\''


def view(**changed: object) -> View:
    capability = Capability(EVIL, EVIL, EVIL, EVIL, 1, 4)
    return View(
        **{
            "url": EVIL,
            "source": EVIL,
            "state": EVIL,
            "age_seconds": 1.0,
            "capability": capability,
            "problem": EVIL,
            "pending": 1,
            **changed,
        }
    )  # type: ignore[arg-type]


def test_nothing_a_worker_says_becomes_markup() -> None:
    page = render([view()], [Job(EVIL, EVIL, EVIL, EVIL, 1, pending=True)])
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_page_shows_no_whole_id() -> None:
    page = render(
        [],
        [
            Job(
                "http://w:1",
                "f168tc7vl2desp78pov5ktwu",
                "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11",
                "video",
                1,
                pending=False,
            )
        ],
    )
    assert "f168tc7v<" in page
    assert "f168tc7vl2" not in page
    assert "1d0b0e9b-2a54" not in page


def test_the_page_says_how_many_workers_are_ready_and_loads_nothing_from_elsewhere() -> None:
    ready = view(state="ready", problem=None, capability=Capability("w", "1", "ready", "sw", 1, 4))
    page = render([ready, view(capability=None)], [])
    assert "1 of 2 workers ready, 1 of 4 sessions in use." in page
    assert "src=" not in page
    assert "href=" not in page


def test_the_orchestrator_needs_no_setting() -> None:
    config = load(OrchestratorConfig, PREFIX, {})
    assert (config.bind, config.workers_list, config.workers_dns) == ("127.0.0.1:32480", (), ())


def test_lists_and_names_are_read_with_their_ports() -> None:
    config = load(
        OrchestratorConfig,
        PREFIX,
        {PREFIX + "WORKERS_LIST": "http://10.0.0.6:32481, http://w2:32481/", PREFIX + "WORKERS_DNS": "a.b:1, c:32481"},
    )
    assert config.workers_list == ("http://10.0.0.6:32481", "http://w2:32481")
    assert config.workers_dns == (("a.b", 1), ("c", 32481))


@pytest.mark.parametrize("text", ["workers", "workers:", ":1", "http://w:1", "w:0", "w:x"])
def test_a_name_without_a_port_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(OrchestratorConfig, PREFIX, {PREFIX + "WORKERS_DNS": text})
    assert "WORKERS_DNS" in caught.value.detail
