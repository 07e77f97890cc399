"""Pages that call themselves workbooks: charsets, entities, spans, what nobody closed."""

import io

import pytest

from lookup.admin.readers import html_tables
from lookup.admin.readers.sheets import HEADER_ROWS, MAX_COLUMNS
from tests.workbook_makers import HEADER, HTML_ROWS, ROWS, File, gather, html


def read(content: bytes) -> File:
    return gather(html_tables.read(io.BytesIO(content)))


def cells(body: str) -> list[list[object]]:
    (table,) = read(html(body)).tables
    return [list(row) for row in table.cells]


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", '<meta charset="utf-8">'),
        ("gbk", '<meta http-equiv="Content-Type" content="text/html; charset=gb2312">'),
        ("gb18030", "<META charset=GBK>"),
        ("gbk", ""),
        ("utf-8", ""),
        ("utf-8-sig", '<meta charset="gbk">'),
        ("utf-16", ""),
        ("gbk", '<meta charset="klingon">'),
    ],
)
def test_the_charset_is_what_is_marked_declared_or_fits(encoding: str, declared: str) -> None:
    content = html(HTML_ROWS, declared).decode().encode(encoding)
    (table,) = read(content).tables
    assert table.cells == [HEADER, *([str(cell) for cell in row] for row in ROWS)]


def test_bytes_of_no_charset_are_refused_at_their_line() -> None:
    found = read(b'<meta charset="utf-8">\n<table><tr><td>\xff\xff</td></tr></table>')
    assert found.errors == ["encoding"]
    assert found.notes[0].line == 2


def test_entities_spaces_and_breaks_are_what_a_reader_sees() -> None:
    body = "<tr><td>&nbsp; A&amp;B &#24352;\n三 <td>一<br>二<td><b>粗</b>体<script>x</script>"
    assert cells(f"<table>{body}</table>") == [["A&B 张 三", "一\n二", "粗体"]]


def test_cells_and_rows_nobody_closed_are_closed() -> None:
    assert cells("<table><tr><th>号<th>名<tr><td>1<td>李</table>") == [["号", "名"], ["1", "李"]]


def test_spans_of_a_header_are_filled() -> None:
    body = (
        "<table><tr><th rowspan=2>号<th colspan=2>成绩</tr><tr><th>语文<th>数学</tr>"
        "<tr><td>1<td>2<td>3</tr></table>"
    )
    assert cells(body) == [["号", "成绩", "成绩"], ["号", "语文", "数学"], ["1", "2", "3"]]


def test_spans_among_the_data_keep_the_columns_and_are_named() -> None:
    rows = "<tr><td>1<td>2</tr>" * HEADER_ROWS
    (table,) = read(
        html(f"<table>{rows}<tr><td rowspan=2>一班<td>a</tr><tr><td>b</tr></table>")
    ).tables
    assert table.cells[-2:] == [["一班", "a"], ["", "b"]]
    assert table.rules == ["merged_cells"]


def test_hidden_rows_and_columns_are_read_and_named() -> None:
    body = '<tr><td>1<td style="display:none">2</tr><tr style="display: none"><td>3<td>4</tr>'
    (table,) = read(html(f"<table>{body}</table>")).tables
    assert table.cells == [["1", "2"], ["3", "4"]]
    assert table.rules == ["hidden_rows", "hidden_columns"]


def test_every_table_of_a_page_is_one_and_an_inner_table_its_own() -> None:
    body = "<table><tr><td>外<table><tr><td>内</td></tr></table></td></tr></table><table></table>"
    assert [(seen.table.name, seen.cells) for seen in read(html(body)).tables] == [
        ("1", [["外"]]),
        ("2", [["内"]]),
    ]


@pytest.mark.parametrize("body", ["", "<p>没有表格</p>", "<table></table>"])
def test_a_page_without_a_table_is_empty(body: str) -> None:
    assert read(html(body)).errors == ["empty"]


def test_a_table_that_does_not_end_is_an_error() -> None:
    found = read(html(HTML_ROWS)[: -len("</table></body></html>")])
    assert found.errors == ["cut_off"]
    assert len(found.tables[0].rows) == len(ROWS) + 1


def test_absurd_spans_cost_nothing() -> None:
    assert cells("<table><tr><td colspan=99999999 rowspan=99999999>1</td></tr></table>") == [["1"]]
    wide = "<table><tr><td colspan=900>1<td>2</table>"
    assert read(html(wide)).errors == ["columns"]
    assert MAX_COLUMNS < 900
