from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from factories import AlertChannelFactory

from workflows.services.alerting.channel import Message, NotSent, channels, send_to
from workflows.services.alerting.reaching import post

pytestmark = pytest.mark.django_db

MESSAGE = Message(
    "'Orders' failed in node 'write'",
    ("E_CONSTRAINT", "duplicate <key> & more"),
    "https://flow.example/run",
    {"event": "failure", "count": 1},
)


def test_every_file_in_the_folder_is_a_kind_of_channel():
    assert set(channels()) == {"email", "slack", "webhook"}


def test_a_mail_is_handed_to_the_mail_server(mail_server):
    send_to(AlertChannelFactory(), MESSAGE, "7-1")
    [mail] = mail_server.got
    assert "Subject: [FlowAdmin] 'Orders' failed in node 'write'" in mail
    assert "To: ops@example.org" in mail
    assert "Message-ID: <7-1@flowadmin>" in mail
    assert "duplicate <key> & more" in mail


def test_a_line_break_in_a_name_begins_no_header(mail_server):
    send_to(AlertChannelFactory(), Message("failed\r\nBcc: eve@example.org"), "7-1")
    assert "\nBcc:" not in mail_server.got[0]


def test_an_address_that_the_mail_server_refuses_is_refused_for_good(mail_server):
    mail_server.refuses = True
    with pytest.raises(NotSent) as refusal:
        send_to(AlertChannelFactory(), MESSAGE, "7-1")
    assert refusal.value.permanent


def test_a_mail_server_that_is_away_is_tried_again(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with pytest.raises(NotSent) as refusal:
        send_to(AlertChannelFactory(), MESSAGE, "7-1")
    assert not refusal.value.permanent


def test_a_webhook_gets_json_with_a_signature_that_can_be_checked(hook, receiver):
    hook.secrets = {"secret": "k3y"}
    send_to(hook, MESSAGE, "7-1")
    [got] = receiver.got
    signed = got.headers["X-FlowAdmin-Timestamp"].encode() + b"." + got.body
    expected = hmac.new(b"k3y", signed, hashlib.sha256).hexdigest()
    assert got.headers["X-FlowAdmin-Signature"] == f"sha256={expected}"
    assert json.loads(got.body)["event"] == "failure"
    assert got.headers["X-FlowAdmin-Delivery"] == "7-1"


def test_slack_gets_text_in_which_names_are_only_names(receiver):
    slack = AlertChannelFactory(kind="slack", options={}, secrets={"url": receiver.url})
    send_to(slack, MESSAGE, "7-1")
    text = json.loads(receiver.got[0].body)["text"]
    assert "duplicate &lt;key&gt; &amp; more" in text
    assert "<https://flow.example/run|Open in FlowAdmin>" in text


@pytest.mark.parametrize(
    ("status", "permanent"), [(500, False), (503, False), (429, False), (404, True), (302, True)]
)
def test_what_the_receiver_answers_decides_whether_it_is_tried_again(
    hook, receiver, status, permanent
):
    receiver.answers = [status]
    with pytest.raises(NotSent, match=str(status)) as refusal:
        send_to(hook, MESSAGE, "7-1")
    assert refusal.value.permanent is permanent
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "169.254.169.254",
     "10.0.0.1", "0.0.0.0", "224.0.0.1"],
)  # fmt: skip
def test_no_webhook_reaches_inside(receiver, monkeypatch, host):
    monkeypatch.setenv("FLOWADMIN_INTERNAL_HOSTS", "")
    port = receiver.url.split(":")[2].split("/")[0]
    with pytest.raises(NotSent) as refusal:
        post(f"http://{host}:{port}/hook", b"{}", {})
    assert refusal.value.permanent
    assert receiver.got == []


def test_an_operator_may_let_a_host_in_by_its_name(receiver, monkeypatch):
    monkeypatch.setenv("FLOWADMIN_INTERNAL_HOSTS", "localhost")
    port = receiver.url.split(":")[2].split("/")[0]
    post(f"http://localhost:{port}/hook", b"{}", {})
    assert receiver.got[0].headers["Host"] == f"localhost:{port}"


def test_a_kind_that_is_not_installed_is_named():
    with pytest.raises(NotSent, match="unknown kind of channel 'pigeon'"):
        send_to(AlertChannelFactory(kind="pigeon"), MESSAGE, "7-1")
