"""What the codec refuses; that it loses nothing is a law (tests/properties)."""

import pytest

from checkpoints import Partition, Position
from checkpoints.codec import CodecError, decode_checkpoint, decode_position, encode_position

CHECKPOINT = '{"version":1,"pipeline":"p","load_id":"l","since":%s,"upto":%s,"epoch":1,"spans":[]}'


def test_the_text_of_a_position_is_what_version_1_says():
    text = encode_position(Position({Partition("orders", 1): 7, Partition("orders", 0): 5}))
    assert text == '{"version":1,"next":[["orders",0,5],["orders",1,7]]}'


def test_another_version_is_refused_with_both_versions_named():
    with pytest.raises(CodecError, match="version 2 of the format; this headrace reads version 1"):
        decode_position('{"version":2,"next":{"orders":[5]}}')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "[" * 100_000,
        '{"next":[]}',
        '{"version":"1","next":[]}',
        '{"version":1}',
        '{"version":1,"next":[["orders","0",5]]}',
        '{"version":1,"next":[["orders",0]]}',
        '{"version":1,"next":[],"more":1}',
    ],
)
def test_a_text_that_is_no_position_is_refused(text):
    with pytest.raises(CodecError):
        decode_position(text)


def test_a_checkpoint_that_would_fall_back_is_refused():
    with pytest.raises(CodecError, match="fall back"):
        decode_checkpoint(CHECKPOINT % ('[["orders",0,5]]', '[["orders",0,4]]'))
