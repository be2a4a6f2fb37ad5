"""The deepest records that a configuration can let through are read and taken apart like any other."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stream.config.models import Limits
from stream.normalize import Names, normalize
from stream.normalize.depth import MAX_DEPTH
from support.decoding import batch, decoder

IN_COLUMNS, AS_VALUES = b"1", b"18446744073709551616"


def test_no_limit_is_deeper_than_what_can_be_taken_apart() -> None:
    with pytest.raises(ValidationError):
        Limits(max_depth=MAX_DEPTH + 1)


@pytest.mark.parametrize("max_nesting", [None, 0])
@pytest.mark.parametrize("leaf", [IN_COLUMNS, AS_VALUES])
@pytest.mark.parametrize(("opened", "closed"), [(b'{"a":', b"}"), (b"[", b"]"), (b'[{"a":', b"}]")])
def test_the_deepest_record_becomes_tables(opened: bytes, closed: bytes, leaf: bytes, max_nesting: int | None) -> None:
    times = MAX_DEPTH // len(closed)
    decoded = decoder(Limits(max_depth=MAX_DEPTH)).decode(batch([opened * times + leaf + closed * times]))
    assert normalize(decoded.documents, names=Names(), load_id="l", max_nesting=lambda topic: max_nesting)
