"""The suite that every decoder passes, ours or a stranger's: subclass it, say how to make one, and give examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, ClassVar

import pytest

from checkpoints import OffsetRange, Partition
from stream.config.models import Limits
from stream.decode.contract import Decoder, DecoderOptions
from stream.model import Decoded, Headers, PartitionRecords, RawBatch
from stream.model.schemas import NO_SCHEMAS, Schemas

_PARTITION = Partition("orders", 0)

Example = tuple[bytes, Any]
"""A record's bytes, and the document that it must become: a dict, without keys that are null."""


class DecoderContract:
    """No crash, no hang, neighbours unharmed, exact values, and cuts do not matter.

    `good` are records with their documents, `bad` records that must be rejected; `headers` go with each of them, and
    `schemas` answers what the decoder wants. A module that runs the suite for one's own decoder:

        class TestMine(DecoderContract):
            good = [(b"...", {"id": 1})]
            bad = [b"..."]

            def make(self, options):
                return MyDecoder(options)
    """

    good: ClassVar[Sequence[Example]] = ()
    bad: ClassVar[Sequence[bytes]] = ()
    headers: ClassVar[Headers] = ()
    schemas: ClassVar[Schemas] = NO_SCHEMAS

    def make(self, options: DecoderOptions) -> Decoder:
        """Return a decoder that has seen nothing yet."""
        raise NotImplementedError("a subclass gives a decoder of its format")

    @pytest.fixture
    def decoder(self) -> Decoder:
        return self.make(DecoderOptions(Limits(max_record_bytes=100_000), table_of=str))

    def test_each_record_becomes_its_document(self, decoder: Decoder) -> None:
        found = documents(self.decode(decoder, [value for value, _ in self.good]))
        assert found == dict(enumerate(document for _, document in self.good))

    def test_bad_records_are_rejected_with_their_bytes_and_harm_no_neighbour(self, decoder: Decoder) -> None:
        values: list[bytes | None] = []
        expected: dict[int, Any] = {}
        for bad in self.bad:
            values.append(bad)
            for value, document in self.good:
                expected[len(values)] = document
                values.append(value)
        decoded = self.decode(decoder, values)
        assert documents(decoded) == expected
        rejects = sorted(decoded.rejects, key=lambda reject: reject.offset)
        assert [reject.value for reject in rejects] == list(self.bad)
        assert all(reject.reason and reject.error for reject in decoded.rejects)

    def test_a_record_beyond_the_limit_is_rejected(self, decoder: Decoder) -> None:
        decoded = self.decode(decoder, [b"\0" * 101_000])
        assert [reject.reason for reject in decoded.rejects] == ["too_large"]

    def test_tombstones_are_counted(self, decoder: Decoder) -> None:
        decoded = self.decode(decoder, [None, self.good[0][0], None])
        assert decoded.skipped == {_PARTITION: {"tombstone": 2}}
        assert list(documents(decoded)) == [1]

    def test_an_empty_batch_gives_nothing(self, decoder: Decoder) -> None:
        assert self.decode(decoder, []) == Decoded()

    def test_cuts_do_not_matter(self, decoder: Decoder) -> None:
        values = [value for value, _ in self.good] * 20 + list(self.bad)
        Random(1).shuffle(values)
        whole = documents(self.decode(decoder, values))
        for size in (1, 7):
            fresh, found = self.make(DecoderOptions(Limits(), table_of=str)), dict[int, Any]()
            for start in range(0, len(values), size):
                found |= documents(self.decode(fresh, values[start : start + size], start))
            assert found == whole

    def test_what_is_wanted_depends_on_the_records_alone(self, decoder: Decoder) -> None:
        raw = self.batch([value for value, _ in self.good])
        assert decoder.wants(raw) == decoder.wants(raw) <= self.schemas.keys()

    @pytest.mark.parametrize("seed", range(20))
    def test_spoilt_bytes_are_documents_or_rejects_and_never_errors(self, decoder: Decoder, seed: int) -> None:
        random = Random(seed)
        values = [value for value, _ in self.good]
        spoilt = [self.spoilt(random, random.choice(values)) for _ in range(100)]
        spoilt = [value for value in spoilt if decoder.wants(self.batch([value])) <= self.schemas.keys()]
        decoded = self.decode(decoder, spoilt)
        skipped = sum(decoded.skipped.get(_PARTITION, {}).values())
        assert len(documents(decoded)) + len(decoded.rejects) + skipped == len(spoilt)

    def spoilt(self, random: Random, value: bytes) -> bytes:
        """Return `value` with some of its bytes changed, cut off or added."""
        data = bytearray(value)
        for _ in range(random.randint(1, 3)):
            at = random.randrange(len(data) + 1)
            match random.randrange(3):
                case 0:
                    data[at:] = b""
                case 1:
                    data[at:at] = random.randbytes(random.randint(1, 12))
                case _:
                    data[at : at + 1] = random.choice([b"\0", b"\x7f", b"\x80", b"\xff", random.randbytes(1)])
        return bytes(data)

    def decode(self, decoder: Decoder, values: Sequence[bytes | None], start: int = 0) -> Decoded:
        """Return what becomes of the values as one batch."""
        return decoder.decode(self.batch(values, start), self.schemas)

    def batch(self, values: Sequence[bytes | None], start: int = 0) -> RawBatch:
        """Return the values as records of one partition, with offsets from `start` on."""
        count = len(values)
        headers = [self.headers] * count if self.headers else ()
        reach = OffsetRange(_PARTITION, start, start + count)
        part = PartitionRecords(reach, range(start, start + count), [-1] * count, [None] * count, values, headers)
        return RawBatch((part,) if values else ())


def documents(decoded: Decoded) -> Mapping[int, Any]:
    """Return each document as a Python value without nulls, by offset. Fails when an offset has two."""
    found: dict[int, Any] = {}
    for each in decoded.documents:
        pairs = [(one.keys, one.data.to_pylist() or [{}] * one.keys.num_rows) for one in each.columnar]
        pairs += [(one.keys, list(one.values)) for one in each.loose]
        for keys, values in pairs:
            offsets: list[Any] = keys["_kafka_offset"].to_pylist()
            assert not found.keys() & set(offsets)
            found |= {offset: _bare(value) for offset, value in zip(offsets, values, strict=True)}
    return {offset: found[offset] for offset in sorted(found)}


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: bare for key, item in value.items() if (bare := _bare(item)) is not None}
    return [_bare(item) for item in value] if isinstance(value, list) else value
