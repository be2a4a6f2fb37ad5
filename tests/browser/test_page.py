"""The page in a real browser: what it shows, that nothing of it can become code, and how it looks."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from checkpoints import Checkpoint, Partition, Position
from servers.missing import give_up
from sinks import CreateTable, Receipt, Table
from stream.observe import to_all
from stream.observe.facts import (
    Assigned,
    BatchLoaded,
    BatchRead,
    Claimed,
    LagSeen,
    LogBounds,
    LoopTicked,
    RejectSample,
    SchemaChanged,
    StageStuck,
    Started,
    StateChanged,
    WatermarksMoved,
)
from stream.observe.health import Health
from stream.observe.history import STEP_SECONDS, History
from stream.observe.http import Watchers, routes, served
from stream.observe.metrics import Metrics
from stream.observe.status import StatusBoard

SHOTS = Path(__file__).parents[2] / "docs" / "images"
HOSTILE = "<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = time.time() - 3_600

    def __call__(self) -> float:
        return self.now


class Service:
    """What the page is served of, told an hour of facts in no time."""

    def __init__(self, partitions: int = 4, topic: str = "orders", table: str = "orders") -> None:
        self.clock = Clock()
        self.board, self.history = StatusBoard("shop", self.clock), History(self.clock)
        self.metrics, self.health = Metrics("shop"), Health(60.0)
        observers = (self.board, self.history, self.metrics, self.health)
        self.tell = to_all(*(each.observe for each in observers))
        self.partitions = [Partition(topic, number) for number in range(partitions)]
        self.table = table
        self.tell(Started("postgres", "shop", (topic,), 3))
        self.tell(Assigned(frozenset(self.partitions), {topic: partitions}))
        self.tell(Claimed(Position(dict.fromkeys(self.partitions, 0)), 7))
        self.tell(StateChanged("running"))
        self.tell(SchemaChanged((CreateTable(Table(table)),), version=3))

    def live(self, minutes: int, *, stalled: Partition | None = None) -> None:
        """Let an hour's share pass: batches, lag, and a tick of the loop every ten seconds."""
        for step in range(minutes * 6):
            self.clock.now += STEP_SECONDS
            rows = 4_000 + 2_500 * (step % 30 > 20) + 137 * (step % 7)
            moving = [partition for partition in self.partitions if partition != stalled]
            position = Position(dict.fromkeys(moving, 1000 * (step + 1)))
            at = self.clock.now
            self.tell(BatchRead({"orders": rows}, {"orders": rows * 400}, "rows"))
            receipt = Receipt(
                Checkpoint("shop", f"01k{step:05d}", position, position), {self.table: rows}, rows * 300, 0.21
            )
            newest = dict.fromkeys(moving, at - 1.0)
            self.tell(BatchLoaded(receipt, {"invalid_json": step % 5}, {}, newest, at - 1.5 - step % 9 / 4))
            self.tell(LagSeen({p: LogBounds(0, 1_000 * (step + 1) + step % 40) for p in self.partitions}))
            self.tell(LoopTicked(0.0))
        moving = [partition for partition in self.partitions if partition != stalled]
        self.tell(WatermarksMoved(dict.fromkeys(moving, self.clock.now - 12.0)))

    def watchers(self) -> Watchers:
        config = {"pipeline": "shop", "destination": {"url": "postgresql://loader:***@db/warehouse"}}
        return Watchers(self.metrics, self.health, self.board, self.history, config, 60.0)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Debian's Chromium, driven by Playwright."""
    chromium = shutil.which("chromium")
    if chromium is None:
        give_up("no chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def opened(browser) -> Iterator[Callable[..., object]]:
    """Call it with a service for its page; at the end nothing may have gone to the console."""
    errors: list[str] = []
    contexts, servers = [], []

    def open_page(service: Service, **options: object):
        server = served("127.0.0.1:0", routes(service.watchers()))
        port = server.__enter__()
        servers.append(server)
        context = browser.new_context(**{"viewport": {"width": 1180, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector("#figures dd")
        return page

    yield open_page
    for context in contexts:
        context.close()
    for server in servers:
        server.__exit__(None, None, None)
    assert errors == []


def shot(page, name: str) -> None:
    """Keep how a page looks, where somebody asked for it: HEADRACE_SHOTS=1."""
    if os.environ.get("HEADRACE_SHOTS"):
        SHOTS.mkdir(exist_ok=True)
        page.screenshot(path=str(SHOTS / f"{name}.png"), full_page=False)


@pytest.fixture(scope="module")
def hour() -> Service:
    service = Service()
    service.live(60, stalled=service.partitions[2])
    return service


def test_the_page_tells_state_figures_and_an_hour_of_charts(opened, hour: Service) -> None:
    page = opened(hour, color_scheme="light")
    assert page.text_content("#state") == "running"
    assert page.title() == "shop: running"
    assert page.locator("#throughput path.line").get_attribute("d").count("L") > 300
    assert page.locator("#freshness line.target").count() == 1
    shot(page, "page-light")


def test_a_stalled_partition_is_red_and_first(opened, hour: Service) -> None:
    page = opened(hour, color_scheme="dark")
    assert page.locator("#partition-rows tbody tr").first.get_attribute("class") == "stalled"
    assert "orders[2]" in page.locator("#partition-rows tr.stalled").inner_text()
    assert "1 partition has records to load and does not move" in page.text_content("#problem")
    shot(page, "page-dark")


def test_hostile_names_are_text(opened) -> None:
    service = Service(topic=HOSTILE, table=HOSTILE)
    service.live(1)
    page = opened(service)
    assert page.title() == "shop: running"
    assert HOSTILE in page.text_content("#table-rows")
    assert page.locator("main img, main script").count() == 0


def test_a_thousand_partitions_are_cut_to_the_worst_and_can_be_searched(opened) -> None:
    service = Service(partitions=1_000)
    service.live(2)
    page = opened(service)
    assert page.locator("#partition-rows tbody tr").count() == 200
    page.fill("#filter", "orders[777]")
    assert page.locator("#partition-rows tbody tr").count() == 1


def test_an_open_transaction_and_a_stuck_stage_are_told(opened) -> None:
    service = Service()
    service.live(1)
    service.tell(LagSeen(dict.fromkeys(service.partitions[:2], LogBounds(0, 6_010, 7_000))))
    service.tell(StageStuck("load", 312.4))
    page = opened(service, color_scheme="light")
    problem = page.text_content("#problem")
    assert "An open transaction holds back records of 2 partitions" in problem
    assert 'Stage "load" has made no progress for 312 seconds.' in problem
    assert "7,000" in page.locator("#partition-rows").inner_text()
    shot(page, "page-open-transaction")


def test_samples_of_rejects_are_text_and_only_there_when_asked_for(opened) -> None:
    service = Service()
    service.live(1)
    page = opened(service)
    assert "how its value begins" not in page.text_content("#reject-rows")
    sample = {"invalid_json": RejectSample(service.partitions[0], 7, "not JSON", HOSTILE)}
    step = Checkpoint("shop", "x", Position({}), Position({}))
    service.tell(BatchLoaded(Receipt(step, {}, 0, 0.1), {"invalid_json": 1}, reject_samples=sample))
    page = opened(service, color_scheme="light")
    assert HOSTILE in page.text_content("#reject-rows")
    assert page.title() == "shop: running"
    page.locator("#reject-rows").scroll_into_view_if_needed()
    shot(page, "page-rejects")


def test_it_fits_a_phone(opened, hour: Service) -> None:
    page = opened(hour, viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    shot(page, "page-phone")


def test_the_keyboard_reaches_everything(opened, hour: Service) -> None:
    page = opened(hour)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("#throughput")
    page.keyboard.press("ArrowLeft")
    assert "at most" not in page.text_content("#throughput-now")
    page.keyboard.press("Escape")
    assert "at most" in page.text_content("#throughput-now")
    page.focus("#hold")
    page.keyboard.press("Enter")
    assert page.get_attribute("#hold", "aria-pressed") == "true"


def test_the_configuration_is_shown_when_asked_for(opened, hour: Service) -> None:
    page = opened(hour)
    page.click("#settings summary")
    page.locator("#config", has_text="***").wait_for()  # a locator: the page's policy lets nobody evaluate text
