"""Ask a finished run: histories, recommendations, semantic neighbors, and what speaks for them.

>>> from sracl_core import Explorer                                       # doctest: +SKIP
>>> run = Explorer.open("runs/20260101-120000-beauty")                    # doctest: +SKIP
>>> run.recommend(history=["B004756YJA", "B0020YLEYK"], k=5).items        # doctest: +SKIP
"""

from __future__ import annotations

from sracl_core.explorer.explorer import Explorer

__all__ = ["Explorer"]
