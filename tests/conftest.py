"""What all tests share."""

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that begins the same in every test."""
    return np.random.default_rng(0)
