"""Every phrase is there in both languages, and every phrase that is there is used."""

import re
import tomllib
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from lookup.pages import Pages, environment
from lookup.phrases import Phrases, read_phrases

FLOOR = Path(__file__).parent.parent / "lookup"
PUBLIC = FLOOR / "public"
SHARED = tomllib.loads((FLOOR / "phrases.toml").read_text(encoding="utf-8"))
FILES = sorted((PUBLIC / "phrases").glob("*.toml"))
OWN = {
    key: phrase
    for path in FILES
    for key, phrase in tomllib.loads(path.read_text(encoding="utf-8")).items()
}
PHRASES = SHARED | OWN
SAID = re.compile(r"say\(\s*[\"']([a-z_.]+)[\"']\s*[,)]")
BEGUN = re.compile(r"say\(\s*[\"']([a-z_.]+)[\"']\s*~")


def said(folder: Path) -> set[str]:
    """The phrases the templates of a room say."""
    templates = (folder / "templates").glob("*.html")
    return {key for each in templates for key in SAID.findall(each.read_text("utf-8"))}


def test_every_phrase_a_template_says_is_there() -> None:
    assert said(PUBLIC)
    assert said(PUBLIC) <= PHRASES.keys()


def test_a_record_s_page_says_shared_phrases_only() -> None:
    whole = (FLOOR / "templates" / "result.html").read_text("utf-8")
    # Days are said by lookup.phrases, for every page.
    families = (*BEGUN.findall(whole), "date.")
    assert said(FLOOR) <= SHARED.keys()
    assert all(key in said(FLOOR) or key.startswith(families) for key in SHARED)
    assert not SHARED.keys() & OWN.keys()


def test_every_phrase_is_written_in_both_languages() -> None:
    for key, phrase in PHRASES.items():
        assert phrase.keys() == {"zh", "en"}, key
        assert all(text.strip() for text in phrase.values()), key


def test_a_phrase_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        read_phrases(*FILES).say("no.such.phrase", "zh")


def test_a_name_a_template_does_not_get_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{{ missing }}")
    with pytest.raises(UndefinedError):
        environment(tmp_path).get_template("page.html").render()


def test_text_from_a_record_cannot_become_markup(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{{ name }}")
    page = environment(tmp_path).get_template("page.html").render(name="<b>&")
    assert page == "&lt;b&gt;&amp;"


def test_pages_are_compiled_before_the_first_of_them_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{{ language }} {{ path }}")
    pages = Pages(environment(tmp_path), Phrases({}))
    (tmp_path / "page.html").unlink()
    assert pages.render("page.html", "en", "/scores") == "en /scores"
