from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.readonly import refusal


@pytest.mark.parametrize(
    "sql",
    [
        "select 1;",
        "with recent as (select * from orders) select * from recent where total > 5",
        "select a->>'x', count(*) over () from t group by 1",
        "select 1 union all select 2",
        "(select id from t limit 3)",
        "select `the id` from `t` where `a``b` > 1",
    ],
)
def test_queries_that_only_read_pass(sql: str) -> None:
    assert refusal(sql) == ""


@pytest.mark.parametrize(
    "sql",
    [
        "select 1; select 2",
        "delete from t",
        "with gone as (delete from t returning *) select * from gone",
        "with made as (insert into t values (1) returning *) select * from made",
        "copy t to program 'id'",
        "select * into copied from t",
        "select * from t for update",
        "select pg_sleep(1e6)",
        "select pg_catalog.PG_SLEEP(1)",
        'select "pg_sleep"(1)',
        'select U&"pg\\005fsleep"(1)',
        "select * from pg_read_file('/etc/passwd')",
        "select * from dblink('host=x', 'select 1') as t(a int)",
        "select lo_import('/etc/passwd')",
        "select set_config('role', 'admin', false)",
        "select nextval('ids')",
        "select query_to_xml('delete from t', true, true, '')",
        "select 1 where exists (select pg_sleep(1))",
        "explain analyze delete from t",
        "do $$ begin end $$",
        "delete from `t`",
        "select `a` from t /*! into outfile '/tmp/x' */",
        "select sleep(10), `a` from t",
        "select load_file('/etc/passwd')",
        "select '\\', pg_sleep(1) --`'",
        "",
        "select (",
        "select " + "(" * 5_000 + "1" + ")" * 5_000,
    ],
)
def test_whatever_does_more_is_refused(sql: str) -> None:
    assert refusal(sql)


@given(st.text())
def test_any_text_gets_an_answer(sql: str) -> None:
    assert isinstance(refusal(sql), str)
