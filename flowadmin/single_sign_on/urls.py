from __future__ import annotations

from django.urls import path

from flowadmin.single_sign_on import views

urlpatterns = [
    path("login/", views.login, name="sso-login"),
    path("callback/", views.callback, name="sso-callback"),
]
