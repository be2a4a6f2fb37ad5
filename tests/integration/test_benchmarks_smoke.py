"""The opponents of the benchmarks do their work: a rival that loses rows would flatter us."""

from __future__ import annotations

import uuid

import pytest

from benchmarks.contenders import Contender, all_contenders, run
from benchmarks.workload import Backlog, orders, produce

EVENTS = 2_000


@pytest.fixture(scope="module")
def backlog(kafka) -> Backlog:
    return produce(kafka.bootstrap, f"orders-{uuid.uuid4().hex[:8]}", EVENTS)


def contenders(*names: str) -> list[Contender]:
    return [each for each in all_contenders() if each.name in names]


@pytest.mark.parametrize("expert", contenders("expert's script"), ids=lambda expert: expert.destination)
def test_an_experts_script_carries_every_order_and_item_once(expert, backlog, postgres_dsn):
    assert run(expert, backlog, postgres_dsn).outcome.events == EVENTS


@pytest.mark.parametrize("headrace", contenders("headrace"), ids=lambda headrace: headrace.destination)
def test_headrace_is_measured_by_its_own_log(headrace, backlog, postgres_dsn):
    measured = run(headrace, backlog, postgres_dsn)

    assert measured.usage.started < measured.outcome.ready < measured.outcome.done < measured.usage.ended


def test_the_same_seed_gives_the_same_orders():
    assert list(orders(100)) == list(orders(100))


def test_orders_have_the_promised_size():
    sizes = [len(event) for event, _ in orders(20_000)]

    assert 380 < sum(sizes) / len(sizes) < 395
