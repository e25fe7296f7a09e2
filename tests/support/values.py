"""Strategies for values as documents have them, and as no document should."""

from typing import Any

from hypothesis import strategies as st

TEXTS = st.one_of(
    st.text(max_size=12),
    st.text(st.characters(min_codepoint=0, max_codepoint=0x10FFFF, categories=("Cs", "Cc", "Nd", "L")), max_size=6),
    st.sampled_from(["", " ", "\0", "\ud800", "a" * 400, "[key]", "1e400", "null", "\uff11"]),
)
"""Texts, halves of surrogate pairs among them."""

NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 2.0, 10**15, -(10**15), 10**400, 1e308, 5e-324, 2**31, 2**63, 2**64]),
    st.integers(4300, 5000).map(lambda digits: 10**digits),
)
"""Numbers of every size: Python refuses to write the longest."""

SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)

JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
"""Anything that JSON could say, and a little more."""

ODD: st.SearchStrategy[Any] = st.one_of(
    JSON, st.binary(max_size=4), st.just(()), st.just(object()), st.just({1: 2}), st.just(float("nan"))
)
"""Anything at all."""
