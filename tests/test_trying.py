"""Two models beside each other: the numbers, the server that this machine alone reaches, the page in a browser."""

import http.client
import json
import math
import os
import signal
import socket
import struct
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pandas as pd
import psutil
import pytest
from browser import barriers, watched
from playwright.sync_api import expect

from bashkir_utils import cli
from bashkir_utils import corpus as corpora
from bashkir_utils.errors import coloured
from bashkir_utils.errors.scored_text import read_documents, unit_bits
from bashkir_utils.evaluation import score_documents
from bashkir_utils.exceptions import RunError, TryError
from bashkir_utils.runs import Run, bare_run, find_run, is_stored, obtain
from bashkir_utils.study import Study, load_study
from bashkir_utils.trying import HOST, LARGEST_BODY, LONGEST_PROMPT, Asked, Bench, PageServer, choose_runs, open_bench
from bashkir_utils.trying.beside import Side, _part
from bashkir_utils.workspace import Workspace

PROMPT = "Башҡорт теле"
PATIENCE = 300_000
"""Milliseconds that an answer may take on a busy machine."""
HOSTILE = (
    "<script>window.hacked=1</script></textarea></p><img src=x onerror=window.hacked=1> "
    "[x](javascript:window.hacked=1) $x$ \x1b[31mҡар \u202eтерс\u202c \u2067из\u2069 \u115f\ufeff"
)


@dataclass(frozen=True)
class Made:
    study: Study
    runs: tuple[Run, Run]
    workspace: Workspace


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    """Two runs of the smoke profile, and its corpus."""
    study, workspace = load_study("smoke"), Workspace(tmp_path_factory.mktemp("home"))
    text = corpora.prepare(study.corpus, workspace)
    cells = [study.run_spec(text.fingerprint, method=method) for method in ("full", "lora_r8")]
    first, second = (obtain(cell, text, workspace) for cell in cells)
    return Made(study, (first, second), workspace)


@pytest.fixture(scope="module")
def bench(made) -> Bench:
    return open_bench(choose_runs("tiny-llama-full", None, made.workspace), made.study, made.workspace)


@contextmanager
def serving(bench, port=0):
    with PageServer(port) as server:
        thread = Thread(target=server.serve, args=(bench,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def server(bench):
    with serving(bench) as started:
        yield started


def asked(**changes) -> Asked:
    return Asked(**{"prompt": PROMPT, "decoding": "greedy", "seed": 1, "new_tokens": 24} | changes)


def sent(server, method="POST", path="/continue", *, headers=None, body=None):
    """Status, headers and content of one request; by default a right one."""
    name = f"{HOST}:{server.server_port}"
    given = {"Host": name, "Origin": f"http://{name}", "Content-Type": "application/json"} | (headers or {})
    content = asked().model_dump_json() if body is None else body
    connection = http.client.HTTPConnection(HOST, server.server_port)
    connection.putrequest(method, path, skip_host=True)
    for key, value in ({"Content-Length": str(len(content.encode()))} | given).items():
        if value is not None:
            connection.putheader(key, value)
    connection.endheaders(content.encode() if method == "POST" else None)
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def refusal(answer) -> tuple[int, str]:
    status, _, content = answer
    return status, json.loads(content)["error"]


# ----------------------------------------------------------------------------------------------------------- which runs


def test_a_run_is_found_by_an_unambiguous_beginning(made):
    full, lora = made.runs
    assert find_run("tiny-llama-full", made.workspace).run_id == full.run_id
    assert find_run(lora.run_id, made.workspace).run_id == lora.run_id
    with pytest.raises(RunError, match=r"begins the names of 2 runs, tiny-llama-full-.*, tiny-llama-lora.*: give more"):
        find_run("tiny-llama", made.workspace)
    for beginning in ("nothing", "", ".", "../runs", "*"):
        with pytest.raises(RunError, match="no run"):
            find_run(beginning, made.workspace)


def test_a_name_that_begins_another_is_that_run_alone(made, tmp_path):
    workspace = Workspace(tmp_path)
    workspace.runs.mkdir()
    name = made.runs[0].run_id
    (workspace.runs / name).symlink_to(made.runs[0].folder)
    (workspace.runs / f"{name}-again").symlink_to(made.runs[1].folder)
    assert find_run(name, workspace).spec == made.runs[0].spec


def test_the_other_model_is_the_same_as_it_came(made):
    first, second = choose_runs("tiny-llama-lora", None, made.workspace)
    assert first.run_id == made.runs[1].run_id
    assert (second.spec.method.kind, second.spec.training, second.spec.model) == ("zero_shot", None, first.spec.model)
    assert not is_stored(second.run_id, made.workspace)
    both = choose_runs("tiny-llama-lora", "tiny-llama-full", made.workspace)
    assert [run.run_id for run in both] == [made.runs[1].run_id, made.runs[0].run_id]
    with pytest.raises(TryError, match="would stand beside itself: name two"):
        choose_runs("tiny-llama-full", made.runs[0].run_id, made.workspace)


def test_a_model_with_another_vocabulary_stands_beside_its_own(made):
    from bashkir_utils.study import VocabularySpec

    spec = made.runs[0].spec
    changed = spec.model.model_copy(update={"vocabulary": VocabularySpec.model_construct(way="trim")})
    run = Run("changed", spec.model_copy(update={"model": changed}), made.runs[0].folder, {})
    assert bare_run(run, made.workspace).spec.model == spec.model


# -------------------------------------------------------------------------------------------------------------- numbers


def test_losses_are_those_of_the_text_scored_directly(made, bench):
    for side, run in zip(bench.sides, choose_runs("tiny-llama-full", None, made.workspace), strict=True):
        answer = side.answer(asked(), bench.how)
        model, tokenizer = run.load(made.workspace)
        whole = PROMPT + _written(answer.continuation, bench, side)
        scores = score_documents(model, tokenizer, [whole], made.study.evaluation)
        total = answer.prompt.bits_per_byte * len(PROMPT.encode())
        rest = answer.continuation.bits_per_byte * (len(whole.encode()) - len(PROMPT.encode()))
        assert total + rest == pytest.approx(scores.documents["nll"].sum() / math.log(2))
        assert sum(word.bits for word in answer.prompt.words) == pytest.approx(total)
        assert sum(word.bits for word in answer.continuation.words) == pytest.approx(rest)
        documents = pd.DataFrame({"id": ["a"], "source": "s"})
        text = read_documents(documents, documents.assign(text=[whole]))
        units = unit_bits(type("S", (), {"documents": documents, "tokens": scores.tokens}), text)
        assert answer.prompt.words[0].bits == pytest.approx(units[0])
        assert answer.continuation.words[-1].bits == pytest.approx(units[-1])


def _written(part, bench, side):
    """The continuation again, by the function that drew it."""
    from bashkir_utils.generation import generate
    from bashkir_utils.study import GenerationSpec

    spec = GenerationSpec(max_new_tokens=24, decodings=(bench.how.decodings["greedy"],), seed=1)
    return generate(side.model, side.tokenizer, [PROMPT], spec)["continuation"].iloc[0]


def test_prompt_and_continuation_are_cut_inside_a_word_by_hand():
    documents = pd.DataFrame({"id": ["a"], "source": "s"})
    text = read_documents(documents, documents.assign(text=["ал ҡы\nбу"]))
    bits = pd.Series([1.0, 2, 4, 8, 16, 32, 64, 128]).to_numpy()
    prompt, rest = _part(text, bits, 0, 4), _part(text, bits, 4, 8)
    assert [(word.before, word.text, word.bits, word.level) for word in prompt.words] == [
        ("", "ал", 3.0, 0), (" ", "ҡ", 12.0, 2)
    ]  # fmt: skip
    assert [(word.before, word.text, word.bits, word.level) for word in rest.words] == [
        ("", "ы", 16.0, 3), ("↵\n", "бу", 224.0, 4)
    ]  # fmt: skip
    assert prompt.bits_per_byte == pytest.approx(15 / 7)
    assert rest.bits_per_byte == pytest.approx(240 / 7)


def test_white_space_at_the_end_of_a_prompt_is_seen():
    documents = pd.DataFrame({"id": ["a"], "source": "s"})
    text = read_documents(documents, documents.assign(text=["ал  ҡы"]))
    prompt = _part(text, pd.Series([1.0] * 6).to_numpy(), 0, 4)
    assert [(word.before, word.text) for word in prompt.words] == [("", "ал"), ("", "␣")]
    assert _part(text, pd.Series([1.0] * 6).to_numpy(), 6, 6).bits_per_byte is None


def test_sampling_follows_the_seed_and_an_empty_prompt_is_a_prompt(bench):
    one, again, other = (bench.sides[0].answer(asked(decoding="nucleus", seed=s), bench.how) for s in (1, 1, 2))
    assert one == again
    assert one != other
    empty = bench.sides[0].answer(asked(prompt=""), bench.how)
    assert (empty.prompt.words, empty.prompt.bits_per_byte) == ((), None)
    assert empty.continuation.bits_per_byte > 0


def test_what_stands_above_each_column(bench):
    full, bare = (side.notes for side in bench.sides)
    assert full == ("random weights, for tests only", "adapted to generated text (embedded)")
    assert bare == ("random weights, for tests only", "the model as it came")
    assert bench.how.language == "ba"
    assert list(bench.how.decodings) == ["nucleus", "greedy"]


# --------------------------------------------------------------------------------------------------------------- server


def test_an_answer_over_http(server, bench):
    status, headers, content = sent(server)
    answers = json.loads(content)["answers"]
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert len(answers) == 2
    assert answers[0]["prompt"]["words"][0]["text"] == "Башҡорт"
    direct = bench.sides[0].answer(asked(), bench.how)
    assert answers[0]["continuation"]["bits_per_byte"] == direct.continuation.bits_per_byte
    assert answers[0]["continuation"]["bits_per_byte"] != answers[1]["continuation"]["bits_per_byte"]


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js", "/loss.css", "/settings", "/no", "/../server.py"])
def test_every_answer_is_guarded(server, path):
    status, headers, _ = sent(server, "GET", path)
    assert status == (404 if path in {"/no", "/../server.py"} else 200)
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    assert policy["frame-ancestors"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", ["evil.example", "evil.example:{port}", HOST, f"{HOST}:1", "", None])
def test_a_foreign_host_is_refused(server, method, name):
    host = name and name.format(port=server.server_port)
    path = "/" if method == "GET" else "/continue"
    status, message = refusal(sent(server, method, path, headers={"Host": host, "Origin": f"http://{host}"}))
    assert (status, message) == (403, "this page is served to this machine alone")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://{host}", f"http://{HOST}", None])
def test_a_foreign_origin_is_refused(server, origin):
    given = origin and origin.format(host=f"{HOST}:{server.server_port}")
    assert refusal(sent(server, headers={"Origin": given})) == (403, "prompts are taken from this page alone")


def test_localhost_is_this_machine_too(server):
    name = f"localhost:{server.server_port}"
    assert sent(server, headers={"Host": name, "Origin": f"http://{name}"})[0] == 200


BAD = {
    "too large": ({"body": " " * (LARGEST_BODY + 1)}, 413, "at most 4,000 characters"),
    "far too large": ({"body": "", "headers": {"Content-Length": "9" * 18}}, 413, "at most 4,000 characters"),
    "a prompt too long": (
        {"body": json.dumps({"prompt": "a" * (LONGEST_PROMPT + 1), "decoding": "greedy", "seed": 1, "new_tokens": 1})},
        400,
        "prompt: String should have at most 4000",
    ),
    "no length": ({"headers": {"Content-Length": None}}, 411, "with its length"),
    "a negative length": ({"headers": {"Content-Length": "-1"}}, 411, "with its length"),
    "a form": ({"headers": {"Content-Type": "text/plain"}}, 415, "comes as application/json"),
    "no JSON": ({"body": "{"}, 400, "the request: Invalid JSON"),
    "half a letter": ({"body": r'{"prompt": "\ud800"}'}, 400, "the request: Invalid JSON"),
    "another key": ({"body": asked().model_dump_json()[:-1] + ',"x":1}'}, 400, "x: Extra inputs"),
    "too many tokens": ({"body": json.dumps(asked().model_dump() | {"new_tokens": 10**9})}, 400, "new_tokens: Input"),
    "a negative seed": ({"body": json.dumps(asked().model_dump() | {"seed": -1})}, 400, "seed: Input should be"),
    "an unknown decoding": ({"body": asked(decoding="<b>\nx").model_dump_json()}, 422, "unknown decoding '<b>\\nx'"),
    "another path": ({"path": "/settings"}, 404, "no such page"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_is_refused_with_a_sentence(server, case):
    given, status, sentence = BAD[case]
    if case == "far too large":
        # a sender that promises what it does not send
        with socket.create_connection((HOST, server.server_port)) as connection:
            name = f"{HOST}:{server.server_port}"
            head = ("POST /continue HTTP/1.0", f"Host: {name}", f"Origin: http://{name}", f"Content-Length: {'9' * 18}")
            connection.sendall("\r\n".join([*head, "", ""]).encode())
            connection.shutdown(socket.SHUT_WR)
            shown = connection.makefile("rb").read().decode()
        assert f" {status} " in shown.splitlines()[0]
        assert sentence in shown
        return
    found, message = refusal(sent(server, **given))
    assert (found, sentence in message) == (status, True), message


def test_prompts_that_come_together_get_the_answers_that_each_would_get_alone(server):
    bodies = [asked(decoding="nucleus", seed=seed).model_dump_json() for seed in range(4)]
    alone = [sent(server, body=body)[2] for body in bodies]
    found = {}
    threads = [Thread(target=lambda i=i: found.update({i: sent(server, body=bodies[i])[2]})) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(4)] == alone


def test_who_goes_away_leaves_no_traceback_and_a_model_that_fails_leaves_one(server, monkeypatch, capfd):
    head = f"POST /continue HTTP/1.0\r\nHost: {HOST}:{server.server_port}\r\nOrigin: http://{HOST}:{server.server_port}\r\n"
    for begun in ("", "GET / HT", f"{head}Content-Length: 100\r\n\r\n{{"):
        with socket.create_connection((HOST, server.server_port)) as connection:
            connection.sendall(begun.encode())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
    assert sent(server)[0] == 200
    assert capfd.readouterr().err == ""
    with monkeypatch.context() as broken:
        broken.setattr(Side, "answer", lambda *_: (_ for _ in ()).throw(RuntimeError("no such kernel")))
        with pytest.raises(http.client.RemoteDisconnected):
            sent(server)
    assert "RuntimeError: no such kernel" in capfd.readouterr().err
    assert sent(server)[0] == 200


def test_the_port_of_http_is_not_part_of_the_name(server, monkeypatch):
    given = {"Host": HOST, "Origin": f"http://{HOST}"}
    assert sent(server, headers=given)[0] == 403
    monkeypatch.setattr("bashkir_utils.trying.server.HTTP_PORT", server.server_port)
    assert sent(server, headers=given)[0] == 200


def test_it_listens_on_this_machine_alone(server):
    mine = [
        each.laddr.ip
        for each in psutil.Process().net_connections(kind="inet")
        if each.status == psutil.CONN_LISTEN and each.laddr.port == server.server_port
    ]
    assert mine == ["127.0.0.1"]


def test_a_port_that_is_taken_is_refused(server):
    with pytest.raises(TryError, match=f"port {server.server_port} cannot be used, address already in use: name"):
        PageServer(server.server_port)


# --------------------------------------------------------------------------------------------------------- command line


# what a shell starts in the background ignores interrupts, and so does all that it starts
HEARING = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("bashkir_utils", run_name="__main__")
"""


def command_serving(made) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HEARING, "try", "tiny-llama-f", "tiny-llama-l", "-p", "smoke", "--no-browser"],
        env={**os.environ, "BASHKIR_HOME": str(made.workspace.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_serves_until_an_interrupt_and_ends_in_one_line(made):
    process = command_serving(made)
    line = process.stdout.readline()
    assert line.startswith("open http://127.0.0.1:")
    connection = http.client.HTTPConnection(HOST, int(line.split(":")[2].split("/")[0]))
    connection.request("GET", "/settings")
    names = [model["name"] for model in json.loads(connection.getresponse().read())["models"]]
    assert names == [run.run_id for run in made.runs]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out) == (0, "bashkir: the page is closed\n")
    assert "Traceback" not in err


def test_an_interrupt_while_a_model_writes_ends_in_one_line_too(made):
    process = command_serving(made)
    name = process.stdout.readline().split("/")[2]
    body = asked(prompt="б" * LONGEST_PROMPT, new_tokens=256, decoding="nucleus").model_dump_json().encode()
    given = {"Host": name, "Origin": f"http://{name}", "Content-Type": "application/json"}
    waiting = [http.client.HTTPConnection(name) for _ in range(3)]
    for each in waiting:
        each.request("POST", "/continue", body, given)
    connection = http.client.HTTPConnection(name)
    connection.request("GET", "/settings")
    connection.getresponse().read()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (0, "bashkir: the page is closed\n", "")
    for each in waiting:
        each.close()


BAD_COMMANDS = {
    "unknown run": (["nothing"], "no run 'nothing'"),
    "ambiguous name": (["tiny-llama"], "begins the names of 2 runs"),
    "unknown second run": (["tiny-llama-full", "tiny-gpt2"], "no run 'tiny-gpt2'"),
    "a run beside itself": (["tiny-llama-full", "tiny-llama-full"], "would stand beside itself: name two"),
    "port that is taken": (["tiny-llama-full", "--port", "{port}"], "cannot be used, address already in use"),
    "unknown profile": (["tiny-llama-full", "-p", "nothing"], "unknown profile 'nothing'"),
}


@pytest.mark.parametrize("case", BAD_COMMANDS)
def test_what_cannot_be_tried_is_one_line_and_exit_code_2(case, made, server, monkeypatch, capsys):
    arguments, message = BAD_COMMANDS[case]
    given = [each.format(port=server.server_port) for each in arguments]
    monkeypatch.setenv("BASHKIR_HOME", str(made.workspace.root))
    monkeypatch.setattr(sys, "argv", ["bashkir", "try", *given, "--no-browser"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    written = capsys.readouterr()
    assert (stopped.value.code, written.out) == (2, "")
    assert written.err.startswith("bashkir: error: ")
    assert written.err.count("\n") == 1
    assert message in written.err


# -------------------------------------------------------------------------------------------------------------- browser


@pytest.fixture(params=[("light", 1100), ("dark", 390)], ids=["light", "dark phone"])
def seen(request, browser, server):
    scheme, width = request.param
    with watched(browser, color_scheme=scheme, viewport={"width": width, "height": 900}) as found:
        found.page.goto(server.url)
        expect(found.page.get_by_role("button", name="Continue")).to_be_enabled()
        yield found


def ask(page, prompt, **settings):
    page.get_by_label("Beginning of a text").fill(prompt)
    for label, value in settings.items():
        page.get_by_label(label.replace("_", " ")).fill(value)
    page.get_by_role("button", name="Continue").click()


def wait_until_done(page):
    expect(page.get_by_role("status")).to_have_text("Done.", timeout=PATIENCE)


def test_two_columns_with_words_and_their_losses(seen, bench):
    page = seen.page
    page.get_by_label("Decoding").select_option("greedy")
    ask(page, PROMPT, Seed="1", New_tokens="24")
    wait_until_done(page)
    columns = page.locator("#columns > section")
    assert columns.count() == 2
    assert barriers(page) == []
    for place, side in enumerate(bench.sides):
        answer, column = side.answer(asked(), bench.how), columns.nth(place)
        assert column.locator("h2").inner_text() == side.name
        heads = column.locator("h3").all_inner_texts()
        assert heads == [
            f"Prompt: {answer.prompt.bits_per_byte:.3f} bits per byte",
            f"Continuation: {answer.continuation.bits_per_byte:.3f} bits per byte",
        ]
        words = column.locator("p.continuation span")
        assert words.evaluate_all("all => all.map((each) => [each.firstChild.data, each.title, each.className])") == [
            [word.text, f"{word.bits:.1f} bits", f"l{word.level}"] for word in answer.continuation.words
        ]
        column.locator("summary").click()
        rows = column.locator("tbody tr").evaluate_all(
            "all => all.map((row) => [...row.cells].map((cell) => cell.textContent))"
        )
        assert rows == [
            [word.text, name, f"{word.bits:.1f}"]
            for name, part in (("prompt", answer.prompt), ("continuation", answer.continuation))
            for word in part.words
        ]
    drawn = page.locator("#columns span.l3").first.evaluate("each => getComputedStyle(each).backgroundColor")
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    colour = (coloured.DARK if dark else coloured.LIGHT)["loss"][2]
    assert drawn == f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"
    assert page.locator("#columns p.prompt").first.get_attribute("lang") == "ba"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    seen.assert_quiet()


MEASURES = """() => ({
  hacked: window.hacked ?? null,
  foreign: document.querySelectorAll("#result :is(script, a, img, iframe, textarea, form, style)").length,
  turned: [...document.querySelectorAll("#columns *")].filter((n) => getComputedStyle(n).direction !== "ltr").length,
  invisible: /[\\u001b\\u202a-\\u202e\\u2066-\\u2069\\u115f\\ufeff]/.test(document.body.textContent),
  wide: document.documentElement.scrollWidth > innerWidth,
  children: [...document.body.children].map((each) => each.localName).join(),
})"""


@pytest.mark.parametrize(
    "prompt", [HOSTILE, "башҡорттар" * 400, "\u202e\u200f" * 50], ids=["markup", "endless", "turned"]
)
def test_a_hostile_prompt_stays_text(seen, prompt):
    page = seen.page
    before = page.evaluate(MEASURES)
    ask(page, prompt, New_tokens="8")
    wait_until_done(page)
    for each in page.locator("summary").all():
        each.click()
    assert page.evaluate(MEASURES) == before
    shown = page.locator("p.prompt").first.evaluate(
        "each => { each.querySelectorAll('sub').forEach((sub) => sub.remove()); return each.textContent; }"
    )
    if prompt is HOSTILE:
        assert "<script>window.hacked=1</script></textarea></p><img src=x onerror=window.hacked=1>" in shown
        assert "⟨U+001B⟩[31mҡар ⟨U+202E⟩терс⟨U+202C⟩" in shown
    seen.assert_quiet()


def test_a_hundred_thousand_characters_are_refused_and_change_nothing(seen):
    page = seen.page
    ask(page, "б" * 100_000)
    expect(page.get_by_role("alert")).to_have_text("The prompt is too long: at most 4,000 characters.")
    assert page.locator("#length").inner_text() == "100,000 of at most 4,000 characters"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ask(page, PROMPT)
    wait_until_done(page)
    expect(page.get_by_role("alert")).to_be_hidden()
    seen.assert_quiet()


def test_a_name_of_a_run_and_what_a_model_writes_stay_text(bench, browser, monkeypatch):
    from dataclasses import replace

    from bashkir_utils.trying.beside import Answer, Part, Word

    part = Part((Word(" ", HOSTILE, 40.0, 4),), 2.0)
    monkeypatch.setattr(Side, "answer", lambda *_: Answer(part, part, 1, True, 3))
    sides = tuple(replace(side, name=HOSTILE, notes=(HOSTILE,)) for side in bench.sides)
    how = replace(bench.how, language=HOSTILE, decodings={HOSTILE: None})
    with serving(Bench(sides, how)) as server, watched(browser) as found:
        found.page.goto(server.url)
        expect(found.page.get_by_role("button", name="Continue")).to_be_enabled()
        ask(found.page, "а")
        wait_until_done(found.page)
        measured = found.page.evaluate(MEASURES)
        assert (measured["hacked"], measured["foreign"]) == (None, 0)
        assert "3 places are no valid UTF-8" in found.page.locator("#columns").inner_text()
        assert found.page.locator("h2").first.text_content() == HOSTILE
        found.assert_quiet()


def test_a_tab_older_than_its_server_says_whose_answers_it_shows(bench, browser):
    from dataclasses import replace

    others = tuple(replace(side, name=f"another {place}", notes=("later",)) for place, side in enumerate(bench.sides))
    with watched(browser) as found:
        with serving(bench) as server:
            found.page.goto(server.url)
            expect(found.page.get_by_role("button", name="Continue")).to_be_enabled()
        with serving(Bench(others, bench.how), server.server_port):
            ask(found.page, PROMPT, New_tokens="4")
            wait_until_done(found.page)
        assert found.page.locator("h2").all_inner_texts() == ["another 0", "another 1"]
        found.assert_quiet()


def test_a_server_that_is_gone_is_said(browser, bench):
    with watched(browser) as found:
        with serving(bench) as server:
            found.page.goto(server.url)
            expect(found.page.get_by_role("button", name="Continue")).to_be_enabled()
        ask(found.page, PROMPT)
        expect(found.page.get_by_role("alert")).to_have_text(
            "No answer: look at the terminal where the page was started."
        )


def test_the_page_is_part_of_the_package():
    folder = Path(coloured.__file__).parent.parent / "trying"
    assert sorted(path.name for path in folder.glob("page.*")) == ["page.css", "page.html", "page.js"]
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "http" not in page
    assert "style=" not in page
    assert "innerHTML" not in (folder / "page.js").read_text(encoding="utf-8")
