"""Makers for the broadcast: an office with a small round whose release is open."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from lookup.admin import audit, broadcasting
from lookup.admin.on_air import Listener, OnAir
from lookup.admin.replaying import Replayed, replay
from lookup.candidate import access_code
from lookup.stores.entries import Entry, Text
from tests.admin_makers import Office, kind_called, write_rows

HEADER = [
    "准考证号", "查询码", "姓名", "总分", "录取结果", "录取批次", "录取学校代码", "录取学校",
    "志愿序号",
]  # fmt: skip
PLANS = ["录取批次", "学校代码", "学校", "计划数"]
FIRST, SECOND = "第一批", "第二批"
TITLE = Text("试验直播", "Trial")


def admitted(number: int, total: float | str, school: int, **changes: str) -> list[str]:
    """One candidate whom a school of the first round took."""
    row = {
        "准考证号": f"{10_000_000 + number:09d}",
        "查询码": access_code(number * 7_919_000_003 % 32**8),
        "姓名": f"秘密{chr(0x4E00 + number)}",
        "总分": str(total),
        "录取结果": "已录取",
        "录取批次": FIRST,
        "录取学校代码": f"{school:03d}",
        "录取学校": f"第{school}中学",
        "志愿序号": "1",
    }
    return list((row | changes).values())


def refused(number: int, total: float) -> list[str]:
    """One candidate whom no school took."""
    nothing = dict.fromkeys(("录取批次", "录取学校代码", "录取学校", "志愿序号"), "")
    return admitted(number, total, 1, 录取结果="未录取", **nothing)


def round_of(count: int, schools: int = 3) -> list[list[str]]:
    """So many candidates of the first round, each two with the same total, and ten without."""
    taken = [admitted(n, 590 - n // 2, n % schools + 1) for n in range(1, count + 1)]
    return [*taken, *(refused(n, 200) for n in range(count + 1, count + 11))]


class Studio:
    """An office that broadcasts: no approval is needed, the machine's own user does all."""

    def __init__(self, root: Path) -> None:
        self.office = Office(root)
        self.slept: list[float] = []

    def loaded(self, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> int:
        """A batch of admissions; its number."""
        path = write_rows(self.office.root / "admissions.csv", rows, header)
        return self.office.load(kind_called("admissions"), path).batch

    def opened(
        self,
        rows: Sequence[Sequence[str]],
        plan: int = 40,
        header: Sequence[str] = HEADER,
    ) -> int:
        """A batch whose release is open, each of three schools with so many places."""
        plans = [[FIRST, f"{n:03d}", f"第{n}中学", str(plan)] for n in (1, 2, 3)]
        path = write_rows(self.office.root / "plans.csv", plans, PLANS)
        self.office.load(kind_called("school_plans"), path)
        batch = self.loaded(rows, header)
        self.office.open(self.office.build(batch).id)
        return batch

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.slept.append(seconds)
        self.office.clock.now += timedelta(seconds=seconds)

    def begin(self) -> None:
        """Begin a broadcast."""
        self.office.at_desk(lambda desk: broadcasting.begin(desk, TITLE))

    def post(self, words: str, round_name: str | None = None) -> int:
        """Say something."""
        return self.office.at_desk(
            lambda desk: broadcasting.post(desk, broadcasting.text(words), round_name)
        )

    def end(self) -> None:
        """End the broadcast."""
        self.office.at_desk(broadcasting.end)

    def replay(self, batch: int, round_name: str = FIRST, **options: Any) -> Replayed:
        """Replay a round over a minute, without waiting."""
        given: dict[str, Any] = {"sleep": self.sleep, "chance": Random(1)} | options
        return self.office.at_desk(
            lambda desk: replay(desk, batch, round_name, timedelta(minutes=1), **given)
        )

    def air(self) -> OnAir:
        """What is on the air."""
        return Listener(self.office.store.live).look()

    def entries(self) -> list[Entry]:
        """Everything that was said."""
        return list(Listener(self.office.store.live).broadcast.entries())

    def lines(self) -> list[tuple[str, dict[str, Any]]]:
        """The acts of the broadcast with their details, the oldest first."""

        async def work(desk: Any) -> list[tuple[str, dict[str, Any]]]:
            lines = audit.entries(desk.database, subject=broadcasting.SUBJECT)
            return [(line.act, dict(line.detail)) async for line in lines][::-1]

        return self.office.at_desk(work)

    def acts(self) -> list[str]:
        """The acts of the broadcast, the oldest first."""
        return [act for act, _ in self.lines()]
