from __future__ import annotations

from typing import Literal

import pytest
from django import forms
from pydantic import BaseModel, Field, SecretStr

from workflows.admin.config_form import PREFIX, config_fields, config_values


class Deep(BaseModel):
    depth: int = 1


class Settings(BaseModel):
    host: str = Field(title="Host", description="Where it is.")
    port: int = Field(5432, ge=1, le=65535)
    ratio: float | None = None
    is_secure: bool = False
    mode: Literal["fast", "safe"] = "safe"
    hosts: list[str] = []
    options: Deep = Field(Deep(), description="Driver options.")
    password: SecretStr = Field(description="Of the role.")


def form_of(data=None, values=None, secrets=()):
    fields = config_fields(Settings, values or {}, secrets)
    return type("SettingsForm", (forms.Form,), fields)(data)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("host", forms.CharField),
        ("port", forms.IntegerField),
        ("ratio", forms.FloatField),
        ("is_secure", forms.BooleanField),
        ("mode", forms.ChoiceField),
        ("options", forms.JSONField),
    ],
)
def test_each_type_has_its_field(name, field):
    assert isinstance(form_of().fields[PREFIX + name], field)


def test_a_field_keeps_its_title_description_and_bounds():
    fields = form_of().fields
    assert (fields["config_host"].label, fields["config_host"].help_text) == (
        "Host",
        "Where it is.",
    )
    assert (fields["config_port"].min_value, fields["config_port"].max_value) == (1, 65535)
    assert fields["config_options"].label == "Options"


def test_values_come_back_in_their_types():
    posted = {
        "config_host": "db",
        "config_port": "5433",
        "config_ratio": "",
        "config_is_secure": "on",
        "config_mode": "fast",
        "config_hosts": "a\n\nb ",
        "config_options": '{"depth": 2}',
        "config_password": " x ",
    }
    form = form_of(posted)
    assert form.is_valid(), form.errors
    settings = Settings.model_validate(config_values(form.cleaned_data))
    assert (settings.port, settings.is_secure, settings.mode) == (5433, True, "fast")
    assert (settings.hosts, settings.options.depth, settings.ratio) == (["a", "b"], 2, None)
    assert settings.password.get_secret_value() == " x "


def test_a_secret_is_required_until_it_is_stored():
    assert form_of().fields["config_password"].required
    assert not form_of(secrets=["password"]).fields["config_password"].required


def test_a_secret_is_never_filled_in():
    assert "s3cret" not in str(form_of(values={"host": "db", "password": "s3cret"}))
    assert "s3cret" not in str(form_of({"config_password": "s3cret"}))


def test_stored_values_are_filled_in_and_defaults_elsewhere():
    html = str(form_of(values={"host": "db.example"}))
    assert 'value="db.example"' in html
    assert 'value="5432"' in html
