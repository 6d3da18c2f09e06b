"""Addresses of the fragments about pools."""

from __future__ import annotations

from django.urls import path

from workers.pages.pools import pool_load

app_name = "workers"
urlpatterns = [path("pools/load/", pool_load, name="pool-load")]
