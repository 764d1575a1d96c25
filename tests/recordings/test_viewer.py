"""The page in a real browser: what it shows is what Python computes."""

import struct
from collections.abc import Iterator
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from games import SMALL, Walk, make_policy, record, record_pond, record_signal
from PIL import Image
from playwright.sync_api import Browser, Page

from browser import (
    DESKTOP,
    PHONE,
    choose,
    go_to,
    named,
    shown,
    step_of,
    stop_time,
    wait_for_step,
    wait_until_drawn,
    wait_until_ready,
    watched,
)
from cmfq.algorithms import MeanFieldSettings
from cmfq.cli import main
from cmfq.environments.base import TeamObservation
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.environments.pursuit import PursuitEnvironment, PursuitSettings
from cmfq.explanation import Explanation
from cmfq.new_network import new_network
from cmfq.play.players import random_player
from cmfq.policies import QPolicy
from cmfq.recordings import Recording, read
from cmfq.recordings import format as form
from cmfq.recordings.neighbours import neighbours
from cmfq.recordings.page import NamedRecording, write_page
from cmfq.recordings.record import record_episode
from cmfq.rollout import decide

STEP = 6


@pytest.fixture
def page(browser: Browser, fight: Path) -> Iterator[Page]:
    with shown(browser, named(fight)) as page:
        yield page


def test_it_plays_and_pauses(page: Page) -> None:
    stop_time(page)
    page.select_option("#speed", "5")
    page.click("#play")
    assert page.get_attribute("#play", "aria-label") == "Pause"
    page.clock.run_for(1100)
    assert step_of(page) == 5
    page.click("#play")
    assert page.get_attribute("#play", "aria-label") == "Play"
    page.clock.run_for(2000)
    assert step_of(page) == 5


def busiest(replay: Recording) -> int:
    """The first step in which most die."""
    deaths = [sum((~team.alive).sum() for team in step) for step in replay.steps]
    return int(np.argmax(deaths))


def test_it_opens_where_most_die_with_the_agent_that_weighing_moves_most(
    page: Page, fight: Path
) -> None:
    replay = read(fight)
    step = busiest(replay)
    assert sum((~team.alive).sum() for team in replay.steps[step]) > 0
    wait_for_step(page, step)
    trace = replay.traces(step)[0]
    assert trace is not None
    moved = np.abs(trace.policy_before - trace.policy_after).sum(1) * (trace.counts.sum(1) > 0)
    page.wait_for_selector(".policy tbody tr")
    chosen = replay.steps[step][0].ids.tolist().index(int(page.input_value("input.id")))
    assert moved[chosen] == pytest.approx(moved.max(), abs=1e-3)
    assert moved[chosen] > 0.001


HELD = """
    const released = new Promise((done) => { window.release = done; });
    window.DecompressionStream = class extends DecompressionStream {
        get readable() {
            if (document.getElementById("transport").hidden) return super.readable;
            const held = { transform: (part, to) => released.then(() => to.enqueue(part)) };
            return super.readable.pipeThrough(new TransformStream(held));
        }
    };
"""
"""Script after which no thoughts are unpacked before ``release()``; steps are."""


def test_an_agent_that_is_chosen_before_the_page_chooses_one_stays(
    browser: Browser, fight: Path, tmp_path: Path
) -> None:
    out = tmp_path / "fight.html"
    write_page(named(fight), out)
    with watched(browser) as page:
        page.add_init_script(HELD)
        page.goto(out.as_uri())
        page.wait_for_selector("#transport:not([hidden])")
        scripted = int(read(fight).steps[0][1].ids[0])
        go_to(page, 0)
        choose(page, scripted)
        assert page.locator("[data-ready]").count() == 0
        page.evaluate("release()")
        wait_until_ready(page)
        assert page.input_value("input.id") == str(scripted)


@pytest.mark.parametrize(("player", "said"), [(0, "nobody has acted yet"), (1, "scripted player")])
def test_an_empty_table_says_why(page: Page, fight: Path, player: int, said: str) -> None:
    go_to(page, 0)
    choose(page, int(read(fight).steps[0][player].ids[0]))
    page.wait_for_function("t => document.querySelector('.trace').innerText.includes(t)", arg=said)
    page.wait_for_selector(".empty:not([hidden])")
    assert page.locator(".heeds .scroll").is_hidden()


def test_the_heading_says_what_was_asked_for(
    browser: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    game = tmp_path / "game.replay"
    options = ("--size", "12", "--max-steps", "3", "--seed", "7", "--game", "2")
    assert main(["record", "rush", "random", *options, "--out", str(game)]) == 0
    capsys.readouterr()
    with shown(browser, named(game)) as page:
        assert page.inner_text("h2 >> nth=0") == (
            "rush against random: battle, 12 a side, seed 7, game 2"
        )


@pytest.mark.parametrize("size", [(1280, 800), PHONE], ids=["desktop", "phone"])
def test_nothing_is_covered_or_cut(browser: Browser, fight: Path, size: tuple[int, int]) -> None:
    """The page itself does not scroll, and what an agent goes by is on it beside the field."""
    with shown(browser, named(fight), size) as page:
        page.wait_for_selector(".policy tbody tr")
        wait_until_drawn(page)
        height = page.evaluate("document.documentElement.scrollHeight")
        assert height <= size[1]
        boxes = {
            name: page.locator(selector).bounding_box()
            for name, selector in {
                "field": "canvas.field",
                "heading": ".agent h3",
                "what weighing does": ".counterfactual",
                "heaviest": ".neighbours tbody tr >> nth=0",
                "transport": "#transport",
            }.items()
        }
        top = (boxes["transport"] or {})["y"]
        for name, box in boxes.items():
            assert box and box["y"] >= 0, name
            assert name == "transport" or box["y"] + box["height"] <= top, name
        if size == PHONE:
            return
        assert page.locator(".panel").evaluate("p => p.scrollHeight <= p.clientHeight")
        scrolls = "all => all.every(one => one.scrollHeight <= one.clientHeight)"
        assert page.locator(".trace .scroll").evaluate_all(scrolls), "whole rows, all actions"
        page.set_viewport_size({"width": 1280, "height": 700})
        page.click(".more:visible")
        wait_until_drawn(page)
        cut = """box => [...box.querySelectorAll("tbody tr")].filter((row) => {
            const [inside, seen] = [row.getBoundingClientRect(), box.getBoundingClientRect()];
            return inside.top < seen.bottom - 1 && inside.bottom > seen.bottom + 1;
        }).length"""
        assert page.locator(".heeds .scroll").evaluate(cut) == 0, "no row is cut"
        assert page.locator(".heeds .scroll").evaluate("b => b.scrollHeight > b.clientHeight")


def test_what_there_is_to_gather_is_drawn(browser: Browser, tmp_path: Path) -> None:
    """Before a step, as it was then: an item that is eaten in a step is gone in the next."""
    game = record_pond(tmp_path / "pond.replay")
    kept = read(game).items
    assert [one.tolist() for one in kept if one is not None] == [
        [[2.0, 2.0, 0.5], [8.0, 8.0, 1.0]],
        [[8.0, 8.0, 1.0]],
        [[8.0, 8.0, 1.0]],
    ]
    with shown(browser, named(game)) as page:
        colours = []
        for step in (0, 1):
            go_to(page, step)
            page.keyboard.press("Escape")
            wait_until_drawn(page)
            shot = page.locator("canvas.field").screenshot()
            pixels = np.asarray(Image.open(BytesIO(shot)).convert("RGB"))
            colours.append(int((pixels == (0x6A, 0x8F, 0x1D)).all(-1).sum()))
        assert colours[0] > colours[1] > 100


def test_it_stops_at_the_end_and_begins_again(page: Page, fight: Path) -> None:
    last = len(read(fight).steps) - 1
    go_to(page, last - 1)
    stop_time(page)
    page.select_option("#speed", "10")
    page.click("#play")
    page.clock.run_for(500)
    assert page.get_attribute("#play", "aria-label") == "Play"
    assert step_of(page) == last
    page.click("#play")
    page.clock.run_for(250)
    assert step_of(page) == 2


def test_teams_are_as_recorded(page: Page, fight: Path) -> None:
    replay = read(fight)
    for step in (0, 9, len(replay.steps) - 1):
        go_to(page, step)
        page.wait_for_function(
            "n => document.querySelector('.team').innerText.includes(`${n} alive`)",
            arg=len(replay.steps[step][0].ids),
        )
        for team, text in enumerate(page.locator(".team").all_inner_texts()):
            total = sum(float(one[team].rewards.sum()) for one in replay.steps[: step + 1])
            assert f"{len(replay.steps[step][team].ids)} alive" in text
            assert f"reward {total:.1f}" in text


def explain(algorithm: str, agent: int) -> Explanation:
    """What Python says of the game that ``games.record`` plays."""
    policy = make_policy(algorithm)
    environment = BattleEnvironment(BattleSettings(size=12, max_steps=8))
    generator = np.random.default_rng(5)
    observations: tuple[TeamObservation, ...] = environment.reset(3)
    for _ in range(STEP):
        decisions = decide([(policy, policy)], [observations], generator)[0]
        observations = environment.step([one.actions for one in decisions]).observations
    return policy.explain(next(o for o in observations if agent in o.ids), agent)


def numbers(page: Page, selector: str) -> list[float]:
    return [
        float(value)
        for value in page.locator(selector).evaluate_all(
            "cells => cells.filter(c => !c.parentElement.hidden).map(c => c.dataset.value)"
        )
    ]


def wait_for_what_if(page: Page, agent: int) -> None:
    """Wait until it shows what would be if all acted like an agent."""
    page.wait_for_function(
        "said => document.querySelector('.counterfactual').innerText.includes(said)",
        arg=f"If all acted like agent {agent} ",
    )


@pytest.mark.parametrize("algorithm", ["cmfq", "attention-mfq", "mfq"])
def test_the_chosen_agents_numbers_are_pythons(
    browser: Browser, tmp_path: Path, algorithm: str
) -> None:
    policy = make_policy(algorithm)
    game = record(tmp_path / "game.replay", (policy, policy))
    why = explain(algorithm, agent=4)
    with shown(browser, named(game)) as page:
        go_to(page, STEP)
        choose(page, 4)
        page.wait_for_selector(".policy tbody tr")
        shown_neighbours = [
            int(text)
            for text in page.locator(".neighbours tbody tr:not([hidden]) button").all_inner_texts()
        ]
        assert len(why.neighbours) >= 3
        assert sorted(shown_neighbours) == sorted(one.id for one in why.neighbours)
        of = {one.id: one for one in why.neighbours}
        weights = numbers(page, ".neighbours td:nth-child(4)")
        effects = numbers(page, ".neighbours td:nth-child(3)")
        assert weights == sorted(weights, reverse=True)
        for agent, weight, effect in zip(shown_neighbours, weights, effects, strict=True):
            assert weight == pytest.approx(of[agent].weight, abs=5e-4)
            assert effect == pytest.approx(of[agent].effect, rel=1e-3, abs=1e-4)
        before, after = (numbers(page, f".policy td:nth-child({column})") for column in (3, 4))
        np.testing.assert_allclose(before, why.policy_before, atol=2e-5)
        np.testing.assert_allclose(after, why.policy_after, atol=5e-4)
        for entry in (0, len(shown_neighbours) - 1):
            page.locator(".neighbours tbody tr").nth(entry).hover()
            wait_for_what_if(page, shown_neighbours[entry])
            action = of[shown_neighbours[entry]].action
            what_if = numbers(page, ".policy td:nth-child(4)")
            expected = why.counterfactual_policies[action]
            np.testing.assert_allclose(what_if, expected, atol=0.0021)
            said = page.inner_text(".counterfactual")
            assert f"If all acted like agent {shown_neighbours[entry]} ({action})" in said
            assert why.actions[int(np.argmax(expected))] in said


def test_neighbours_of_large_bodies_are_pythons(browser: Browser, tmp_path: Path) -> None:
    """Pursuit's predators are two cells wide: some neighbours' corners are beyond the radius."""
    environment = PursuitEnvironment(PursuitSettings(predators=40, prey=5, max_steps=3))
    predators, prey = environment.teams
    torch.manual_seed(1)
    network = new_network(predators, SMALL, "attention-mfq")
    policy = QPolicy(predators, network, "attention-mfq", MeanFieldSettings(), beta=10.0)
    game = tmp_path / "game.replay"
    players = (policy, random_player(prey))
    generator = np.random.default_rng(0)
    record_episode(
        game,
        environment,
        players,
        name="pursuit",
        players=("A", "B"),
        seed=3,
        generator=generator,
    )
    replay = read(game)
    (observation, _) = environment.reset(3)
    for step in replay.steps[:2]:
        (observation, _) = environment.step([team.actions for team in step]).observations
    far = []
    for agent in observation.ids.tolist():
        why = policy.explain(observation, agent)
        weights = {one.id: one.weight for one in neighbours(replay, 2, agent)}
        expected = {one.id: one.weight for one in why.neighbours}
        assert weights == pytest.approx(expected, abs=5e-4)
        far += [agent] * any(one.distance > predators.view_radius for one in why.neighbours)
    assert far
    with shown(browser, named(game)) as page:
        go_to(page, 2)
        choose(page, far[0])
        page.wait_for_selector(".policy tbody tr")  # unpacked: the neighbours have weights
        ids = [
            int(text)
            for text in page.locator(".neighbours tbody tr:not([hidden]) button").all_inner_texts()
        ]
        weights = numbers(page, ".neighbours td:nth-child(4)")
        expected = {one.id: one.weight for one in neighbours(replay, 2, far[0])}
        assert dict(zip(ids, weights, strict=True)) == pytest.approx(expected, abs=5e-4)


def test_neighbours_that_count_as_doing_something_else_are_pythons(
    browser: Browser, tmp_path: Path
) -> None:
    game = tmp_path / "game.replay"
    record_signal(game, "attention-mfq")
    replay = read(game)
    agent = int(replay.steps[1][0].ids[0])
    with shown(browser, named(game)) as page:
        go_to(page, 1)
        choose(page, agent)
        page.wait_for_selector(".policy tbody tr")
        ids = page.locator(".neighbours tbody tr:not([hidden]) button").all_inner_texts()
        weights = numbers(page, ".neighbours td:nth-child(4)")
        expected = {one.id: one.weight for one in neighbours(replay, 1, agent)}
        assert dict(zip(map(int, ids), weights, strict=True)) == pytest.approx(expected, abs=5e-4)


def test_the_field_is_as_wide_as_agents_go(browser: Browser, tmp_path: Path) -> None:
    """A frog that is alone starts in a field of half a unit, and walks out of it."""
    game = record_pond(tmp_path / "walk.replay", Walk(5e6))
    with shown(browser, named(game)) as page:
        for step in range(3):
            go_to(page, step)
            picture = Image.open(BytesIO(page.locator("canvas.field").screenshot()))
            pixels = np.asarray(picture.convert("RGB"), int)
            red, green, blue = np.moveaxis(pixels, -1, 0)
            assert ((red > green + 80) & (red > blue + 60)).any()


def test_a_line_may_have_more_numbers_than_a_call_takes_arguments(page: Page) -> None:
    drawn = page.evaluate(
        """async () => {
            const { drawLines } = await import("viewer/charts.js");
            const { readTheme } = await import("viewer/theme.js");
            const line = new Array(200000).fill(0).map((_, i) => Math.sin(i));
            drawLines(document.querySelector("canvas"), [line, line], line.length, readTheme());
            return true;
        }"""
    )
    assert drawn


def place_of(page: Page, replay: Recording, row: int) -> tuple[float, float]:
    """Where an agent of team 0 is drawn at ``STEP``, if all of the fight is shown."""
    fight = next(
        step
        for step, teams in enumerate(replay.steps)
        if not all(team.alive.all() for team in teams)
    )
    seen = [replay.steps[STEP], *replay.steps[fight:]]
    everywhere = np.concatenate([team.positions for step in seen for team in step])
    bounds = np.array(replay.header.bounds).reshape(2, 2)
    low = np.maximum(bounds[0], everywhere.min(0) - 3)
    high = np.minimum(bounds[1], everywhere.max(0) + 3)
    box = page.locator("canvas.field").bounding_box()
    assert box
    canvas = np.array((box["width"], box["height"]))
    scale = ((canvas - 16) / (high - low)).min()
    middle = replay.steps[STEP][0].positions[row] + 0.5
    x, y = (canvas - scale * (low + high)) / 2 + scale * middle
    return box["x"] + x, box["y"] + y


def test_an_agent_is_chosen_with_the_pointer_and_hovering_shows_what_if(
    page: Page, fight: Path
) -> None:
    replay = read(fight)
    team = replay.steps[STEP][0]
    go_to(page, STEP)
    page.mouse.click(*place_of(page, replay, 3))
    wait_until_drawn(page)
    page.wait_for_selector(".policy tbody tr")  # unpacked, which has the table measured anew
    wait_until_drawn(page)
    assert page.input_value("input.id") == str(team.ids[3])
    assert team.health is not None
    assert f"{team.health[3]:.1f} of 10 hit points" in page.inner_text(".state")
    neighbour = int(page.inner_text(".neighbours tbody button >> nth=1"))
    page.mouse.move(*place_of(page, replay, team.ids.tolist().index(neighbour)))
    wait_for_what_if(page, neighbour)
    assert page.locator(".policy .hypothetical").count() > 0
    assert f"Agent {neighbour}, red" in page.inner_text(".under")


def test_the_keyboard_does_everything(page: Page) -> None:
    press = page.keyboard.press
    press("Escape")
    press("Home")
    press("ArrowRight")
    press("ArrowRight")
    press("ArrowLeft")
    wait_for_step(page, 1)
    press("Shift+ArrowRight")
    wait_for_step(page, 11)
    press("End")
    wait_for_step(page, int(page.get_attribute("#scrub", "max") or 0))
    press("Home")
    wait_for_step(page, 0)
    press("ArrowRight")
    for agent in ("0", "1"):
        press("]")
        page.wait_for_function("id => document.querySelector('.id').value === id", arg=agent)
    press("[")
    press("t")
    page.wait_for_function("() => document.querySelector('.state').innerText.includes('scripted')")
    press("t")
    page.wait_for_selector(".policy:visible")  # its thoughts are unpacked: neighbours are in order
    weightiest = page.inner_text(".neighbours tbody button >> nth=0")
    press("f")
    page.wait_for_function("id => document.querySelector('.id').value === id", arg=weightiest)
    press("n")
    assert page.get_attribute("#numbers", "aria-pressed") == "true"
    press("o")
    assert page.input_value("#overlay") == "drawn"
    page.wait_for_selector("#legend:not([hidden])")
    press("Escape")
    page.wait_for_selector(".trace", state="hidden")
    press("Space")
    assert page.get_attribute("#play", "aria-label") == "Pause"
    press("Space")
    press("?")
    assert page.locator("#keys").evaluate("dialog => dialog.open")
    press("Escape")
    for key in ("+", "-", "w", "a", "s", "d", "0", ",", "."):
        press(key)


def test_keys_pressed_at_once_act_on_what_is_so_not_on_what_was_drawn(page: Page) -> None:
    """No frame is drawn between them, and nothing of what the policies thought is unpacked."""
    go_to(page, STEP)
    weightiest = page.evaluate(
        """async (step) => {
            const { Game } = await import("viewer/game.js");
            const game = await Game.load({ name: "fight", url: "replays/0" });
            await game.think(step);
            return String(game.neighbours(step, 0, 0)[0].id);
        }""",
        STEP,
    )
    page.evaluate(
        """keys => keys.forEach(key =>
            document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })))""",
        ["Escape", "t", "t", "t", "f"],
    )
    page.wait_for_function("id => document.querySelector('.id').value === id", arg=weightiest)


def changed(page: Page, before: bytes) -> bytes:
    """The field, once it looks otherwise."""
    for _ in range(100):
        wait_until_drawn(page)
        now = page.locator("canvas.field").screenshot()
        if now != before:
            return now
    raise AssertionError("the field looks the same as before")


def test_zoom_pan_and_colourings_change_the_field(page: Page) -> None:
    go_to(page, STEP)
    seen = changed(page, b"")
    box = page.locator("canvas.field").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    seen = changed(page, seen)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=3)
    page.mouse.up()
    seen = changed(page, seen)
    for overlay in ("drawn", "moved"):
        page.select_option("#overlay", overlay)
        seen = changed(page, seen)
    page.select_option("#overlay", "none")
    page.keyboard.press("0")
    changed(page, seen)


def test_attention_drawn_adds_up(browser: Browser, tmp_path: Path) -> None:
    policy = make_policy("cmfq")
    path = record(tmp_path / "game.replay", (policy, policy))
    trace = read(path).traces(STEP)[0]
    assert trace is not None
    with shown(browser, named(path)) as page:
        drawn, moved = page.evaluate(
            """async (step) => {
                const { Game } = await import("viewer/game.js");
                const answer = await fetch("replays/0");
                const game = await Game.read(await answer.arrayBuffer(), "game");
                await game.think(step);
                return [[...game.attentionDrawn(step, 0)], [...game.policyMoved(step, 0)]];
            }""",
            STEP,
        )
    # Everyone who has neighbours gives away one share in all.
    assert sum(drawn) == pytest.approx((trace.counts.sum(1) > 0).sum(), abs=0.01)
    expected = 0.5 * np.abs(trace.policy_before - trace.policy_after).sum(1)
    np.testing.assert_allclose(moved, expected, atol=1e-5)
    assert max(moved) > 0.001


def test_two_games_share_one_time(browser: Browser, fight: Path, tmp_path: Path) -> None:
    other = record(tmp_path / "other.replay", (make_policy("mfq"), make_policy("mfq")))
    with shown(browser, named(fight, other)) as page:
        assert page.locator(".view").count() == 2
        go_to(page, STEP)
        choose(page, 2)
        page.wait_for_function(
            "() => document.querySelectorAll('.trace:not([hidden])').length == 2"
        )
        assert [i.input_value() for i in page.locator("input.id").all()] == ["2", "2"]
        go_to(page, len(read(fight).steps) - 1)
        texts = page.locator(".team").all_inner_texts()
        assert f"{len(read(other).steps[-1][0].ids)} agents" in texts[2], "the short one waits"


def test_there_are_no_survivors_where_nobody_dies(
    browser: Browser, fight: Path, tmp_path: Path
) -> None:
    calm = tmp_path / "calm.replay"
    game = ["--environment", "pursuit", "--predators", "3", "--prey", "6", "--max-steps", "5"]
    assert main(["record", "random", "random", *game, "--out", str(calm)]) == 0
    with shown(browser, named(calm, fight)) as page:
        first, second = page.locator(".view").all()
        assert not first.get_by_text("Survivors").is_visible()
        assert first.get_by_text("Reward so far").is_visible()
        assert second.get_by_text("Survivors").is_visible()
        texts = page.locator(".team").all_inner_texts()
        assert ["3 agents" in texts[0], "6 agents" in texts[1], "alive" in texts[2]] == [True] * 3


def test_a_page_in_one_file_works_offline(browser: Browser, fight: Path, tmp_path: Path) -> None:
    out = tmp_path / "fight.html"
    write_page(named(fight), out)
    with watched(browser) as page:
        page.context.set_offline(True)
        page.goto(out.as_uri())
        page.wait_for_selector("#transport:not([hidden])")
        go_to(page, STEP)
        choose(page, int(read(fight).steps[STEP][0].ids[0]))
        page.wait_for_selector(".policy tbody tr")


MISTAKES = {
    "another file": (b"hello", "game.replay is not a replay"),
    "a newer version": (
        form.SIGNATURE + struct.pack("<I", form.VERSION + 1),
        "game.replay is a replay of format 2, but this page reads formats up to 1",
    ),
    "no step": (form.prefix(), "game.replay is cut short before its first step ends"),
    "a header that is none": (
        form.prefix() + form.pack(form.HEAD, b'{"teams": 3}'),
        "game.replay is cut short before its first step ends",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_no_replay_is_one_sentence(browser: Browser, mistake: str) -> None:
    content, sentence = MISTAKES[mistake]
    with shown(browser, [NamedRecording("game.replay", content)]) as page:
        assert sentence in page.inner_text("#message")


def test_a_cut_file_shows_what_is_whole(browser: Browser, fight: Path) -> None:
    content = fight.read_bytes()
    with shown(browser, [NamedRecording("cut.replay", content[: len(content) // 2])]) as page:
        assert "cut.replay is cut short: it shows the" in page.inner_text(".note")
        last = int(page.get_attribute("#scrub", "max") or 0)
        assert 0 < last < len(read(fight).steps) - 1


def test_damage_to_what_a_policy_thought_is_told_when_it_is_due(
    browser: Browser, fight: Path
) -> None:
    content = bytearray(fight.read_bytes())
    at = content.index(form.MIND) + 200
    content[at : at + 50] = bytes(50)
    with shown(browser, [NamedRecording("bad.replay", bytes(content))]) as page:
        go_to(page, 0)
        choose(page, 0)
        page.wait_for_selector("#message:not([hidden])")
        assert "bad.replay is damaged at step 0" in page.inner_text("#message")


def test_markup_in_names_is_text(browser: Browser, tmp_path: Path) -> None:
    evil = (
        "<img src=x onerror=document.title='owned'></script><script>document.title='owned'</script>"
    )
    policy = make_policy("mfq")
    path = record(tmp_path / "game.replay", (policy, policy), players=(evil, evil))
    for replay in (NamedRecording(evil, path.read_bytes()), NamedRecording(evil, b"")):
        out = tmp_path / "page.html"
        write_page([replay], out)
        with watched(browser) as page:
            page.goto(out.as_uri())
            page.wait_for_selector("#loading", state="hidden")
            assert evil in page.inner_text("h1")
            assert page.locator("img").count() == 0
            assert page.title() != "owned"
            if replay.content:
                assert evil in page.inner_text(".team >> nth=0")


AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_is_accessible_and_fits(
    browser: Browser, fight: Path, size: tuple[int, int], scheme: str
) -> None:
    with shown(browser, named(fight), size, scheme) as page:
        go_to(page, STEP)
        choose(page, int(read(fight).steps[STEP][0].ids[0]))
        page.wait_for_selector(".policy tbody tr")
        page.evaluate(AXE)
        violations = page.evaluate("axe.run().then(result => result.violations)")
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in violations] == []
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size[0], "nothing sticks out sideways"
