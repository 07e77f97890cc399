"""The made-up town of the journeys: what its files say, who works there, and what they do."""

import csv
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from playwright.sync_api import Browser, Page, expect

from lookup.kind_file import load_kind
from lookup.settings import Settings
from tests.admin_makers import KINDS, SAMPLES
from tests.browser_makers import SOON_MS, Somebody, Visitor, register, service, visitor

KIND = load_kind(KINDS / "scores.toml")
TITLE = "2015年中考成绩（虚构）"


def rows() -> list[list[str]]:
    """The made-up scores, their header first."""
    with (SAMPLES / "scores.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


NUMBER, CODE, SCHOOL = (rows()[1][column] for column in (0, 1, 4))
"""The student who asks, and what the file says of them."""


def write(path: Path, content: list[list[str]]) -> Path:
    """A file as an office's program writes it."""
    with path.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows(content)
    return path


def planted() -> tuple[list[list[str]], set[tuple[str, str, str]]]:
    """The scores with three errors, and each error's line, column and value."""
    content = rows()
    at = {name: content[0].index(name) for name in ("语文", "总分", "名次", "考试情况")}
    last = max(range(1, len(content)), key=lambda line: int(content[line][at["名次"]]))
    content[5][at["语文"]] = str(float(content[5][at["语文"]]) + 1)
    content[9][at["考试情况"]] = "缺考"
    # The last by rank: without this record nobody's rank is another.
    content[last][at["考试情况"]] = "不详"
    return content, {
        ("6", "总分", content[5][at["总分"]]),
        ("10", "考试情况", "缺考"),
        (str(last + 1), "考试情况", "不详"),
    }


@dataclass(frozen=True, slots=True)
class Town:
    """Who works here and where."""

    console: str
    public: str
    folder: Path
    people: dict[str, Somebody]


@contextmanager
def open_town(folder: Path) -> Iterator[Town]:
    """The town at work: its people registered, its console and its public service up."""
    data_dir = folder / "var"
    data_dir.mkdir()
    people = register(data_dir)
    with ExitStack() as stack:
        console = stack.enter_context(service(data_dir, "admin"))
        public = stack.enter_context(service(data_dir, "serve", "--workers", "2"))
        yield Town(console, public, folder, people)


class Journey:
    """The people at their browsers, and what they do there."""

    def __init__(self, town: Town, browser: Browser, language: str, *roles: str) -> None:
        self.town = town
        self.language = language
        self.public: Page = browser.new_context(locale="zh-CN").new_page()
        self.at: dict[str, Visitor] = {}
        for name in roles or town.people:
            self.at[name] = visitor(browser, town.console, language)
            if name == "loader":
                self.at[name].go("/")
                self.at[name].look("sign-in")
            self.at[name].sign_in(town.people[name])

    def send(self, content: list[list[str]], expected: str = "") -> None:
        """The clerk uploads a file."""
        clerk = self.at["loader"]
        clerk.go("/batches")
        clerk.follow("batch.new")
        clerk.page.locator("#kind").select_option("scores")
        clerk.fill("batch.title", TITLE)
        path = write(self.town.folder / "成绩.csv", content)
        clerk.page.get_by_label(clerk.say("batch.files"), exact=True).set_input_files(path)
        clerk.fill("batch.expected", expected)
        clerk.look("batch-new")
        clerk.press("batch.submit")

    def sees_batch(self, state: str) -> str:
        """The clerk waits for the work to end; the path of the batch it made."""
        clerk = self.at["loader"]
        expect(clerk.page).to_have_url(re.compile(r"/jobs/\d+$"))
        # Somebody always does, and the work goes on.
        clerk.page.reload()
        to_batch = clerk.page.get_by_role("main").locator("a[href^='/batches/']")
        expect(to_batch).to_be_visible(timeout=SOON_MS)
        clerk.look(f"job-{state}")
        to_batch.click()
        clerk.sees_state(state)
        clerk.look(f"batch-{state}")
        return batch_path(clerk.page)

    def load(self, content: list[list[str]], state: str, expected: str = "") -> str:
        """The clerk uploads a file and waits; the path of the batch it becomes."""
        self.send(content, expected)
        return self.sees_batch(state)

    def approve(self, batch: str, picture: str) -> None:
        """The reviewer looks at everything there is and confirms each field."""
        reviewer = self.at["reviewer"]
        for tab in ("findings", "differences", "previews"):
            reviewer.go(f"{batch}/{tab}")
            reviewer.look(f"{tab}-{picture}")
        reviewer.go(f"{batch}/review")
        frames = reviewer.page.locator(".strip iframe")
        expect(frames.first.content_frame.locator(".headline")).to_be_visible()
        for field in KIND.fields:
            confirm = reviewer.page.locator(f"select[name='field-{field.name}']")
            confirm.select_option(field.disclosure)
        reviewer.look(f"review-{picture}")
        reviewer.press("review.approve")
        reviewer.sees("flash.approved")
        reviewer.go(batch)
        reviewer.sees_state("approved")

    def seal(self, batch: str) -> str:
        """The publisher makes a release of a batch; its path."""
        publisher = self.at["publisher"]
        publisher.go(batch)
        publisher.press("batch.build")
        publisher.follow("job.to_release")
        publisher.sees_state("sealed")
        publisher.look("release-sealed")
        return "/" + publisher.page.url.split("/", 3)[3].split("?")[0]

    def asks(self) -> Page:
        """The student asks the public site, and is shown what there is."""
        self.public.goto(f"{self.town.public}/scores")
        form = self.public.locator("form").first
        form.locator("[name=candidate_number]").fill(NUMBER)
        form.locator("[name=access_code]").fill(CODE)
        form.get_by_role("button").click()
        return self.public

    def is_shut(self, hour: datetime | None = None) -> bool:
        """Whether the student who asks is told nothing, before the hour where there is one."""
        page = self.public.goto(f"{self.town.public}/scores")
        typed = {"candidate_number": NUMBER, "access_code": CODE}
        answer = self.public.request.post(f"{self.town.public}/api/v1/scores", data=typed)
        assert hour is None or datetime.now(UTC) < hour, "the hour came first: schedule it later"
        assert page is not None
        return page.status == answer.status == 403 and SCHOOL not in answer.text()

    def is_shown(self, text: str) -> bool:
        """Whether the student who asks again and again is shown this before long."""
        until = monotonic() + SOON_MS / 1000
        while monotonic() < until:
            if text in self.asks().locator("main").inner_text():
                return True
        return False


def batch_path(page: Page) -> str:
    """The path of the batch whose page this is."""
    found = re.search(r"/batches/\d+", page.url)
    assert found is not None
    return found[0]


def findings_on(page: Page) -> set[tuple[str, str, str]]:
    """Line, column and value of every finding that the page of findings shows."""
    found = set()
    for group in page.locator(".group").all():
        column = group.locator("h3 .soft").inner_text().strip()
        for example in group.locator(".examples li").all():
            (line,) = re.findall(r"\d+", example.locator(".soft").inner_text())
            found.add((line, column, example.locator("code").inner_text()))
    return found


def in_the_office(moment: datetime) -> str:
    """A time as the office's clock shows it, to the second."""
    return f"{moment.astimezone(Settings().timezone):%Y-%m-%dT%H:%M:%S}"
