"""What the page on clusters tells a reader to type is accepted by the programs it names."""

import re
import shlex
import subprocess
import tomllib
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest
import typer
import yaml
from accelerate.commands.launch import launch_command_parser
from packaging.requirements import Requirement

from bashkir_utils import cli
from bashkir_utils.study import load_study
from bashkir_utils.sweep import Order, Resources, launch_command

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "book" / "cluster.md"
FILES = ROOT / "book" / "cluster"
SCRIPTS = sorted(FILES.glob("*.sbatch"))
PREFIX = re.compile(r"^(?:\w+=\S+ )*(?:nohup )?")


def shell_lines() -> list[str]:
    """Every command of the page, the scripts and the manifest, with continued lines joined."""
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    text = "\n".join([*blocks, *(script.read_text(encoding="utf-8") for script in SCRIPTS), entrypoint()])
    joined = text.replace("\\\n", " ")
    lines = [PREFIX.sub("", line.strip()) for line in joined.splitlines()]
    return [re.sub(r"( > \S+ 2>&1)? &$", "", line) for line in lines if line and not line.startswith("#")]


def manifest() -> list[dict]:
    return list(yaml.safe_load_all((FILES / "kuberay.yaml").read_text(encoding="utf-8")))


def entrypoint() -> str:
    return manifest()[1]["spec"]["entrypoint"]


def commands(program: str) -> list[str]:
    """The part of each line from that program on; it may stand behind srun and its options."""
    found = [line[match.start() :] for line in shell_lines() if (match := re.search(rf"(?<!\S){program} ", line))]
    return [line for line in found if line.startswith(program)]


def parse(command, arguments: list[str]) -> None:
    """Let click read the arguments of a group's verb; it exits with an error at an unknown option or a bad value."""
    context = command.make_context("program", list(arguments), resilient_parsing=True)
    name, verb, rest = command.resolve_command(context, list(arguments))
    verb.make_context(name, rest)


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("line", commands("bashkir"))
def test_bashkir_takes_its_options(line):
    parse(typer.main.get_command(cli.app), shlex.split(line)[1:])


@pytest.mark.parametrize("line", commands("accelerate launch"))
def test_accelerate_takes_its_options(line):
    asked = launch_command_parser().parse_args(shlex.split(line)[2:])
    assert asked.module
    assert asked.training_script == "bashkir_utils"
    assert Path(asked.config_file).is_file()
    parse(typer.main.get_command(cli.app), asked.training_script_args)


@pytest.mark.parametrize("line", commands("ray start"))
def test_ray_takes_its_options(line):
    scripts = pytest.importorskip("ray.scripts.scripts")
    parse(scripts.cli, shlex.split(line)[1:])


@pytest.mark.parametrize("line", commands("hf"))
def test_a_download_is_what_the_profile_asks_for_and_no_other_format(line):
    import huggingface_hub.cli.hf as hub

    asked = shlex.split(line)[1:]
    parse(hub.app, asked)
    model = next(model for model in load_study("paper").models if model.source == f"hub:{asked[1]}")
    assert asked[asked.index("--revision") + 1] == model.revision
    included = [pattern for option, pattern in pairwise(asked) if option == "--include"]
    assert {"*.safetensors", "*.json"} <= set(included)


def test_every_kind_of_command_is_on_the_page():
    assert commands("hf")
    assert len(commands("bashkir")) >= 10
    assert len(commands("accelerate launch")) >= 3
    assert len(commands("ray start")) >= 4


def test_an_option_that_is_not_there_would_be_seen():
    with pytest.raises(Exception, match="No such option"):
        parse(typer.main.get_command(cli.app), ["sweep", "--gpu-per-cel", "1"])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_sound_and_included(script):
    subprocess.run(["bash", "-n", script], check=True)
    assert f"cluster/{script.name}" in PAGE.read_text(encoding="utf-8")


def directives(script: Path) -> dict[str, str]:
    """The options of sbatch in a script; one without a value has an empty one."""
    return dict(re.findall(r"^#SBATCH --([\w-]+)=?(\S*)$", script.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize(
    "script", [each for each in SCRIPTS if "srun " in each.read_text()], ids=lambda path: path.name
)
def test_srun_is_told_the_cores_of_the_job(script):
    """Since 22.05 srun does not take --cpus-per-task over from sbatch, but from this variable."""
    text = script.read_text(encoding="utf-8")
    export = 'export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"'
    assert "cpus-per-task" in directives(script)
    assert 0 < text.find(export) < text.find("srun --")


@pytest.mark.parametrize("script", [each for each in SCRIPTS if "--requeue" in each.read_text()], ids=lambda p: p.name)
def test_what_runs_out_of_time_is_started_again(script):
    """By the script itself, on a signal before the end: Slurm requeues no job for want of time."""
    text, signal = script.read_text(encoding="utf-8"), directives(script)["signal"]
    receiver, name, seconds = re.fullmatch(r"(\w+):(\w+)@(\d+)", signal).groups()
    assert receiver == "B"
    assert int(seconds) >= 60
    assert f"trap 'scontrol requeue \"$SLURM_JOB_ID\"' {name}\n" in text
    last = [line for line in text.splitlines() if line and not line.startswith("#")][-2:]
    assert (last[0].endswith(" &"), last[1]) == (True, "wait $!")


def test_a_script_requeues_itself_at_the_signal(tmp_path):
    """The end of one-cell.sbatch with programs that only say what they were called with."""
    lines = (FILES / "one-cell.sbatch").read_text(encoding="utf-8").splitlines()
    begun = next(place for place, line in enumerate(lines) if line.startswith("trap "))
    programs = 'scontrol() { echo "$@"; }\naccelerate() { kill -USR1 $$; sleep 60 & echo $! > child; wait; }\n'
    script = f"set -euo pipefail\nSLURM_JOB_ID=7 BASHKIR_HOME=here\n{programs}" + "\n".join(lines[begun:])
    stop = "\nkill $(cat child)"
    command = ["bash", "-c", f"trap '{stop}' EXIT\n{script}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "requeue 7\n"


def test_the_image_holds_nothing_that_the_book_makes():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    made = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {line.rstrip("/").removeprefix("**/") for line in made} <= {line.removeprefix("**/") for line in ignored}


def test_the_manifest_agrees_with_itself_and_with_the_pins():
    claim, job = manifest()
    cluster = job["spec"]["rayClusterSpec"]
    pins = [Requirement(line) for line in pinned()]
    assert f"=={cluster['rayVersion']}" in [str(pin.specifier) for pin in pins if pin.name == "ray"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    (group,) = cluster["workerGroupSpecs"]
    for pod in (cluster["headGroupSpec"]["template"]["spec"], group["template"]["spec"]):
        (container,) = pod["containers"]
        mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert set(mounted) == {volume["name"] for volume in pod["volumes"]}
        assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        home = {each["name"]: each["value"] for each in container["env"]}["BASHKIR_HOME"]
        assert home == mounted["store"]
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    asked = shlex.split(entrypoint())
    for option, kind in (("--gpus-per-cell", "nvidia.com/gpu"), ("--cpus-per-cell", "cpu")):
        assert float(asked[asked.index(option) + 1]) <= float(limits[kind])
    assert float(asked[asked.index("--memory-per-cell") + 1]) * 1e9 <= int(limits["memory"].removesuffix("Gi")) * 2**30


def test_the_extra_that_the_page_names_brings_ray():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (ray,) = [Requirement(line) for line in extras["cluster"]]
    assert (ray.name, ray.extras) == ("ray", {"default"})
    assert extras["cluster"][0] in extras["dev"]


def test_the_extra_brings_the_dashboard_through_which_kuberay_submits():
    """Without these imports Ray starts no dashboard, and KubeRay finds no head on port 8265."""
    pytest.importorskip("ray.dashboard.optional_deps")
    pytest.importorskip("ray.dashboard.modules.job.job_head")
    pins = {Requirement(line).name.lower().replace("_", "-") for line in pinned()}
    asked = [Requirement(line) for line in metadata.requires("ray") or ()]
    wanted = {each.name.lower().replace("_", "-") for each in asked if each.marker and "default" in str(each.marker)}
    assert {"aiohttp-cors", "opencensus"} <= wanted <= pins


def pinned() -> list[str]:
    return [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1].isalpha()]


@pytest.mark.parametrize("config", [None, str(FILES / "fsdp.yaml")])
def test_what_a_sweep_launches_is_accepted_too(config, tmp_path):
    command = launch_command(tmp_path / "order.json", Resources(gpus=4, accelerate_config=config))
    assert command[1:3] == ["-m", "accelerate.commands.launch"]
    asked = launch_command_parser().parse_args(command[3:])
    assert (asked.num_processes, asked.multi_gpu, asked.main_process_port) == (4, config is None, 0)
    parse(typer.main.get_command(cli.app), asked.training_script_args)
    assert "resources" in Order.model_fields
