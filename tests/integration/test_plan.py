"""`headrace plan` on a live topic: which records it looks at, and that nobody else notices."""

from __future__ import annotations

import json

import pytest
from confluent_kafka.admin import AdminClient

from support import events
from support.service import headrace


@pytest.mark.parametrize(("end", "wanted"), [("oldest", "early"), ("newest", "late")])
def test_it_looks_at_one_end_of_a_topic_and_joins_no_group(kafka, topic, tmp_path, end: str, wanted: str) -> None:
    name = topic()
    values = [json.dumps({"early" if n < 50 else "late": n}).encode() for n in range(100)]
    events.produce(kafka.bootstrap, name, values)
    words = ("--brokers", kafka.bootstrap, "--topic", name, "--to", f"duckdb:///{tmp_path}/x.duckdb")
    done = headrace("plan", *words, "--from", end, "--sample", "10", "--json")
    (found,) = json.loads(done.stdout)
    (columns,) = found["tables"].values()
    assert (wanted in columns, {"early", "late"} & set(columns)) == (True, {wanted})
    groups = AdminClient({"bootstrap.servers": kafka.bootstrap}).list_consumer_groups().result()
    assert not [group.group_id for group in groups.valid if group.group_id.startswith(name)]
