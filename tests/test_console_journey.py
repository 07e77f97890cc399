"""From a messy file to a reviewed, timed publication, in a real browser.

A town with five people, the console and the public service run as they would in an office;
every step is what somebody sees and presses.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from lookup.admin.people.roles import PUBLISHER_DAEMON
from lookup.admin.publishing.preflight import ITEMS
from tests.browser_makers import ARGUMENTS, NAMES, SOON_MS
from tests.town import (
    KIND,
    NUMBER,
    SCHOOL,
    Journey,
    Town,
    batch_path,
    findings_on,
    in_the_office,
    open_town,
    planted,
    rows,
)

pytestmark = pytest.mark.browser
HOUR = timedelta(seconds=15)
"""How far ahead the opening is scheduled: enough for a public worker to map the file."""
TRIES = 200
LANGUAGES = ["zh", "en"] if "LOOKUP_PICTURES" in os.environ else ["zh"]
"""The journey is the same in both; pictures are wanted of both."""
MENDED = {"mathematics": ("78", "77.5"), "total": ("422.5", "422"), "rank": ("134", "135")}
"""What the student's record says and should say; nobody else's rank is another for it."""
CLERK, REVIEWER, ISSUER = NAMES["loader"], NAMES["reviewer"], NAMES["publisher"]
ACTS = [
    (CLERK, "batch.load"),
    (CLERK, "batch.load"),
    (REVIEWER, "batch.approve"),
    (ISSUER, "release.build"),
    (ISSUER, "release.schedule"),
    (PUBLISHER_DAEMON.name, "release.prepare"),
    (PUBLISHER_DAEMON.name, "release.open"),
    (CLERK, "batch.correct"),
    (REVIEWER, "batch.approve"),
    (ISSUER, "release.build"),
    (ISSUER, "release.open"),
    (ISSUER, "release.roll_back"),
    (ISSUER, "release.withdraw"),
]
"""What the audit must say was done, by whom, in this order."""


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with open_town(tmp_path) as town:
        yield town


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        browser.close()


def messy_file(journey: Journey) -> None:
    """Three planted errors are found, and nothing else."""
    content, errors = planted()
    clerk = journey.at["loader"]
    batch = journey.load(content, "rejected")
    clerk.go(f"{batch}/findings")
    clerk.sees("finding.count", errors=3, warnings=0)
    assert findings_on(clerk.page) == errors
    clerk.look("findings-rejected")


def reviewed_batch(journey: Journey) -> str:
    """The mended file, approved by somebody who did not load it; the batch's path."""
    clerk, reviewer = journey.at["loader"], journey.at["reviewer"]
    batch = journey.load(rows(), "checked", expected="200")
    clerk.go(f"{batch}/review")
    expect(clerk.page.get_by_role("button", name=clerk.say("review.approve"))).to_have_count(0)
    reviewer.go(f"{batch}/previews")
    headline = reviewer.page.frame_locator("iframe").locator(".headline")
    expect(headline).to_contain_text(" / ")
    # The page is dressed as the public's is.
    expect(headline).to_have_css("border-top-left-radius", "8px")
    journey.approve(batch, "first")
    return batch


def timed_opening(journey: Journey, batch: str) -> None:
    """Sealed, scheduled to the second, shut until then, open from then on."""
    publisher = journey.at["publisher"]
    journey.seal(batch)
    opens_at = (datetime.now(UTC) + HOUR).replace(microsecond=0)
    publisher.fill("release.opens_at", in_the_office(opens_at))
    publisher.press("act.schedule")
    publisher.sees_state("scheduled")
    assert journey.is_shut(opens_at)
    expect(publisher.page.locator("[data-items] li.ok")).to_have_count(len(ITEMS), timeout=SOON_MS)
    publisher.look("release-scheduled")
    publisher.sees_state("open")
    assert datetime.now(UTC) >= opens_at
    assert journey.is_shown(SCHOOL)
    publisher.look("release-open")
    publisher.go("/release-day")
    expect(publisher.page.locator("[data-workers] tr")).to_have_count(2)
    hits = publisher.page.locator("[data-tile=hits]")
    assert any(journey.asks() and hits.inner_text() != "0" for _ in range(TRIES))
    publisher.look("release-day")


def shown(name: str, value: str) -> str:
    """A cell's value as people are shown it."""
    field = KIND.field(name)
    return f"{value} / {field.full_mark}" if field.type == "score" else value


def corrected_record(journey: Journey, batch: str) -> str:
    """A wrong mark is mended with total and rank, seen, approved, opened; the release's path."""
    clerk, publisher = journey.at["loader"], journey.at["publisher"]
    clerk.go(f"{batch}/correct")
    clerk.look("correct-which")
    clerk.page.locator("[name=key-candidate_number]").fill(NUMBER)
    clerk.press("correct.find")
    for name, (old, new) in MENDED.items():
        field = clerk.page.locator(f"[name=value-{name}]")
        expect(field).to_have_value(old)
        field.fill(new)
    assert NUMBER not in clerk.page.url
    clerk.fill("correct.reason", "数学成绩登分有误")
    clerk.look("correct")
    clerk.press("correct.submit")
    clerk.sees_state("checked")
    correction = batch_path(clerk.page)
    clerk.go(f"{correction}/differences")
    expect(clerk.page.locator("del")).to_have_text(
        [shown(n, old) for n, (old, _) in MENDED.items()]
    )
    expect(clerk.page.locator("ins")).to_have_text(
        [shown(n, new) for n, (_, new) in MENDED.items()]
    )
    journey.approve(correction, "second")
    release = journey.seal(correction)
    publisher.prove(journey.town.people["publisher"], release)
    publisher.press("act.open")
    publisher.sees_state("open")
    assert journey.is_shown(shown("total", "422"))
    publisher.look("release-corrected")
    return release


def rolled_back(journey: Journey, release: str) -> None:
    """What was open before is open again."""
    publisher = journey.at["publisher"]
    publisher.go(release)
    publisher.page.locator("#roll_back-reason").fill("试验回退")
    publisher.page.locator("#roll_back-confirm").fill(release.rpartition("/")[2])
    publisher.press("act.roll_back")
    publisher.sees("flash.roll_back")
    assert journey.is_shown(shown("total", "422.5"))
    publisher.go("/releases")
    publisher.look("releases")


def withdrawn(journey: Journey) -> None:
    """What should not be out is taken back, for a reason, by somebody who typed its name."""
    publisher = journey.at["publisher"]
    publisher.go("/releases")
    publisher.page.get_by_role("row").filter(has=publisher.page.locator(".badge.open")).get_by_role(
        "link"
    ).first.click()
    release = publisher.page.url.rpartition("/")[2]
    publisher.page.locator("#withdraw-reason").fill("试验撤回")
    publisher.page.locator("#withdraw-confirm").fill(release)
    publisher.press("act.withdraw")
    publisher.sees_state("withdrawn")
    publisher.look("release-withdrawn")
    assert journey.is_shut()


def audit_read(journey: Journey) -> None:
    """The auditor finds every act, by whom, and the chain whole."""
    auditor = journey.at["auditor"]
    auditor.go("/audit")
    auditor.look("audit")
    lines = auditor.page.locator("table.audit tbody tr").all()
    acts = [
        (line.locator("td").nth(2).inner_text(), line.locator(".raw").inner_text())
        for line in reversed(lines)
    ]
    daemon = {PUBLISHER_DAEMON.name: auditor.say("audit.person.publisher")}
    expected = [(daemon.get(person, person), act) for person, act in ACTS]
    assert auditor.say("audit.act.release.open") in lines[0].locator("xpath=..").inner_text()
    assert [act for act in acts if act in expected] == expected
    auditor.follow("audit.verify")
    expect(auditor.page.locator(".flash.good")).to_be_visible()
    auditor.look("audit-verified")
    saved = auditor.page.request.get(f"{journey.town.console}/audit.csv")
    assert saved.ok
    assert len(saved.text().splitlines()) > len(acts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_from_a_messy_file_to_a_timed_publication_and_back(
    town: Town, browser: Browser, language: str
) -> None:
    journey = Journey(town, browser, language)
    messy_file(journey)
    batch = reviewed_batch(journey)
    timed_opening(journey, batch)
    release = corrected_record(journey, batch)
    rolled_back(journey, release)
    withdrawn(journey)
    audit_read(journey)
    journey.at["administrator"].go("/people")
    journey.at["administrator"].look("people")
    journey.at["loader"].go("/batches")
    journey.at["loader"].look("batches")


def test_a_clerk_is_asked_once_which_column_is_which(town: Town, browser: Browser) -> None:
    journey = Journey(town, browser, "zh", "loader")
    clerk = journey.at["loader"]
    content = rows()
    content[0][0], content[0][1], content[0][3] = "甲栏", "乙栏", "丙栏"
    journey.send(content)
    clerk.follow("job.mapping")
    for header, field in (("甲栏", "candidate_number"), ("乙栏", "access_code"), ("丙栏", "name")):
        clerk.page.get_by_label(header, exact=True).select_option(field)
    clerk.look("mapping")
    clerk.press("mapping.submit")
    journey.sees_batch("checked")
    journey.send(content)
    journey.sees_batch("checked")


def test_the_console_is_walked_by_keyboard(town: Town, browser: Browser) -> None:
    journey = Journey(town, browser, "zh", "loader")
    clerk = journey.at["loader"]
    journey.send(rows())
    batch = journey.sees_batch("checked")
    clerk.types("g", "b")
    expect(clerk.page).to_have_url(f"{town.console}/batches")
    clerk.types("j", "Enter")
    expect(clerk.page).to_have_url(town.console + batch)
    clerk.types("]")
    expect(clerk.page).to_have_url(f"{town.console}{batch}/findings")
    clerk.types("?")
    expect(clerk.page.get_by_role("dialog")).to_be_visible()
    clerk.look("keyboard")
