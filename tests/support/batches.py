"""Batches of records as no proper producer makes them: built by aiokafka, then altered byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c

_CRC_AT, _CRC_OF = 17, 21  # in a batch of magic 2: https://kafka.apache.org/documentation/#recordbatch
PLAIN, BROKEN = "name-of-header", b"name-of-\xff\xfeader"


def batch(values: Sequence[bytes], *, broken_header_at: int | None = None, right_crc: bool = True) -> BatchBuilder:
    """Return a batch of `values`, one of them perhaps with a header whose name is not UTF-8."""
    builder = BatchBuilder(1 << 20, 0)
    for index, value in enumerate(values):
        headers = [(PLAIN, b"x")] if index == broken_header_at else []
        builder.append(timestamp=None, key=None, value=value, headers=headers)
    data = bytearray(builder._build()).replace(PLAIN.encode(), BROKEN)
    struct.pack_into(">I", data, _CRC_AT, calc_crc32c(bytes(data[_CRC_OF:])) ^ (not right_crc))
    builder._buffer = data
    return builder


async def produce(bootstrap: str, topic: str, made: BatchBuilder) -> None:
    """Write a batch to the first partition of a topic."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await (await producer.send_batch(made, topic, partition=0))
