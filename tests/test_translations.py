"""Nothing is said in the wrong language, and nothing is said in a template by itself."""

import re
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.applications import Starlette

from lookup.public.app import create_app
from lookup.settings import Settings
from tests.makers import send
from tests.site_pages import OPEN, PAGES, PublicPage, publish, rows
from tests.wire_makers import NoFairUse

FLOOR = Path(__file__).parent.parent / "lookup"
TEMPLATES = sorted((FLOOR / "templates").glob("*.html")) + sorted(
    (FLOOR / "public" / "templates").glob("*.html")
)
PHRASES = {
    key: phrase
    for path in (FLOOR / "phrases.toml", *sorted((FLOOR / "public" / "phrases").glob("*.toml")))
    for key, phrase in tomllib.loads(path.read_text("utf-8")).items()
}
HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
EMPTY = re.compile(r"\{[a-z_]*\}|(?<![\w-])(?:None|undefined|Undefined|NaN)(?![\w-])")
ATTRIBUTE = re.compile(r"\{% block (?:robots|width) %\}.*?\{% endblock %\}", re.DOTALL)
"""Blocks that fill an attribute of the frame, not a text."""
ATTRIBUTES = re.compile(r'(?:[a-z-]+="[^"]*"\s*)+')
"""What a macro may hold that stands within a tag."""
LETTER = re.compile(r"[^\W\d_]")
SPOKEN = ("alt", "aria-label", "aria-description", "aria-roledescription", "aria-valuetext",
          "content", "label", "placeholder", "summary", "title")  # fmt: skip
"""Attributes that are read to people; `content` only of a description."""
VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "col", "source", "wbr", "area"})
CHINESE, ENGLISH = "zh-CN", "en"


class Words(HTMLParser):
    """Every text of a page with the language it stands in, and attributes that are read out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._stack: list[tuple[str, str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        _, around, still = self._stack[-1] if self._stack else ("", "", False)
        language = given.get("lang", around)
        silent = still or tag in ("script", "style") or given.get("translate") == "no"
        for name in SPOKEN:
            if name in given and (name != "content" or given.get("name") == "description"):
                self._say(given[name], language, silent)
        if tag not in VOID:
            self._stack.append((tag, language, silent))

    def handle_endtag(self, tag: str) -> None:
        while self._stack and self._stack.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        _, language, silent = self._stack[-1] if self._stack else ("", "", False)
        self._say(data, language, silent)

    def _say(self, text: str, language: str, silent: bool) -> None:
        if text.strip() and not silent:
            self.found.append((" ".join(text.split()), language))


def words(html: str) -> list[tuple[str, str]]:
    """The texts of a page, each with its language."""
    parser = Words()
    parser.feed(html)
    parser.close()
    return parser.found


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starlette]:
    folder = tmp_path_factory.mktemp("site")
    store = publish(folder)
    app = create_app(Settings(data_dir=folder), store, fair_use=NoFairUse())
    app.state.live.settle()
    yield app
    app.state.live.close()


@pytest.fixture(scope="module")
def values() -> list[str]:
    """What stands in records and titles, and is the same in every language; the longest first."""
    cells = {cell for kind in OPEN for row in rows(kind) for cell in row.values()}
    return sorted((cell for cell in cells | {"测试"} if HAN.search(cell)), key=len, reverse=True)


def read(app: Starlette, public: PublicPage, language: str) -> list[tuple[str, str]]:
    """A page's texts."""
    path = f"{public.path}?lang={language}"
    answer = send(app, "POST" if public.typed else "GET", path, data=dict(public.typed) or None)
    assert answer.status_code == public.status
    found = words(answer.text)
    assert found
    return found


@pytest.mark.parametrize("public", PAGES, ids=lambda page: page.name.replace(" ", "-"))
def test_an_english_page_says_nothing_in_chinese(
    app: Starlette, values: list[str], public: PublicPage
) -> None:
    wrong = []
    for text, language in read(app, public, "en"):
        rest = text
        for value in values:
            rest = rest.replace(value, "")
        if language != CHINESE and HAN.search(rest):
            wrong.append(text)
    assert wrong == []


@pytest.mark.parametrize("public", PAGES, ids=lambda page: page.name.replace(" ", "-"))
def test_a_chinese_page_says_nothing_in_english(app: Starlette, public: PublicPage) -> None:
    sentences = {
        phrase["en"] for phrase in PHRASES.values()
        if " " in phrase["en"] and "{" not in phrase["en"] and phrase["en"] not in phrase["zh"]
    }  # fmt: skip
    for text, language in read(app, public, "zh"):
        if language != ENGLISH:
            assert text not in sentences


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("public", PAGES, ids=lambda page: page.name.replace(" ", "-"))
def test_no_page_shows_a_key_or_an_empty_place(
    app: Starlette, public: PublicPage, language: str
) -> None:
    keys = {key for key in PHRASES if "." in key}
    for text, _ in read(app, public, language):
        assert not keys & set(re.findall(r"[a-z_]+(?:\.[a-z_]+)+", text))
        assert not EMPTY.search(text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.name))
def test_a_template_says_nothing_by_itself(path: Path) -> None:
    bare = JINJA.sub("", ATTRIBUTE.sub("", path.read_text("utf-8")))
    found = [text for text, _ in words(bare)]
    within = [text for text in found if ATTRIBUTES.fullmatch(text)]
    found = [text for text in found if text not in within]
    found += [text for each in within for text, _ in words(f"<p {each}>")]
    assert [text for text in found if LETTER.search(text)] == []


@pytest.mark.parametrize("path", sorted((FLOOR / "static").iterdir()), ids=lambda path: path.name)
def test_a_script_or_stylesheet_says_nothing_by_itself(path: Path) -> None:
    assert not HAN.search(path.read_text("utf-8"))


def test_a_word_in_the_wrong_place_would_be_found() -> None:
    page = '<p lang="en">a <b lang="zh-CN">甲</b> 乙<br>c</p><img alt="丙"><script>丁</script>'
    assert words(page) == [("a", "en"), ("甲", "zh-CN"), ("乙", "en"), ("c", "en"), ("丙", "")]
    assert words('<pre translate="no">x</pre>') == []
