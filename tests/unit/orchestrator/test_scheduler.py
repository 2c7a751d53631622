"""Who takes a job."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from scaleplex.orchestrator.scheduler import Candidate, Choice, Nobody, choose
from scaleplex.protocol.messages import Needs, PlacementRequest

URLS = [f"http://10.0.0.{n}:32481" for n in range(1, 7)]


def worker(url: str = URLS[0], **changed: object) -> Candidate:
    base = Candidate(
        url=url,
        problem=None,
        state="ready",
        backend="vaapi",
        sessions=0,
        expected=0,
        max_sessions=4,
        cpu_load=0.0,
        encoders=("h264_vaapi",),
        has_served=False,
        last_placed=0,
    )
    return replace(base, **changed)  # type: ignore[arg-type]


def request(exclude: tuple[str, ...] = (), *, video_encode: bool = True) -> PlacementRequest:
    return PlacementRequest("s", "j", 1, needs=Needs(video_encode), exclude=exclude)


def chosen(candidates: list[Candidate], wanted: PlacementRequest | None = None) -> str:
    decision = choose(candidates, wanted or request())
    assert isinstance(decision, Choice), decision
    return decision.worker.url


candidates = st.lists(
    st.builds(
        worker,
        url=st.sampled_from(URLS),
        problem=st.sampled_from([None, None, None, "lost: connection refused"]),
        state=st.sampled_from(["ready", "ready", "ready", "starting", "draining", "unknown", "odd"]),
        backend=st.sampled_from(["vaapi", "nvenc", "sw"]),
        sessions=st.integers(0, 9),
        expected=st.integers(0, 3),
        max_sessions=st.integers(0, 8),
        cpu_load=st.floats(0, 100),
        encoders=st.sampled_from([(), ("h264_vaapi",), ("libx264", "libx265")]),
        has_served=st.booleans(),
        last_placed=st.integers(0, 50),
    ),
    max_size=6,
    unique_by=lambda c: c.url,
)
exclusions = st.lists(st.sampled_from(URLS), max_size=4).map(tuple)


@given(candidates, exclusions, st.booleans())
def test_the_chosen_worker_is_never_excluded_lost_not_ready_full_or_unable(
    workers: list[Candidate], exclude: tuple[str, ...], video_encode: bool
) -> None:
    decision = choose(workers, request(exclude, video_encode=video_encode))
    if isinstance(decision, Choice):
        it = decision.worker
        assert it in workers
        assert it.url not in exclude
        assert it.problem is None
        assert it.state == "ready"
        assert it.sessions < it.max_sessions
        assert it.encoders or it.backend != "sw" or not video_encode


@given(candidates, exclusions)
def test_whoever_is_not_chosen_for_want_of_any_has_a_reason(workers: list[Candidate], exclude: tuple[str, ...]) -> None:
    decision = choose(workers, request(exclude))
    if isinstance(decision, Nobody):
        assert set(decision.reasons) == {w.url for w in workers}
        assert all(decision.reasons.values())


@given(candidates, st.randoms())
def test_the_choice_does_not_depend_on_the_order_of_the_workers(workers: list[Candidate], random: object) -> None:
    shuffled = list(workers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert choose(workers, request()) == choose(shuffled, request())


@given(st.integers(2, 6), st.integers(1, 30))
def test_equal_workers_take_turns(number: int, rounds: int) -> None:
    workers = [worker(url) for url in URLS[:number]]
    got = dict.fromkeys(URLS[:number], 0)
    for sequence in range(1, rounds * number + 1):
        url = chosen(workers)
        got[url] += 1
        workers = [replace(w, last_placed=sequence) if w.url == url else w for w in workers]
    assert set(got.values()) == {rounds}


@given(st.lists(st.integers(1, 8), min_size=1, max_size=6))
def test_a_burst_fills_every_worker_in_proportion(caps: list[int]) -> None:
    workers = [worker(url, max_sessions=cap) for url, cap in zip(URLS, caps, strict=False)]
    for sequence in range(1, sum(caps) + 1):
        url = chosen(workers)
        workers = [replace(w, expected=w.expected + 1, last_placed=sequence) if w.url == url else w for w in workers]
        loads = [w.expected / w.max_sessions for w in workers]
        assert max(loads) - min(loads) <= 1 / min(caps) + 1e-9


def test_placements_a_worker_has_not_shown_yet_do_not_make_it_full() -> None:
    """Fifty short jobs in a row used to make an idle worker look full: they had ended before anybody asked."""
    assert chosen([worker(URLS[0], expected=50)]) == URLS[0]
    assert chosen([worker(URLS[0], expected=2), worker(URLS[1], sessions=1)]) == URLS[1]


def test_the_least_loaded_relative_to_its_cap_is_chosen() -> None:
    assert chosen([worker(URLS[0], sessions=1, max_sessions=2), worker(URLS[1], sessions=2, max_sessions=8)]) == URLS[1]


def test_a_session_goes_back_to_the_worker_that_has_its_film_in_memory() -> None:
    assert chosen([worker(URLS[0]), worker(URLS[1], has_served=True, last_placed=9)]) == URLS[1]


def test_a_session_does_not_go_back_to_a_worker_that_is_a_whole_session_fuller() -> None:
    assert chosen([worker(URLS[0]), worker(URLS[1], has_served=True, sessions=1)]) == URLS[0]


def test_video_is_encoded_in_hardware_when_both_are_idle() -> None:
    workers = [worker(URLS[0], backend="sw", encoders=("libx264",)), worker(URLS[1], last_placed=9)]
    assert chosen(workers) == URLS[1]
    assert chosen(workers, request(video_encode=False)) == URLS[0]


def test_a_worker_whose_cores_are_overloaded_comes_after_one_with_a_little_more_to_do() -> None:
    assert chosen([worker(URLS[0], cpu_load=3.0), worker(URLS[1], sessions=1, max_sessions=8)]) == URLS[1]


def test_nobody_is_chosen_of_none() -> None:
    assert choose([], request()) == Nobody({})


def test_reasons_say_what_an_operator_has_to_know() -> None:
    decision = choose(
        [
            worker(URLS[0], sessions=4),
            worker(URLS[1], state="draining"),
            worker(URLS[2], problem="lost: connection refused"),
            worker(URLS[3]),
            worker(URLS[4], backend="sw", encoders=()),
        ],
        request((URLS[3] + "/",)),
    )
    assert isinstance(decision, Nobody)
    assert decision.reasons == {
        URLS[0]: "full: 4 of 4 sessions",
        URLS[1]: "draining",
        URLS[2]: "lost: connection refused",
        URLS[3]: "excluded: it refused this job or lost it",
        URLS[4]: "it has no video encoder",
    }


GPU = {"decoders": ("h264", "hevc", "hevc:10"), "encoders": ("h264", "hevc")}


def test_av1_is_not_sent_to_a_gpu_without_av1_while_another_can() -> None:
    old = worker(URLS[0], **GPU)
    new = worker(URLS[1], decoders=(*GPU["decoders"], "av1"), encoders=GPU["encoders"], sessions=3)
    processor = worker(URLS[2], backend="sw", encoders=("libx264",), sessions=3, cpu_load=2.0)
    av1 = replace(request(), needs=Needs(decode="av1", encode="h264"))
    assert chosen([old, new], av1) == new.url
    assert chosen([old, processor], av1) == processor.url
    assert chosen([old], av1) == old.url
    assert chosen([old, new]) == old.url


def test_ten_bits_are_not_sent_to_a_gpu_that_encodes_eight_while_another_can() -> None:
    old = worker(URLS[0], **GPU)
    new = worker(URLS[1], decoders=GPU["decoders"], encoders=("h264", "hevc", "hevc:10"), sessions=3)
    assert chosen([old, new], replace(request(), needs=Needs(encode="hevc", ten_bit=True))) == new.url
    assert chosen([old, new], replace(request(), needs=Needs(encode="hevc"))) == old.url


def test_a_gpu_that_only_decodes_takes_what_nobody_else_can() -> None:
    """It encodes on its processor; a worker with an NVIDIA card of the wrong driver used to get no job at all."""
    decodes = worker(URLS[0], backend="nvenc", decoders=GPU["decoders"], encoders=())
    h264 = replace(request(), needs=Needs(decode="h264", encode="h264"))
    assert chosen([decodes], h264) == decodes.url
    assert chosen([decodes, worker(URLS[1], **GPU, sessions=3)], h264) == URLS[1]
    assert chosen([decodes, worker(URLS[1], backend="sw", encoders=("libx264",), sessions=3)], h264) == URLS[1]


def test_a_gpu_that_decodes_nothing_is_not_taken_for_one_nobody_asked() -> None:
    encodes = worker(URLS[0], decoders=(), encoders=GPU["encoders"])
    assert (
        chosen([encodes, worker(URLS[1], **GPU, sessions=1)], replace(request(), needs=Needs(decode="hevc"))) == URLS[1]
    )


def test_what_nobody_said_speaks_against_no_worker() -> None:
    copying = Needs(video_encode=False, decode="av1")
    able = worker(URLS[0], **GPU)
    assert chosen([able, worker(URLS[1], sessions=1)], replace(request(), needs=copying)) == able.url


def reason(candidates: list[Candidate], wanted: PlacementRequest | None = None) -> str:
    decision = choose(candidates, wanted or request())
    assert isinstance(decision, Choice), decision
    return decision.reason


def test_a_choice_says_why() -> None:
    first, second = worker(URLS[0]), worker(URLS[1])
    full = replace(second, sessions=4)
    assert reason([first]) == "only-one"
    assert reason([first, full]) == "only-one"
    assert reason([first, replace(second, sessions=1)]) == "least-loaded"
    assert reason([first, replace(second, last_placed=3)]) == "longest-unused"
    assert reason([first, second]) == "longest-unused"
    assert reason([first, replace(second, backend="sw", encoders=("libx264",))]) == "hardware-encoder"


def test_a_worker_that_served_the_session_is_named_so_only_when_its_load_alone_would_not_have_won() -> None:
    first, second = worker(URLS[0], has_served=True, max_sessions=10), worker(URLS[1], max_sessions=10)
    assert reason([first, second]) == "same-session"
    assert reason([replace(first, sessions=1), second]) == "same-session"
    assert reason([first, replace(second, sessions=3)]) == "least-loaded"


def test_a_gpu_that_knows_the_codec_is_named_as_the_reason() -> None:
    able, unable = worker(URLS[0], decoders=("av1",), encoders=("h264",)), worker(URLS[1], encoders=("h264",))
    wanted = PlacementRequest("s", "j", 1, needs=Needs(video_encode=True, decode="av1", encode="h264"))
    assert reason([able, unable], wanted) == "gpu-codecs"
