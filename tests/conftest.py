"""What all tests have in common."""

import hypothesis

from tests.support.suite import *  # noqa: F403  the hooks

# A deadline of 200 ms is a matter of what else the machine does, not of the code.
hypothesis.settings.register_profile("scaleplex", deadline=None)
hypothesis.settings.load_profile("scaleplex")
