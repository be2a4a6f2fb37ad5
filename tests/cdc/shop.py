"""The source: a shop in a real PostgreSQL with logical decoding, and a seeded random day of its life."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, LiteralString

import psycopg

from servers import postgres
from servers.postgres import PostgresServer

SCHEMA: Final = "shop"

KEYS: Final = {"customers": "id", "orders": "id", "lines": "order_id"}
"""The tables, and the first column of each one's key."""

TABLES: Final = tuple(KEYS)

MARK: Final = 999_999_999
"""The id of the last row that is written to each table: where it is, everything is."""

_CREATE: Final[LiteralString] = """
    create schema shop;
    create table shop.customers (
        id integer primary key, name text not null, level varchar(20), points integer not null default 0,
        about jsonb, token uuid, photo bytea, balance numeric, born date, seen timestamptz
    );
    create table shop.orders (
        id bigint primary key, customer integer not null, total numeric(12, 2), day date, at timestamp, note text,
        paid boolean not null default false, weight double precision, clock time
    );
    create table shop.lines (
        order_id bigint, number integer, sku text not null, amount integer, price numeric(10, 4),
        primary key (order_id, number)
    );
    insert into shop.customers
        select n, 'Käthe ' || n, 'new', n, jsonb_build_object('n', n), md5(n::text)::uuid,
            convert_to('p' || n, 'UTF8'), round(n / 7.0, 3), date '1980-01-01' + n,
            timestamptz '2024-01-01 10:00:00.5+02' + n * interval '1 day'
        from generate_series(1, 100) n;
    insert into shop.orders
        select n, n % 100 + 1, n * 1.25, '2024-01-01', '2024-01-01 10:00', null, false, n / 3.0::float8,
            '10:11:12.123456'
        from generate_series(1, 300) n;
    insert into shop.lines select n, m, 'sku-' || m, m, n / 16.0
        from generate_series(1, 300) n, generate_series(1, 2) m;
"""

_ALTERATIONS: Final[tuple[tuple[LiteralString, LiteralString], ...]] = (
    ("shop.orders gets a column", "alter table shop.orders add column channel text"),
    ("shop.customers.points becomes bigint", "alter table shop.customers alter column points type bigint"),
    ("shop.orders.total gets more digits", "alter table shop.orders alter column total type numeric(16, 4)"),
    (
        "shop.lines gets two columns",
        "alter table shop.lines add column discount numeric(6, 3), add column gift boolean",
    ),
)


@contextmanager
def opened() -> Iterator[PostgresServer]:
    """Give a database with `wal_level = logical` and the shop in it, full of rows."""
    with postgres.owned() as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("alter system set wal_level = logical")
        server.restart()
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute(_CREATE)
        yield server


def described(happened: Mapping[str, int]) -> str:
    """Return what happened, for people: `310 pay, 120 order`."""
    return ", ".join(f"{count} {kind}" for kind, count in sorted(happened.items()) if not kind.startswith("ALTER"))


class Day:
    """Changes to the shop, the same for each seed: a generator's steps, so that others can act between them."""

    def __init__(self, dsn: str, *, seed: int) -> None:
        self._dsn = dsn
        self._chance = random.Random(seed)
        self._new = 10_000
        self._altered: list[str] = []

    def run(self, changes: int) -> Iterator[str]:
        """Make so many changes and yield what each was; the tables are altered on the way, at equal distances."""
        every = max(1, changes // (len(_ALTERATIONS) + 1))
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            for number in range(1, changes + 1):
                yield self._change(connection)
                if number % every == 0 and len(self._altered) < len(_ALTERATIONS):
                    told, statement = _ALTERATIONS[len(self._altered)]
                    connection.execute(statement)
                    self._altered.append(told)
                    yield f"ALTER TABLE: {told}"

    def end(self) -> None:
        """Write the last row of each table, with values for the columns that were added and widened."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute("insert into shop.customers (id, name) values (%s, 'the last')", [MARK])
            connection.execute("insert into shop.orders (id, customer, total) values (%s, 1, 0.0625)", [MARK])
            connection.execute("insert into shop.lines values (%s, 1, 'last', 0, 0, 0.125, true)", [MARK])

    def _change(self, connection: psycopg.Connection[Any]) -> str:
        chance = self._chance
        kinds = (self._order, self._sell, self._pay, self._cancel, self._renumber, self._greet, self._forget)
        kind = chance.choices(kinds, weights=(5, 5, 6, 2, 1, 4, 1))[0]
        with connection.transaction():
            kind(connection)
        return kind.__name__.strip("_")

    def _order(self, connection: psycopg.Connection[Any]) -> None:
        """A new order with its lines, in one transaction."""
        self._new += 1
        more = ", channel" if self._altered else ""
        also = ", %s" if self._altered else ""
        connection.execute(
            f"insert into shop.orders (id, customer, total, day, at, note, weight, clock{more}) values"
            f" (%s, %s, %s, '2024-02-03', '2024-02-03 04:05:06.789', %s, %s, '23:59:59'{also})",
            [self._new, self._customer(), self._amount(), "Größe \U0001f600", self._chance.random(),
             *(["web"] if more else [])],
        )  # fmt: skip
        for number in range(1, self._chance.randrange(1, 4)):
            connection.execute(
                "insert into shop.lines (order_id, number, sku, amount, price) values (%s, %s, %s, %s, %s)",
                [self._new, number, f"sku-{self._chance.randrange(9)}", self._chance.randrange(5), self._amount()],
            )

    def _sell(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("update shop.lines set amount = amount + 1 where order_id = %s", [self._order_id()])

    def _pay(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(
            "update shop.orders set paid = not paid, total = total + %s, note = null where id = %s",
            [self._amount(), self._order_id()],
        )

    def _cancel(self, connection: psycopg.Connection[Any]) -> None:
        order = self._order_id()
        connection.execute("delete from shop.lines where order_id = %s", [order])
        connection.execute("delete from shop.orders where id = %s", [order])

    def _renumber(self, connection: psycopg.Connection[Any]) -> None:
        """Give an order another primary key, and its lines with it."""
        self._new += 1
        order = self._order_id()
        connection.execute("update shop.orders set id = %s where id = %s", [self._new, order])
        connection.execute("update shop.lines set order_id = %s where order_id = %s", [self._new, order])

    def _greet(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(
            "update shop.customers set points = points + 7, level = %s, balance = round(balance * 1.5, 3),"
            " seen = now(), about = jsonb_build_object('n', %s::int) where id = %s",
            [self._chance.choice(["new", "gold", None]), self._chance.randrange(99), self._customer()],
        )

    def _forget(self, connection: psycopg.Connection[Any]) -> None:
        """Delete a customer and take the same id for another, in one transaction."""
        customer = self._customer()
        connection.execute("delete from shop.customers where id = %s", [customer])
        connection.execute("insert into shop.customers (id, name) values (%s, 'somebody else')", [customer])

    def _customer(self) -> int:
        return self._chance.randrange(1, 121)

    def _order_id(self) -> int:
        return self._chance.choice([self._chance.randrange(1, 301), self._chance.randrange(10_000, self._new + 1)])

    def _amount(self) -> float:
        return self._chance.randrange(1, 10_000) / 100
