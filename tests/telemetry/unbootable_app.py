"""An application that cannot be loaded; PACKY_TEST_FAILURE says as which type."""

import os

from packy.errors import PackyError

SECRET = os.environ["PACKY_TEST_SECRET"]

if os.environ["PACKY_TEST_FAILURE"] == "packy.errors.PackyError":
    raise PackyError("port: is not a number; write `port: 8317`")
raise LookupError(SECRET)
