"""SQL that users write for a source: one SELECT that only reads.

A first wall, at save; the connector reads in a read-only transaction besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

MAX_LENGTH = 100_000

_WRITING: dict[type[exp.Expr], str] = {
    exp.Insert: "INSERT",
    exp.Update: "UPDATE",
    exp.Delete: "DELETE",
    exp.Merge: "MERGE",
    exp.Into: "SELECT … INTO",
    exp.Lock: "a row lock (FOR UPDATE or FOR SHARE)",
    exp.Create: "CREATE",
    exp.Drop: "DROP",
    exp.Copy: "COPY",
    exp.Command: "a command",
}
#: Functions that write, wait, read files, run text as SQL or change the session.
_FORBIDDEN = """
nextval setval set_config pg_notify pg_sleep pg_sleep_for pg_sleep_until pg_reload_conf
pg_rotate_logfile pg_promote pg_logdir_ls pg_cancel_backend pg_terminate_backend pg_switch_wal
pg_export_snapshot pg_logical_emit_message pg_backup_start pg_backup_stop pg_stat_file
pg_import_system_collations query_to_xml query_to_xmlschema query_to_xml_and_xmlschema
table_to_xml cursor_to_xml schema_to_xml database_to_xml xpath_table connectby crosstab ts_stat
ts_rewrite loread lowrite
sleep benchmark get_lock release_lock release_all_locks load_file master_pos_wait source_pos_wait
master_gtid_wait wait_for_executed_gtid_set wait_until_sql_thread_after_gtids sys_exec sys_eval
load_extension writefile readfile
"""
_FORBIDDEN_STARTS = """
lo_ dblink pg_read_ pg_ls_ pg_advisory_ pg_try_advisory_ pg_create_ pg_drop_ pg_replication_
pg_wal_ pg_stat_reset pg_restore_ pg_logical_slot_ pg_file_ pg_copy_ binary_upgrade_
"""
_NAMES = frozenset(_FORBIDDEN.split())
_STARTS = tuple(_FORBIDDEN_STARTS.split())
_PLAIN = re.compile(r"\w+")
_ESCAPED = re.compile(r"\bu&[\"']", re.IGNORECASE)
#: Comments that MySQL and MariaDB execute.
_EXECUTED = re.compile(r"/\*M?!")


@lru_cache(maxsize=1024)
def refusal(sql: str) -> str:
    """Why ``sql`` is not one SELECT that only reads; empty if it is.

    In PostgreSQL's dialect, or in MySQL's if that cannot be read and has backquotes.
    """
    if len(sql) > MAX_LENGTH:
        return f"the SQL has {len(sql):,} characters; at most {MAX_LENGTH:,} are allowed"
    if _ESCAPED.search(sql):
        return "the SQL spells a name or text with U& escapes; write it out"
    if _EXECUTED.search(sql):
        return "the SQL has a comment that MySQL executes (/*! … */); leave it out"
    try:
        statements = _parse(sql)
    except (SqlglotError, RecursionError) as error:
        return f"the SQL cannot be read: {_reason(error)}; write one SELECT"
    if len(statements) != 1:
        return f"the SQL has {len(statements)} statements; write one SELECT"
    (statement,) = statements
    if not isinstance(statement, exp.Query) or isinstance(statement, exp.Table):
        return f"'{statement.key.upper()}' is no query; a source only reads, write one SELECT"
    return next(_findings(statement), "")


def _parse(sql: str) -> list[exp.Expr]:
    try:
        return [s for s in parse(sql, read="postgres") if s]
    except SqlglotError:
        if "`" not in sql:
            raise
        return [s for s in parse(sql, read="mysql") if s]


def _findings(statement: exp.Query) -> Iterator[str]:
    for node in statement.walk():
        if type(node) in _WRITING:
            yield f"the SQL contains {_WRITING[type(node)]}; a source only reads, write one SELECT"
        elif isinstance(node, exp.Func) and _is_forbidden(name := _name(node)):
            yield f"the SQL calls '{name}', which does more than read; leave it out"


def _name(function: exp.Func) -> str:
    name = function.name if isinstance(function, exp.Anonymous) else function.sql_name()
    return name.lower()


def _is_forbidden(name: str) -> bool:
    return name in _NAMES or name.startswith(_STARTS) or not _PLAIN.fullmatch(name)


def _reason(error: Exception) -> str:
    details = getattr(error, "errors", None)
    if not details:
        return "it is nested too deeply" if isinstance(error, RecursionError) else "a quote is open"
    return f"unexpected '{details[0]['highlight']}' in line {details[0]['line']}"
