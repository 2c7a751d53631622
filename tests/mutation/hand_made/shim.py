"""Mutants of `scaleplex/shim`."""

from tests.mutation.hand_made import HandMade

PLAYING = "tests/integration/shim/test_playback.py"
LISTING = "tests/integration/shim/test_listing.py"
FALLBACK = "tests/integration/shim/test_fallback.py"
RETRY = "tests/integration/shim/test_retry.py"
INTERPRETER = "tests/integration/shim/test_interpreter.py"
FILES = "tests/unit/shim/test_files.py"
PLACEMENT = "tests/unit/shim/test_placement.py"

MUTANTS: tuple[HandMade, ...] = (
    HandMade(
        name="job file lock shared",
        path="scaleplex/shim/jobfile.py",
        old="fcntl.flock(self._descriptor, fcntl.LOCK_EX)",
        new="fcntl.flock(self._descriptor, fcntl.LOCK_SH)",
        tests=(FILES,),
    ),
    HandMade(
        name="swept job file is not noticed",
        path="scaleplex/shim/jobfile.py",
        old="if posix.fstat(self._descriptor).st_nlink:",
        new="if True:",
        tests=(FILES,),
    ),
    HandMade(
        name="events file without a limit",
        path="scaleplex/shim/journal.py",
        old="if size < EVENTS_MAX_BYTES:",
        new="if True:",
        tests=(FILES,),
    ),
    HandMade(
        name="search not restarted after a lost worker",
        path="scaleplex/shim/main.py",
        old="        search.restart()\n",
        new="",
        tests=(f"{RETRY}::test_a_search_after_a_lost_worker_has_its_full_time_again",),
    ),
    HandMade(
        name="FALLBACK=0 not heeded at a shim fault",
        path="scaleplex/shim/main.py",
        old="        if not settings.fallback:\n            return step_aside",
        new="        if False:\n            return step_aside",
        tests=(f"{FALLBACK}::test_a_fault_of_the_shim_with_the_fallback_off_runs_nothing",),
    ),
    HandMade(
        name="standard descriptors not kept",
        path="scaleplex/shim/main.py",
        old="    keep_standard_descriptors()\n",
        new="",
        tests=(f"{PLAYING}::test_what_goes_to_a_closed_stdout_goes_nowhere_else",),
    ),
    HandMade(
        name="the transcoder of the settings is not used",
        path="scaleplex/shim/main.py",
        old="Spawn(argv, settings.transcoder or transcoder)",
        new="Spawn(argv, transcoder)",
        tests=(f"{FALLBACK}::test_the_transcoder_of_the_settings_is_the_one_that_runs",),
    ),
    HandMade(
        name="session directory is not listed",
        path="scaleplex/shim/playback.py",
        old="                self._listing.refresh(time.monotonic())\n",
        new="",
        tests=(f"{LISTING}::test_the_session_directory_is_listed_five_times_a_second_until_a_segment_is_announced",),
    ),
    HandMade(
        name="listing goes on after the first announcement",
        path="scaleplex/shim/playback.py",
        old="            self._listing.stop()\n",
        new="            pass\n",
        tests=(f"{LISTING}::test_the_session_directory_is_listed_five_times_a_second_until_a_segment_is_announced",),
    ),
    HandMade(
        name="a listing that hangs holds the shim up",
        path="scaleplex/shim/listing.py",
        old="_thread.start_new_thread(self._list, ())",
        new="self._list()",
        tests=(f"{LISTING}::test_a_session_directory_that_hangs_holds_nothing_up",),
    ),
    HandMade(
        name="own slow writing counts as silence",
        path="scaleplex/shim/playback.py",
        old="""            outcome = self._act(kind, payload)
            if outcome:
                return outcome
            # Writing to a slow reader may have taken long; that silence was ours.
            self._heard = time.monotonic()
""",
        new="""            self._heard = time.monotonic()
            outcome = self._act(kind, payload)
            if outcome:
                return outcome
""",
        tests=(f"{PLAYING}::test_writing_slowly_is_not_the_silence_of_the_worker",),
    ),
    HandMade(
        name="no timeout on sending the task",
        path="scaleplex/shim/playback.py",
        old="connection.settimeout(SEND_SECONDS)",
        new="connection.settimeout(None)",
        tests=("tests/unit/shim/test_delivery.py",),
    ),
    HandMade(
        name="full non-blocking stdout is a closed one",
        path="scaleplex/shim/playback.py",
        old="""        except BlockingIOError:
            # PMS may have handed us a non-blocking pipe.
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.poll()
""",
        new="",
        tests=(f"{PLAYING}::test_a_full_stdout_that_does_not_block_loses_nothing",),
    ),
    HandMade(
        name="a changed directory causes no trial",
        path="scaleplex/shim/stub.py",
        old='    [ "$path" -ot "$state/trial" ] || return 1\n',
        new="",
        tests=(INTERPRETER,),
    ),
    HandMade(
        name="a start that never came through causes no trial",
        path="scaleplex/shim/stub.py",
        old='    [ -d "/proc/${left##*/}" ] || [ ! -e "$left" ] || return 1\n',
        new="    true\n",
        tests=(f"{INTERPRETER}::test_an_interpreter_that_breaks_where_nobody_looks_costs_one_start",),
    ),
    HandMade(
        name="no TCP keepalive",
        path="scaleplex/shim/http.py",
        old="            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)\n",
        new="",
        tests=(f"{PLACEMENT}::test_a_connection_notices_by_itself_that_the_host_behind_it_is_gone",),
    ),
    HandMade(
        name="CONNECT_SECONDS 0.25 -> 2.5",
        path="scaleplex/shim/http.py",
        old="CONNECT_SECONDS = 0.25",
        new="CONNECT_SECONDS = 2.5",
        tests=(f"{PLACEMENT}::test_a_host_that_is_off_costs_a_quarter_of_a_second",),
    ),
    HandMade(
        name="ANSWER_SECONDS 2 -> 20",
        path="scaleplex/shim/placement.py",
        old="ANSWER_SECONDS = 2.0",
        new="ANSWER_SECONDS = 20.0",
        tests=(f"{PLACEMENT}::test_an_orchestrator_that_says_nothing_leaves_time_for_another",),
    ),
    HandMade(
        name="static list always begins at the first",
        path="scaleplex/shim/placement.py",
        old="self._static = settings.workers[start:] + settings.workers[:start]",
        new="self._static = settings.workers",
        tests=(f"{PLACEMENT}::test_different_jobs_begin_at_different_workers_and_meet_all",),
    ),
    HandMade(
        name="an impostor's stream is played",
        path="scaleplex/shim/playback.py",
        old="            if secret and not response.signed(secret, nonce, None):\n",
        new="            if False:\n",
        tests=("tests/integration/shim/test_impostors.py",),
    ),
)
