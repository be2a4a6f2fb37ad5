"""Delivery asks after doubt, and never sends twice what landed."""

import pytest

from checkpoints import Checkpoint, Fenced, Partition, Position
from sinks import Batch, DataRefused, InDoubt, Receipt, Transient
from stream.config.models import Retry
from stream.load import deliver

pytestmark = pytest.mark.anyio
ORDERS = Partition("orders", 0)
STEP = Checkpoint("p", "load-1", Position({ORDERS: 0}), Position({ORDERS: 5}), epoch=1)
QUICK = Retry(first_wait_seconds=0.001, max_wait_seconds=0.002)


class ScriptedSink:
    """Answers `load` and `is_committed` by script: no real database gives these answers on demand."""

    def __init__(self, loads, landed=()):
        self.loads, self.answers, self.asked = list(loads), list(landed), []

    async def load(self, batch, step):
        self.asked.append("load")
        if isinstance(answer := self.loads.pop(0), Exception):
            raise answer
        return Receipt(step, {}, 0, 0.0)

    async def is_committed(self, load_id):
        self.asked.append("is_committed")
        if isinstance(answer := self.answers.pop(0), Exception):
            raise answer
        return answer


async def delivered(sink, troubles=None):
    return await deliver(sink, Batch(), STEP, QUICK, (troubles if troubles is not None else []).append)


async def test_an_outage_is_sat_out_with_the_same_batch():
    sink, troubles = ScriptedSink([Transient("away"), Transient("away"), "ok"]), []
    assert (await delivered(sink, troubles)).step == STEP
    assert [failed.outcome for failed in troubles] == ["failed", "failed"]


async def test_after_a_lost_answer_a_commit_that_landed_is_not_sent_again():
    sink = ScriptedSink([InDoubt("lost")], landed=[True])
    await delivered(sink)
    assert sink.asked == ["load", "is_committed"]


async def test_after_a_lost_answer_a_commit_that_did_not_land_is_sent_again():
    sink = ScriptedSink([InDoubt("lost"), "ok"], landed=[False])
    await delivered(sink)
    assert sink.asked == ["load", "is_committed", "load"]


async def test_doubt_outlives_an_outage_between_the_commit_and_the_question():
    sink = ScriptedSink([InDoubt("lost")], landed=[Transient("still away"), True])
    await delivered(sink)
    assert sink.asked == ["load", "is_committed", "is_committed"]


@pytest.mark.parametrize("error", [Fenced("newer epoch"), DataRefused("no room")])
async def test_what_no_repetition_mends_passes_through_at_once(error):
    with pytest.raises(type(error)):
        await delivered(ScriptedSink([error]))


async def test_delivery_gives_up_after_the_time_it_was_given():
    sink = ScriptedSink([Transient("away")] * 1000)
    with pytest.raises(Transient):
        await deliver(sink, Batch(), STEP, QUICK.model_copy(update={"give_up_seconds": 0.01}), lambda _: None)
