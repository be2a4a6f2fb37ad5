"""Random Avro schemas, with records written by fastavro and the values that must come out of them."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from decimal import Context, Decimal
from random import Random
from struct import pack
from typing import Any
from uuid import UUID

import fastavro

WIDE = Context(prec=200)
DAY_MS = 86_400_000
YEARS_MS = -62_135_596_800_000, 253_402_300_799_999  # 0001 to 9999


@dataclass
class Records:
    """A schema's text, records of it, and their values as Arrow is told of them."""

    schema: str
    values: list[bytes]
    expected: list[Any]


def records(random: Random, count: int, *, doubles: bool = True) -> Records:
    """Return `count` records of one random schema; its top level is a record."""
    maker = _Maker(random, doubles)
    schema, make = maker.record(0)
    plain = fastavro.parse_schema(without_meaning(schema))
    made = [make() for _ in range(count)]
    return Records(json.dumps(schema), [written(plain, datum) for datum, _ in made], [value for _, value in made])


def written(schema: Any, datum: Any) -> bytes:
    """Return one record as fastavro writes it."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, datum)
    return out.getvalue()


def without_meaning(schema: Any) -> Any:
    """Return a schema without logical types: fastavro then takes plain numbers and bytes."""
    match schema:
        case list():
            return [without_meaning(each) for each in schema]
        case dict():
            return {key: without_meaning(value) for key, value in schema.items() if key != "logicalType"}
        case _:
            return schema


class _Maker:
    """Makes types: each as a schema and a function that gives a datum for the writer and the value to expect."""

    def __init__(self, random: Random, doubles: bool) -> None:
        self.random = random
        self.doubles = doubles
        self.names = 0

    def name(self, stem: str) -> str:
        self.names += 1
        return f"{stem}{self.names}"

    def record(self, depth: int):
        fields = [(self.name("field"), self.any(depth + 1)) for _ in range(self.random.randint(1, 5))]
        schema = {
            "type": "record",
            "name": self.name("Record"),
            "fields": [{"name": name, "type": type_} for name, (type_, _) in fields],
        }

        def make():
            pairs = [(name, make()) for name, (_, make) in fields]
            return {name: datum for name, (datum, _) in pairs}, {name: value for name, (_, value) in pairs}

        return schema, make

    def any(self, depth: int):
        simple = [self.scalar, self.logical, self.decimal, self.enum, self.fixed, self.nullable]
        nested = [self.array, self.map, lambda: self.record(depth), self.union]
        self.depth = depth
        return self.random.choice(simple if depth > 3 else simple + nested)()

    def scalar(self):
        random = self.random
        doubles = [
            ("double", lambda: random.choice([0.0, -1.5, 1e300, random.random()])),
            ("float", lambda: random.choice([0.0, 1.5, -0.25])),
        ]
        kind, make = random.choice(
            [
                ("boolean", lambda: random.random() < 0.5),
                ("int", lambda: random.choice([0, -1, 2**31 - 1, -(2**31), random.randint(-1000, 1000)])),
                ("long", lambda: random.choice([0, -1, 2**63 - 1, -(2**63), random.randint(-1000, 1000)])),
                ("string", lambda: random.choice(["", "ä€😀", "x" * random.randint(0, 300), "a\0b"])),
                ("bytes", lambda: random.randbytes(random.choice([0, 1, 20]))),
                *(doubles if self.doubles else ()),
            ]
        )
        return kind, lambda: (made := make(), made)

    def logical(self):
        random = self.random
        kind, logical, make = random.choice(
            [
                ("int", "date", lambda: random.randint(-719_162, 2_932_896)),
                ("int", "time-millis", lambda: random.randint(0, DAY_MS - 1)),
                ("long", "time-micros", lambda: random.randint(0, DAY_MS * 1000 - 1)),
                ("long", "timestamp-millis", lambda: random.randint(*YEARS_MS)),
                ("long", "timestamp-micros", lambda: random.randint(*YEARS_MS) * 1000 + 7),
                ("long", "timestamp-nanos", lambda: random.randint(-(2**63), 2**63 - 1)),
                ("long", "local-timestamp-millis", lambda: random.randint(*YEARS_MS)),
                ("long", "local-timestamp-micros", lambda: random.randint(*YEARS_MS) * 1000),
                ("string", "uuid", lambda: str(UUID(int=random.getrandbits(128)))),
                ("long", "no-such-meaning", lambda: random.randint(0, 5)),
            ]
        )
        return {"type": kind, "logicalType": logical}, lambda: (made := make(), made)

    def decimal(self):
        random = self.random
        precision = random.choice([1, 9, 18, 38, 39, 76, 77, 120])
        scale = random.randint(0, precision)
        shown = {"logicalType": "decimal", "precision": precision, "scale": scale}

        def number():
            return random.choice([0, -1, 10**precision - 1, 1 - 10**precision, random.randrange(10**precision)])

        def value(unscaled: int):
            exact = WIDE.scaleb(Decimal(unscaled), -scale)
            return exact if precision <= 76 else format(exact, "f")

        size = (10**precision).bit_length() // 8 + 1
        if random.random() < 0.5:
            schema = {"type": "fixed", "name": self.name("Fixed"), "size": size, **shown}
            return schema, lambda: ((n := number()).to_bytes(size, "big", signed=True), value(n))
        return {"type": "bytes", **shown}, lambda: ((n := number()).to_bytes(_size(n), "big", signed=True), value(n))

    def enum(self):
        symbols = [f"S{i}" for i in range(self.random.randint(1, 5))]
        schema = {"type": "enum", "name": self.name("Enum"), "symbols": symbols}
        return schema, lambda: (made := self.random.choice(symbols), made)

    def fixed(self):
        random = self.random
        match random.choice(["plain", "uuid", "duration"]):
            case "uuid":
                schema = {"type": "fixed", "name": self.name("Fixed"), "size": 16, "logicalType": "uuid"}
                return schema, lambda: ((made := UUID(int=random.getrandbits(128))).bytes, str(made))
            case "duration":
                schema = {"type": "fixed", "name": self.name("Fixed"), "size": 12, "logicalType": "duration"}

                def make():
                    parts = [random.getrandbits(32) for _ in range(3)]
                    return pack("<III", *parts), dict(zip(("months", "days", "milliseconds"), parts, strict=True))

                return schema, make
        size = random.randint(1, 20)
        schema = {"type": "fixed", "name": self.name("Fixed"), "size": size}
        return schema, lambda: (made := random.randbytes(size), made)

    def nullable(self):
        inner, make = self.random.choice([self.scalar, self.logical, self.decimal, self.enum])()
        branches = self.random.choice([["null", inner], [inner, "null"], [inner]])
        name = inner["name"] if isinstance(inner, dict) and "name" in inner else _kind(inner)

        def make_nullable():
            if "null" in branches and self.random.random() < 0.3:
                return None, None
            datum, value = make()
            return (name, datum), value

        return branches, make_nullable

    def union(self):
        depth = self.depth
        kinds = [("null", lambda: (None, None)), ("long", lambda: (7, 7)), ("string", lambda: ("x", "x"))]
        record, make_record = self.record(depth + 1)
        array, make_array = self.array()
        named = [(kind, kind, make) for kind, make in kinds]
        named += [(record, record["name"], make_record), (array, "array", make_array)]
        chosen = self.random.sample(named, self.random.randint(3, 5))

        def make():
            _, name, make_one = self.random.choice(chosen)
            datum, value = make_one()
            return (None, None) if name == "null" else ((name, datum), {name: value})

        return [schema for schema, _, _ in chosen], make

    def array(self):
        inner, make = self.any(self.depth + 2)

        def make_array():
            made = [make() for _ in range(self.random.choice([0, 1, 3]))]
            return [datum for datum, _ in made], [value for _, value in made]

        return {"type": "array", "items": inner}, make_array

    def map(self):
        inner, make = self.any(self.depth + 2)

        def make_map():
            made = [(f"k{i}", *make()) for i in range(self.random.choice([0, 1, 3]))]
            return {key: datum for key, datum, _ in made}, [(key, value) for key, _, value in made]

        return {"type": "map", "values": inner}, make_map


def _kind(schema: Any) -> str:
    return schema["type"] if isinstance(schema, dict) else schema


def _size(number: int) -> int:
    return max(1, (number.bit_length() + 8) // 8)
