from __future__ import annotations

import pytest

from sracl_core.semantics.encode import TextEncoder, load_encoder


@pytest.fixture(scope="session")
def minilm() -> TextEncoder:
    """The encoder that comes with the install."""
    return load_encoder("all-MiniLM-L6-v2")
