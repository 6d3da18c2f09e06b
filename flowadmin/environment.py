"""Every setting that comes from outside, in one typed place.

Read from the process environment, then ``.env``, then the file that ``manage.py up``
writes for the parts it started (``.flowadmin/runtime.env``).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("FLOWADMIN_HOME", BASE_DIR / ".flowadmin")).resolve()
#: What an operator sets by file.
ENV_FILE = Path(os.environ.get("FLOWADMIN_ENV_FILE", BASE_DIR / ".env"))


class Environment(BaseSettings):
    """Settings of FlowAdmin; each field's description is its documentation."""

    model_config = SettingsConfigDict(
        env_file=(HOME / "runtime.env", ENV_FILE), extra="ignore", frozen=True
    )

    database_url: str = Field(
        "postgresql://flowadmin@127.0.0.1:5433/flowadmin",
        description="FlowAdmin's own PostgreSQL database.",
    )
    flowadmin_database_pool: int = Field(
        0,
        ge=0,
        description="Connections to the database that a process keeps and lends to its requests, "
        "at most; 0 = each request makes its own. The web server does well with 8.",
    )
    redis_url: str = Field(
        "redis://127.0.0.1:6380/0", description="Redis: Celery's broker and the cache."
    )
    prefect_api_url: str = Field(
        "http://127.0.0.1:4200/api", description="Prefect's API, ending in /api."
    )
    prefect_api_auth_string: SecretStr = Field(
        SecretStr(""), description="user:password of Prefect's API; empty = none."
    )
    flowadmin_prefect_database_url: SecretStr = Field(
        SecretStr(""),
        description="Prefect's own PostgreSQL database, looked into for the space of its tables; "
        "empty = that is not told.",
    )
    mongodb_url: str = Field("", description="MongoDB with the existing system's documents.")

    flowadmin_secret_key: SecretStr = Field(
        SecretStr("insecure-development-key-never-use-in-production"),
        description="Django's SECRET_KEY.",
    )
    flowadmin_secret_keys: SecretStr = Field(
        SecretStr(""),
        description="Fernet keys for connection secrets, newest first, separated by commas.",
    )
    flowadmin_debug: bool = Field(False, description="Django's debug mode.")
    flowadmin_allowed_hosts: str = Field(
        "127.0.0.1,localhost,[::1]", description="Host names served, separated by commas."
    )
    flowadmin_csrf_trusted_origins: str = Field(
        "", description="Origins trusted for forms, separated by commas."
    )
    flowadmin_https: bool = Field(
        False,
        description="Served over https by a proxy that sets X-Forwarded-Proto: "
        "cookies are sent over https only.",
    )
    flowadmin_public_url: str = Field(
        "",
        description="Address at which browsers find FlowAdmin; links in alerts begin with it. "
        "Empty = no links.",
    )
    flowadmin_smtp_url: SecretStr = Field(
        SecretStr("smtp://127.0.0.1:25"),
        description="Mail server for alerts: smtp://user:password@host:port; smtps:// for TLS "
        "from the start, smtp+tls:// for STARTTLS.",
    )
    flowadmin_email_from: str = Field(
        "flowadmin@localhost", description="Sender of alerts by e-mail."
    )
    flowadmin_session_hours: int = Field(
        168, gt=0, description="A login ends this many hours after it was made."
    )
    flowadmin_oidc_server: str = Field(
        "",
        description="Address of an OpenID Connect server (its issuer) by which users may log in; "
        "empty = passwords only.",
    )
    flowadmin_oidc_client_id: str = Field("", description="FlowAdmin's client id at that server.")
    flowadmin_oidc_client_secret: SecretStr = Field(
        SecretStr(""), description="FlowAdmin's client secret at that server."
    )
    flowadmin_oidc_name: str = Field(
        "single sign-on", description="What the button on the login page calls that server."
    )
    flowadmin_oidc_domains: str = Field(
        "",
        description="Domains whose verified e-mail addresses may log in by that server, separated "
        "by commas; empty = all it knows.",
    )
    flowadmin_oidc_groups_claim: str = Field(
        "groups", description="Claim with the names of a user's groups."
    )
    flowadmin_oidc_groups: str = Field(
        "",
        description="Roles that groups give, group=team:role, separated by commas; the team by "
        "its slug.",
    )
    flowadmin_oidc_default: str = Field(
        "",
        description="team:role for users whose groups give none; empty = they are not let in "
        "the first time.",
    )
    flowadmin_trusted_proxies: int = Field(
        0,
        ge=0,
        description="Proxies in front of the web server that add to X-Forwarded-For; "
        "0 = the address of the connection is recorded.",
    )
    flowadmin_web_port: int = Field(8000, description="Port of the web server.")
    flowadmin_prefect_port: int = Field(4200, description="Port of the embedded Prefect server.")
    flowadmin_postgres_port: int = Field(5433, description="Port of the embedded PostgreSQL.")
    flowadmin_redis_port: int = Field(6380, description="Port of the embedded Redis.")
    flowadmin_postgres: Literal["auto", "system", "embedded"] = Field(
        "auto",
        description="Binaries of the embedded PostgreSQL: the machine's (system), "
        "a packaged build (embedded), or the first that can be had (auto).",
    )
    flowadmin_worker_pools: str = Field(
        "default-agent-pool,etl-pool,high-memory-pool",
        description="Pools whose runs this machine executes, separated by commas.",
    )
    flowadmin_pool_keys: str = Field(
        "", description="Folder with the private keys of pools, <pool>.key; workers need it."
    )
    flowadmin_file_roots: str = Field(
        "",
        description="Folders in which connections to files may lie, separated by colons; "
        "empty = none. Workers and the web side each go by their own.",
    )
    flowadmin_internal_hosts: str = Field(
        "",
        description="Hosts (*.corp.example) and networks (10.1.0.0/16) that HTTP connections and "
        "remote files may reach though they are not public, separated by commas; networks hold "
        "for databases too. Workers and the web side each go by their own.",
    )
    flowadmin_allow_python: bool = Field(
        False,
        description="Workers on this host run nodes of kind python, of teams that may use them. "
        "Such code is not sandboxed: it can do whatever the worker's user can.",
    )
    flowadmin_checkpoints: str = Field(
        str(HOME / "checkpoints"),
        description="Folder in which workers keep rows that a retry goes on from; one that all "
        "hosts of a pool share lets any of them go on. A worker without it keeps none.",
    )
    flowadmin_checkpoint_days: float = Field(
        7, description="Checkpoints not used for so many days are removed."
    )
    flowadmin_checkpoint_gb: float = Field(
        20, description="Above so many gigabytes the oldest checkpoints are removed."
    )
    flowadmin_sample_rows: int = Field(
        20, description="Rows of each node that a run keeps to show, at most 100; 0 = none."
    )
    flowadmin_log_lines_per_run: int = Field(
        500_000, description="Lines of a run's log that are kept for its page; 0 = no limit."
    )
    flowadmin_static_root: Path = Field(
        HOME / "static", description="Folder into which static files are collected."
    )
    flowadmin_wake_url: str = Field(
        "", description="Redis over which a trigger wakes a pool's worker; empty = poll only."
    )


environment = Environment()
