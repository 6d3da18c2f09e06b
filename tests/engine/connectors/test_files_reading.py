from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from exchange import Exchange, read, write

from engine.connectors.files import Files
from engine.connectors.files.config import FilesConfig
from engine.errors import AccessDenied, Unreachable
from engine.media.files import FileExtraction
from engine.transfer import TableName


def typed(**columns: str) -> list[dict[str, str]]:
    return [{"name": name, "type": type_} for name, type_ in columns.items()]


def test_undeclared_columns_of_csv_are_text_to_the_letter(exchange: Exchange) -> None:
    exchange.write("a.csv", 'id,name\n007,""\n1e3,\n')
    assert exchange.copied("a.csv") == [("007", ""), ("1e3", None)]


def test_declared_types_win(exchange: Exchange) -> None:
    exchange.write("a.csv", "id,amount,day,rest\n7,1.50,2026-02-01,x\n")
    columns = typed(id="bigint", amount="decimal(10,2)", day="date")
    ((id_, amount, day, rest),) = exchange.copied("a.csv", columns=columns)
    assert (id_, amount, str(day), rest) == (7, Decimal("1.50"), "2026-02-01", "x")


@pytest.mark.parametrize(
    ("type_", "value"),
    [("integer", "1.5"), ("integer", "3000000000"), ("decimal(10,2)", "2.555"), ("bigint", "abc")],
)
def test_a_number_that_would_change_fails_and_is_named(
    exchange: Exchange, type_: str, value: str
) -> None:
    exchange.write("in/a.csv", f"id\n1\n{value}\n")
    failure = exchange.failure("in/a.csv", columns=typed(id=type_))
    assert failure.startswith("E_VALUE: node 'read': file 'in/a.csv', line 3, column 'id': ")
    assert f"'{value}' cannot be read exactly" in failure


@pytest.mark.parametrize(
    "content",
    [
        "day,b\n2026-01-01,2\n2026-01-01,2,3\n",
        "day,b\n2026-01-01,2\n2026-01-01\n",
        'day,b\n2026-01-01,2\n2026-01-01,"x"y\n',
        "day,b\n2026-01-01,2\n2026-13-01,2\n",
        b"day,b\n2026-01-01,2\n2026-01-01,\xff\xfe\n",
    ],
)
def test_a_malformed_row_fails_with_file_and_line(exchange: Exchange, content: Any) -> None:
    exchange.write("in/a.csv", content)
    failure = exchange.failure("in/a.csv", columns=typed(day="date"))
    assert failure.startswith("E_VALUE: node 'read': file '")
    assert "in/a.csv', line 3: " in failure


def test_a_pattern_reads_all_files_with_the_same_header(exchange: Exchange) -> None:
    exchange.write("2026/a.csv", "id\n1\n")
    exchange.write("2026/b.csv", "id\n2\n")
    assert exchange.copied("2026/*.csv") == [("1",), ("2",)]
    exchange.write("2026/c.csv", "key\n3\n")
    assert "'2026/c.csv' has the columns key, but '2026/a.csv' has id" in exchange.failure(
        "2026/*.csv"
    )


def test_csv_without_a_header_takes_the_declared_names(exchange: Exchange) -> None:
    exchange.write("a.csv", "1;x\n2;y\n")
    columns = typed(id="integer", name="varchar")
    rows = exchange.copied("a.csv", header=False, delimiter=";", columns=columns)
    assert rows == [(1, "x"), (2, "y")]


@pytest.mark.parametrize(
    ("content", "rows"), [("id\n", []), (b"\xef\xbb\xbfid\r\n1\r\n", [("1",)])]
)
def test_a_header_alone_and_a_byte_order_mark_are_fine(
    exchange: Exchange, content: Any, rows: list[Any]
) -> None:
    exchange.write("a.csv", content)
    assert exchange.copied("a.csv") == rows


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("", "is empty"), ("id,ID\n", "two columns"), ("id,\n", "column 2 of"), (b"\xff\n", "header")],
)
def test_a_header_that_names_no_columns_is_refused(
    exchange: Exchange, content: Any, complaint: str
) -> None:
    exchange.write("a.csv", content)
    failure = exchange.failure("a.csv")
    assert "E_FILE" in failure
    assert complaint in failure


def test_parquet_keeps_its_types_and_counts_its_rows(exchange: Exchange) -> None:
    exchange.make("a.parquet", "SELECT i, i * 0.1 AS x, uuid() AS u FROM range(100000) t(i)")
    outcome = exchange.run(read("a.parquet", format="parquet"), write("b.csv"))
    assert [outcome.nodes[key].rows_out for key in ("read", "write")] == [100_000, 100_000]


def test_json_lines_give_the_declared_keys(exchange: Exchange) -> None:
    exchange.write("a.jsonl", '{"id": 1, "t": "x", "more": []}\n{"id": null, "p": "1.10"}\n')
    columns = typed(id="bigint", t="varchar", p="decimal(20,2)")
    rows = exchange.copied("a.jsonl", format="jsonl", columns=columns)
    assert rows == [(1, "x", None), (None, None, Decimal("1.10"))]


@pytest.mark.parametrize(
    ("line", "type_"),
    [("1.5", "bigint"), ("12345678901234567.89", "decimal(38,2)"), ("0.123", "decimal(5,2)")],
)
def test_a_number_of_json_is_exact_or_fails(exchange: Exchange, line: str, type_: str) -> None:
    exchange.write("a.jsonl", f'{{"n": 1}}\n\n{{"n": {line}}}\n')
    failure = exchange.failure("a.jsonl", format="jsonl", columns=typed(n=type_))
    assert failure.startswith("E_VALUE: node 'read': file 'a.jsonl', line 3, column 'n': ")


def test_the_line_of_a_bad_number_is_counted_through_quotes_and_files(exchange: Exchange) -> None:
    exchange.write("in/a.csv", "t;n\nx;1\n")
    exchange.write("in/b.csv.gz", gzip.compress('t;n\n"two\nlines";1\nx; ž  y\n'.encode()))
    failure = exchange.failure("in/*", columns=typed(n="bigint"), delimiter=";")
    assert failure.startswith("E_VALUE: node 'read': file 'in/b.csv.gz', line 4, column 'n': ")


def test_the_line_of_a_bad_number_is_told_without_a_header(exchange: Exchange) -> None:
    exchange.write("a.csv", "1,2\n3,x\n")
    failure = exchange.failure("a.csv", columns=typed(a="bigint", b="bigint"), header=False)
    assert "file 'a.csv', line 2, column 'b': 'x' cannot be read exactly as BIGINT" in failure


def test_malformed_json_fails_with_file_and_line(exchange: Exchange) -> None:
    exchange.write("a.jsonl", '{"n": 1}\n{"n": \n')
    failure = exchange.failure("a.jsonl", format="jsonl", columns=typed(n="bigint"))
    assert "a.jsonl', line " in failure


@pytest.mark.parametrize(
    "path", ["../secret.csv", "a/../../secret.csv", "/etc/passwd", "a\\b", "a\0b", ".flowadmin/x"]
)
def test_a_path_out_of_the_folder_is_refused(exchange: Exchange, path: str) -> None:
    exchange.write("../secret.csv", "id\n1\n")
    with pytest.raises(AccessDenied, match="cannot be used"):
        extraction = FileExtraction(table=TableName("", path))
        Files().describe(FilesConfig(root=str(exchange.root)), extraction)


@pytest.mark.parametrize("path", ["link.csv", "folder/secret.csv", "*.csv"])
def test_a_link_out_of_the_folder_is_refused(exchange: Exchange, path: str) -> None:
    exchange.write("../secret.csv", "id\n1\n")
    (exchange.root / "link.csv").symlink_to(exchange.root.parent / "secret.csv")
    (exchange.root / "folder").symlink_to(exchange.root.parent)
    assert "is a link that leads out" in exchange.failure(path)


def test_a_missing_file_names_the_nearest(exchange: Exchange) -> None:
    exchange.write("orders.csv", "id\n1\n")
    assert "did you mean 'orders.csv'?" in exchange.failure("order.csv")


def test_no_files_are_read_where_the_operator_allows_none(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = FilesConfig(root=str(exchange.root))
    monkeypatch.delenv("FLOWADMIN_FILE_ROOTS")
    with pytest.raises(AccessDenied, match="FLOWADMIN_FILE_ROOTS is not set"):
        Files().test(config)


@pytest.mark.parametrize("root", ["/etc", "/"])
def test_a_folder_that_is_not_allowed_is_refused(exchange: Exchange, root: str) -> None:
    config = FilesConfig.model_construct(root=root)
    with pytest.raises(AccessDenied, match="is not one that FLOWADMIN_FILE_ROOTS allows"):
        Files().tables(config)


def test_a_folder_that_leads_out_by_a_link_is_refused(exchange: Exchange, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(AccessDenied):
        Files().tables(FilesConfig(root=str(tmp_path / "link")))


def test_a_folder_that_is_not_there_may_come_back(exchange: Exchange, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="mount"):
        Files().test(FilesConfig(root=str(tmp_path / "gone")))


def test_a_test_says_what_it_sees(exchange: Exchange) -> None:
    exchange.write("in/a.csv", "id\n")
    config = FilesConfig(root=str(exchange.root))
    assert Files().test(config) == f"folder '{exchange.root}' with 1 files"
    assert [str(table) for table in Files().tables(config)] == ["in/a.csv"]
