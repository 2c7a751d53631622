"""Mutants of `scaleplex/worker`."""

from tests.mutation.hand_made import HandMade

PARTS = "tests/unit/worker/test_parts.py"
PLAYBACK = "tests/unit/worker/test_playback.py"
SIGNED = "tests/unit/worker/test_signed.py"


def unsigned(what: str, resource: str, docstring: str) -> HandMade:
    """Return the mutant that opens a resource to everybody."""
    head = f'class {resource}:\n    """{docstring}"""\n'
    return HandMade(
        name=f"{what} unsigned",
        path="scaleplex/worker/resources.py",
        old=head,
        new=f"{head}\n    unsigned = True\n",
        tests=(SIGNED,),
    )


MUTANTS: tuple[HandMade, ...] = (
    HandMade(
        name="pid files of another boot are believed",
        path="scaleplex/worker/leftovers.py",
        old='here = content["boot"] == boot_id()',
        new="here = True",
        tests=(PARTS,),
    ),
    HandMade(
        name="a silent Plex host is not noticed",
        path="scaleplex/worker/playback.py",
        old="            _watch_for_silence(self._shim)\n",
        new="",
        tests=(PLAYBACK,),
    ),
    HandMade(
        name="drain after ffmpeg's own end counts",
        path="scaleplex/worker/playback.py",
        old="if self._ended is not None and event in (Event.DRAIN, Event.KILL):",
        new="if self._ended is not None and event is Event.KILL:",
        tests=(PLAYBACK,),
    ),
    HandMade(
        name="FINAL_REPORT_SECONDS 24 -> 1",
        path="scaleplex/worker/playback.py",
        old="FINAL_REPORT_SECONDS = LONGEST_END_SECONDS + 1.0",
        new="FINAL_REPORT_SECONDS = 1.0",
        tests=(PLAYBACK,),
    ),
    HandMade(
        name="a process that SIGKILL does not end keeps its slot",
        path="scaleplex/worker/playback.py",
        old="            self._feed(Event.EXITED)  # killed, and still there",
        new="            pass  # killed, and still there",
        tests=(PLAYBACK,),
    ),
    unsigned("kill", "Kill", "``POST /task/<job>/kill``."),
    unsigned(
        "drain",
        "Drain",
        '``POST /drain``: take no new tasks; ``{"end_running": true}`` also ends what runs. Answers the capability.',
    ),
    unsigned("task list", "TaskList", "``GET /tasks``: what runs."),
    HandMade(
        name="pid file stays after the task",
        path="scaleplex/worker/runner.py",
        old="            self.pid_files.remove(task.claim.job, task.claim.attempt)\n",
        new="            pass\n",
        tests=("tests/integration/worker/test_told.py::test_what_runs_can_be_looked_at",),
    ),
    HandMade(
        name="warm-up is not tried again",
        path="scaleplex/worker/warmup.py",
        old="                self._stop.wait(self._retry_seconds)\n",
        new="                return\n",
        tests=(PARTS,),
    ),
    HandMade(
        name="an ffmpeg without the progress patch passes",
        path="scaleplex/worker/warmup.py",
        old="    PLACE_OPTION,\n",
        new="",
        tests=(PARTS,),
    ),
    HandMade(
        name="a name another attempt has taken over is removed",
        path="scaleplex/worker/staged.py",
        old="if os.lstat(file.path).st_ino == file.inode:",
        new="if os.lstat(file.path):",
        tests=("tests/unit/worker/test_staged.py",),
    ),
    HandMade(
        name="a kill of one attempt ends every attempt",
        path="scaleplex/worker/supervisor.py",
        old="(attempt is None or task.claim.attempt == attempt)",
        new="True",
        tests=("tests/unit/worker/test_supervisor.py",),
    ),
    HandMade(
        name="no second try on a closed connection",
        path="scaleplex/worker/relay_client.py",
        old="        try:\n            return self._once(method, url, body, read_seconds)\n"
        "        except requests.ConnectionError as exc:\n            if _not_connected(exc):\n"
        '                raise Unreachable(f"no connection to the relay: {type(exc).__name__}") from exc\n'
        "            raise\n",
        new="        raise ConnectionError\n",
        tests=("tests/unit/worker/test_relay_client.py",),
    ),
    HandMade(
        name="READ_SECONDS of a manifest 15 -> 3",  # LAST_READ_SECONDS before the worker announced
        path="scaleplex/worker/announcer.py",
        old="READ_SECONDS = 15.0",
        new="READ_SECONDS = 3.0",
        tests=("tests/unit/worker/test_relay_client.py",),
    ),
    HandMade(
        name="404s need not follow each other",
        path="scaleplex/worker/reporter.py",
        old="self._not_found = self._not_found + 1 if reply.status == NOT_FOUND else 0",
        new="self._not_found = self._not_found + 1 if reply.status == NOT_FOUND else self._not_found",
        tests=("tests/unit/worker/test_reporter.py",),
    ),
    HandMade(
        name="a refused callback does not end the attempt",
        path="scaleplex/worker/reporter.py",
        old="        elif is_refusal(reply):\n",
        new="        elif False:\n",
        tests=("tests/unit/worker/test_reporter.py",),
    ),
    HandMade(
        name="a manifest that was not taken is not sent again",
        path="scaleplex/worker/announcer.py",
        old="        if reply.status < 400:\n",
        new="        if True:\n",
        tests=("tests/unit/worker/test_announcer.py",),
    ),
    HandMade(
        name="the newest manifest always wins",
        path="scaleplex/worker/announcer.py",
        old="last.names is not None and last.fresh <= names:",
        new="last.names is not None:",
        tests=("tests/unit/worker/test_announcer.py",),
    ),
    HandMade(
        name="what ffmpeg left in the kernel is not waited for",
        path="scaleplex/worker/announcer.py",
        old="self._settled = self._settle(SETTLE_SECONDS)",
        new="self._settled = True",
        tests=("tests/unit/worker/test_announcer.py",),
    ),
    HandMade(
        name="an end without its announcements is a good one",
        path="scaleplex/worker/announcer.py",
        old="self.taken = bool(self._settled) and not self._backlog",
        new="self.taken = True",
        tests=("tests/unit/worker/test_announcer.py",),
    ),
    HandMade(
        name="settling does not wait for what is being read",
        path="scaleplex/worker/listener.py",
        old="lambda: self._oldest() == name",
        new="lambda: name in self._open.values()",
        tests=("tests/unit/worker/test_listener.py",),
    ),
    HandMade(
        name="registration each 50 s",
        path="scaleplex/worker/registration.py",
        old="PERIOD_SECONDS = 5.0",
        new="PERIOD_SECONDS = 50.0",
        tests=("tests/unit/worker/test_registration.py",),
    ),
    # `policy.py`: prefixes of forbidden options. The line is gone: nothing is forbidden by name any more, what is not
    # listed is refused. The mutants of the list stand in its place.
    HandMade(
        name="an option that is not listed may stand",
        path="scaleplex/worker/policy/__init__.py",
        old="""        raise _refusal("option", f"the option -{option.name[:60]} is not one Plex is known to use")""",
        new="""        return""",
        tests=("tests/unit/worker/test_policy.py", "tests/security/test_hostile_tasks.py"),
    ),
    HandMade(
        name="values are not looked at",
        path="scaleplex/worker/policy/__init__.py",
        old="""        if not rule.value.match(value):""",
        new="""        if rule.value is None:""",
        tests=("tests/security/test_hostile_tasks.py",),
    ),
    HandMade(
        name="a filter may be told anything",
        path="scaleplex/worker/policy/graphs.py",
        old="""        if found is None or found["key"] not in (None, name):""",
        new="""        if False:""",
        tests=("tests/security/test_hostile_tasks.py",),
    ),
    HandMade(
        name="encoder parameters may be quoted",
        path="scaleplex/worker/policy/encoders.py",
        old="""    if not grammar.ITEMS.match(text):""",
        new="""    if not text:""",
        tests=("tests/security/test_hostile_tasks.py",),
    ),
    HandMade(
        name="unreadable input is not noticed",
        path="scaleplex/worker/prepare.py",
        old="""        if not there or not os.access(path, os.R_OK):""",
        new="""        if not there:""",
        tests=("tests/unit/worker/test_prepare.py",),
    ),
    HandMade(
        name="umask 077",
        path="scaleplex/worker/process.py",
        old="""UMASK = 0o022""",
        new="""UMASK = 0o077""",
        tests=("tests/unit/worker/test_parts.py",),
    ),
    HandMade(
        name="inputs may be lists of other files",
        path="scaleplex/worker/command.py",
        old="""    return replace(file, options=(*file.options, *limits))""",
        new="""    return file""",
        tests=("tests/unit/worker/test_parts.py",),
    ),
    HandMade(
        name="every media root is granted",
        path="scaleplex/worker/prepare.py",
        old="""if any(policy.inside(path, root) for path in inputs))""",
        new="""if root)""",
        tests=("tests/unit/worker/test_prepare.py",),
    ),
)
