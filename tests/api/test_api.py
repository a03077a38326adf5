"""The public API is the one of public.txt, which a change of it must change as well."""

import difflib

import pytest

pytest.importorskip("sklearn", reason="the estimators are part of the API")

from snapshot import FILE, snapshot


def test_the_public_api_is_that_of_the_snapshot():
    recorded, found = FILE.read_text(encoding="utf-8").splitlines(), snapshot().splitlines()
    changes = list(difflib.unified_diff(recorded, found, "recorded", "found", lineterm="", n=0))
    assert not changes, "\n".join(
        ["the public API has changed; where that is intended: python tests/api/snapshot.py", *changes]
    )
