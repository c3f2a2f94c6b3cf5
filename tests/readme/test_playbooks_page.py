"""The page on playbooks: what it shows can be put in force, and says what the code does."""

import re
from pathlib import Path
from typing import get_args

import pytest

from ticket_systems import SECRET
from upheld.actions.playbook import DEFAULT, Do, Step, Trigger, When
from upheld.actions.runs import Verb
from upheld.channels.webhook import SignedWebhooks
from upheld.clock import SystemClock
from upheld.declared_channels import Channel, opened, read_channels
from upheld.readers.faults import InputError
from upheld.readers.playbooks import parse_playbooks

PAGE = (Path(__file__).parents[2] / "docs" / "playbooks.md").read_text()
SHOWN = re.findall(r"^```yaml\n(playbooks:.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_first_is_what_is_in_force_before_any_other():
    assert parse_playbooks(SHOWN[0], "page") == DEFAULT


@pytest.mark.parametrize("text", SHOWN[1:])
def test_the_others_can_be_put_in_force(text):
    assert parse_playbooks(text, "page")


def test_every_field_and_word_is_explained():
    for name in (*When.model_fields, *Step.model_fields, *get_args(Do), *get_args(Trigger), *get_args(Verb)):
        if name not in ("id", "do"):
            assert f"`{name}`" in PAGE or f"`{name}:" in PAGE, name


def test_the_channels_can_be_declared(tmp_path, monkeypatch):
    (text,) = re.findall(r"^```yaml\n(channels:.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for name in re.findall(r"\$\{(\w+)\}", text):
        monkeypatch.setenv(name, "json://localhost/" if name == "ON_CALL_URL" else SECRET)
    (tmp_path / "channels.yaml").write_text(text)
    declared = read_channels(tmp_path / "channels.yaml")
    assert {channel.kind for channel in declared} == {
        get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(Channel)
    }
    channels = opened(declared, (), SignedWebhooks(), None, SystemClock())
    assert channels.of("default") == sorted(channel.id for channel in declared)
    assert "switch-over" not in channels.of("another")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "{id: a, kind: jira, url: 'https://u:p@x.example', username: u, password: '${KEY}', project: NOC}",
            "url: has a user",
        ),
        ("{id: a, kind: webhook, url: 'https://x.example', secret: hunter2}", "write a reference"),
        ("{id: a, kind: apprise, destination: '${NO_SUCH_KEY}'}", "NO_SUCH_KEY is not set"),
        ("{id: tickets, kind: webhook, url: 'https://x.example', secret: '${KEY}'}", "is no ticket system"),
        ("{id: a, kind: pager}", "'pager' is not"),
    ],
)
def test_a_channel_that_cannot_be_is_refused_without_its_secret(text, fault, tmp_path, monkeypatch):
    monkeypatch.setenv("KEY", SECRET)
    (tmp_path / "channels.yaml").write_text(f"channels: [{text}]")
    with pytest.raises(InputError) as refused:
        read_channels(tmp_path / "channels.yaml")
    assert fault in str(refused.value)
    assert "hunter2" not in str(refused.value)
