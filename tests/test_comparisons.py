import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_results import NATS_PER_BYTE, documents, made, made_report
from scipy.stats import t as student

from bashkir_utils import comparisons, report
from bashkir_utils.evaluation import summarise
from bashkir_utils.failures import Reason
from bashkir_utils.plots import comparisons as plots
from bashkir_utils.report import FailedRun

RANKS = [
    {"name": f"{kind}_r{rank}", "kind": kind, "rank": rank, "lora_alpha": 16}
    for kind in ("lora", "qlora")
    for rank in (8, 16)
]
LEVELS = {"lora_r8": 1.0, "lora_r16": 0.9, "qlora_r8": 1.1, "qlora_r16": 1.1}


@pytest.fixture
def live(tmp_path):
    return made_report(tmp_path)


def scored(evaluation, spec, table):
    return replace(evaluation, documents=table, summary=summarise(table, spec))


@pytest.fixture
def seeded(tmp_path):
    """Two kinds of adapter, two ranks, three seeds: noise of 0.02 between seeds, shared difficulty of documents."""
    for name, level in LEVELS.items():
        NATS_PER_BYTE.setdefault(name, level)
    study, corpus, runs, evaluations = made(tmp_path, methods=RANKS, seeds=[1, 2, 3])
    rng = np.random.default_rng(0)
    tables = [documents(LEVELS.get(r.spec.method.name, 1.6) + rng.normal(0, 0.02), i) for i, r in enumerate(runs)]
    again = [scored(e, study.evaluation, table) for e, table in zip(evaluations, tables, strict=True)]
    return report.collect(study, corpus, runs, again)


def of_perplexities(tmp_path, perplexities, zero_shot):
    """A study of one method with these perplexities per token, seed by seed."""
    seeds = list(range(1, len(perplexities) + 1))
    study, corpus, runs, evaluations = made(tmp_path, methods=RANKS[:1], seeds=seeds)
    tables = [documents(1, 0).assign(nll=lambda d, p=p: d["tokens"] * math.log(p)) for p in (zero_shot, *perplexities)]
    again = [scored(e, study.evaluation, table) for e, table in zip(evaluations, tables, strict=True)]
    return report.collect(study, corpus, runs, again)


# --- divergence and seeds ----------------------------------------------------------------------------------------


def test_the_diverged_seed_behind_a_perplexity_of_129_is_shown_and_in_no_mean(tmp_path):
    live = of_perplexities(tmp_path, [4, 4, 380.7], zero_shot=20)
    mean_of_perplexities = np.mean([row.token_perplexity.value for row in live.rows[1:]])
    assert mean_of_perplexities == pytest.approx(129.55, abs=0.05)
    row = comparisons.seed_table(live).loc["lora r8"]
    assert (row["runs"], row["left_out"]) == (2, "1 diverged")
    tokens, sizes = (live.documents.drop_duplicates("id")[name].sum() for name in ("tokens", "bytes"))
    assert row["mean"] == pytest.approx(math.log2(4) * tokens / sizes)
    assert row["deviation"] == pytest.approx(0, abs=1e-12)
    assert "seed 3: diverged (" in row["seeds"]
    assert "worse than zero-shot" in row["seeds"]
    for page in (comparisons.seeds_html(live), comparisons.seed_findings(live), comparisons.findings(live)):
        assert "1 diverged" in page or "1 of 3 runs diverged" in page
    assert "Better than tiny as it came" in comparisons.findings(live)


def test_two_ways_are_compared_within_the_family_of_all(live):
    ids = {label: run_id for run_id, label in live.arms.items()}
    text = comparisons.pair_finding(live, ids["full"], ids["zero shot"])
    row = comparisons.differences_from(live, "zero shot").loc["full"]
    assert text.startswith(
        "- full less zero shot, bits per byte on the test documents, corrected for all pairs of this"
    )
    assert f"{row['difference']:+.4f} (95% interval {row['low']:+.4f} to {row['high']:+.4f})" in text
    assert "**full** predicts these documents better" in text
    assert "**full** predicts" in comparisons.pair_finding(live, ids["zero shot"], ids["full"])
    assert "are one way" in comparisons.pair_finding(live, ids["full"], ids["full"])


def test_losses_are_averaged_and_not_perplexities(tmp_path):
    live = of_perplexities(tmp_path, [4, 16], zero_shot=20)
    row = comparisons.seed_table(live).loc["lora r8"]
    tokens, sizes = (live.documents.drop_duplicates("id")[name].sum() for name in ("tokens", "bytes"))
    assert row["mean"] == pytest.approx(math.log2(8) * tokens / sizes), "the geometric mean of 4 and 16, not 10"
    assert row["deviation"] == pytest.approx(math.sqrt(2) * tokens / sizes)


def test_where_all_diverged_nothing_is_compared_but_all_is_shown(tmp_path):
    live = of_perplexities(tmp_path, [40, math.inf], zero_shot=20)
    assert "2 of 2 runs diverged" in comparisons.seed_findings(live).replace("\\", "")
    assert comparisons.compare_all(live).empty
    assert "lora r8" in comparisons.seeds_html(live)
    assert comparisons.findings(live).startswith("- Lowest bits per byte: **zero shot**")
    plots.seeds(live, "All diverged")


def test_cells_that_failed_are_counted_by_reason(live):
    failed = [("full", "full", None, 7, Reason.DIVERGED), ("lora_r16", "lora", 16, 42, Reason.OUT_OF_MEMORY)]
    cells = tuple(
        FailedRun(model="tiny", method=name, kind=kind, rank=rank, seed=seed, reason=reason, message="m")
        for name, kind, rank, seed, reason in failed
    )
    broken = replace(live, record=live.record.model_copy(update={"failed": cells}))
    table = comparisons.seed_table(broken)
    assert table.loc["full", "left_out"] == "1 diverged"
    assert table.loc["full", "runs"] == 1
    assert table.loc["lora r16", "left_out"] == "1 out of memory"
    assert "loss not finite in training" in table.loc["full", "seeds"]
    assert "lora r16: 1 out of memory" in comparisons.findings(broken)
    assert set(comparisons.compare_all(broken)["first"]) <= {"zero shot", "full", "lora r8", "qlora r8"}


def test_one_seed_says_what_cannot_be_computed(live):
    assert "cannot be computed here" in comparisons.seed_findings(live)
    assert "No run diverged" in comparisons.seed_findings(live)
    assert comparisons.seed_table(live)["deviation"].isna().all()
    assert "cannot be split off" in comparisons.variance_findings(live)
    assert any("one seed" in line for line in comparisons.findings(live).splitlines())
    assert "LoRA was run with one rank" in comparisons.rank_findings(live)
    assert "cannot be computed" in comparisons.rank_html(live)


def test_several_seeds_are_one_way(seeded):
    assert [arm.label for arm in comparisons.arms(seeded)] == [
        "zero shot",
        *(m["name"].replace("_", " ") for m in RANKS),
    ]
    assert [len(arm.runs) for arm in comparisons.arms(seeded)] == [1, 3, 3, 3, 3]
    values = [row.bits_per_byte.value for row in seeded.rows if row.method == "lora_r8"]
    row = comparisons.seed_table(seeded).loc["lora r8"]
    assert (row["mean"], row["deviation"]) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert "standard deviation is" in comparisons.seed_findings(seeded)
    assert "mean of 3 seeds" in comparisons.findings(seeded)
    assert "With 3 seeds a way" in comparisons.findings(seeded)


def test_what_is_claimed_depends_on_how_many_seeds_each_way_has(live, seeded):
    assert comparisons.what_is_claimed(seeded).endswith("over the choice of documents and of seeds.")
    assert "each way has one seed, so a claim holds for these runs" in comparisons.what_is_claimed(live)
    rows = tuple(row for row in seeded.rows if row.method != "lora_r8" or row.seed == 1)
    mixed = replace(seeded, record=seeded.record.model_copy(update={"rows": rows}))
    assert "what is said of lora r8 is of one run each" in comparisons.what_is_claimed(mixed)
    for report_ in (live, seeded, mixed):
        claim = comparisons.what_is_claimed(report_)
        assert claim in comparisons.differences_html(report_)
        assert claim in comparisons.findings(report_).replace("\\", "")


def test_differences_of_ways_with_several_seeds_have_students_interval(seeded):
    """At least as wide as the seeds alone make it, whose degrees are 4 at most, at the mildest level of the family."""
    values = {name: [row.bits_per_byte.value for row in seeded.rows if row.method == name] for name in LEVELS}
    between = sum(np.var(values[name], ddof=1) / 3 for name in ("lora_r8", "lora_r16"))
    row = comparisons.differences_from(seeded, "lora r8").loc["lora r16"]
    assert row["high"] - row["difference"] > math.sqrt(between) * student.isf(0.025, 4)
    assert row["high"] - row["difference"] == pytest.approx(row["difference"] - row["low"])


# --- differences -------------------------------------------------------------------------------------------------


def test_differences_from_the_best(live):
    found = comparisons.differences_from(live, "full")
    assert found.index.tolist() == ["zero shot", "lora r8", "qlora r8"]
    assert found.loc["zero shot", "difference"] == pytest.approx(0.7 / math.log(2), abs=0.02)
    assert found.loc["qlora r8", "excludes_zero"]
    assert "excludes 0" in comparisons.differences_html(live)


def test_differences_are_those_of_the_whole_family_turned(live):
    everything = comparisons.compare_all(live)
    assert len(everything) == 6
    found = comparisons.differences_from(live, "lora r8")
    pair = everything[(everything["first"] == "full") & (everything["second"] == "lora r8")].iloc[0]
    assert (
        found.loc["full", ["difference", "low", "high", "p_holm"]].tolist()
        == pair[["difference", "low", "high", "p_holm"]].tolist()
    )
    pair = everything[(everything["first"] == "lora r8") & (everything["second"] == "qlora r8")].iloc[0]
    assert found.loc["qlora r8", ["difference", "low", "high"]].tolist() == [
        -pair["difference"], -pair["high"], -pair["low"],
    ]  # fmt: skip


def test_findings_claim_only_what_the_corrected_interval_supports(live):
    differences = comparisons.differences_from(live, "full")
    sentences = comparisons.findings(live).splitlines()
    assert sentences[0].startswith("- Lowest bits per byte: **full**")
    worse = next(line for line in sentences if line.startswith("- Worse than full"))
    unclear = [line for line in sentences if line.startswith("- No difference to full can be claimed")]
    for label, row in differences.iterrows():
        # " lora r8" is not in "qlora r8"
        assert (f" {label} " in worse) == row["excludes_zero"]
        assert any(f" {label} " in line for line in unclear) == (not row["excludes_zero"])
    assert any("lora r8" in line and "overlap" in line for line in sentences)
    assert any("Better than tiny as it came" in line for line in sentences)
    assert any("corrected for all 6 pairs" in line for line in sentences)


def test_findings_name_the_limits_of_what_was_compared(live):
    found = comparisons.findings(live)
    assert "Each method had one learning rate, and none was searched for" in found
    assert "30 test documents were scored, of 1 source." in found
    old = replace(live, record=live.record.model_copy(update={"sources": None}))
    assert "30 test documents were scored, of how many sources is not recorded." in comparisons.findings(old)
    wide = replace(live, record=live.record.model_copy(update={"sources": 12}))
    assert "drawn as if independent" not in comparisons.findings(wide)


def test_findings_tell_rounding_from_training(tmp_path):
    sentences = comparisons.findings(made_report(tmp_path, four_bit=True)).splitlines()
    (rounding,) = [line for line in sentences if "with nothing trained" in line]
    assert rounding.startswith("- Rounding tiny to 4 bits, with nothing trained, changes +0.2")
    assert "the interval excludes 0" in rounding
    (own,) = [line for line in sentences if "tiny in 4 bits, untrained" in line]
    assert "qlora r8 -1.0" in own
    assert "full" not in own, "only QLoRA began there"
    (came,) = [line for line in sentences if "Better than tiny as it came" in line]
    assert all(label in came for label in ("full", "lora r8", "qlora r8"))
    assert "zero shot" not in came.replace("zero-shot", "")


def test_findings_say_when_nothing_can_be_told_apart(tmp_path):
    study, corpus, runs, evaluations = made(tmp_path)
    rng = np.random.default_rng(0)
    noise = [each.documents["bytes"] * rng.normal(1, 0.3, len(each.documents)) for each in evaluations]
    alike = [replace(e, documents=e.documents.assign(nll=nll)) for e, nll in zip(evaluations, noise, strict=True)]
    live = report.collect(study, corpus, runs, alike)
    assert not comparisons.differences_from(live, comparisons.best_arm(live).label)["excludes_zero"].any()
    sentences = comparisons.findings(live)
    assert "No difference to" in sentences
    assert "Worse than" not in sentences
    assert "Better than" not in sentences


def test_noise_between_seeds_widens_the_interval(tmp_path, seeded):
    """The same documents, but the seeds of one method far apart: what was a difference is none any more."""
    before = comparisons.rank_effects(seeded).iloc[0]
    shift = {("lora_r16", 1): 0.5, ("lora_r16", 2): -0.5}
    ids = {row.run_id: shift.get((row.method, row.seed), 0) for row in seeded.rows}
    moved = seeded.documents.assign(nll=lambda d: d["nll"] + d["run_id"].map(ids) * d["bytes"])
    after = comparisons.rank_effects(replace(seeded, documents=moved)).iloc[0]
    assert after["difference"] == pytest.approx(before["difference"])
    assert before["excludes_zero"]
    assert not after["excludes_zero"]


# --- rank and variance -------------------------------------------------------------------------------------------


def test_effect_of_rank_over_lora_and_over_qlora(seeded):
    found = comparisons.rank_effects(seeded).set_index("kind")
    assert found.loc["lora", ["lower", "higher"]].tolist() == [8, 16]
    means = comparisons.seed_table(seeded)["mean"]
    assert found.loc["lora", "difference"] == pytest.approx(means["lora r16"] - means["lora r8"])
    assert found["excludes_zero"].to_dict() == {"lora": True, "qlora": False}
    sentences = comparisons.rank_findings(seeded).splitlines()
    assert "LoRA, rank 8 → 16" in sentences[0]
    assert "the higher rank is better" in sentences[0]
    assert "no effect can be claimed" in sentences[1]
    assert "QLoRA, rank 8 → 16, tiny" in comparisons.rank_html(seeded)


def test_effect_of_rank_is_also_averaged_over_models(tmp_path):
    for name, level in LEVELS.items():
        NATS_PER_BYTE.setdefault(name, level)
    models = [{"name": name, "source": "random:llama"} for name in ("one", "two")]
    found = comparisons.rank_effects(made_report(tmp_path, methods=RANKS[:2], models=models)).set_index("model")
    assert found.index.tolist() == ["one", "two", comparisons.ALL_MODELS]
    assert found.loc[comparisons.ALL_MODELS, "difference"] == pytest.approx(found["difference"].iloc[:2].mean())


def test_variance_is_split_into_method_seed_and_document(seeded):
    table = comparisons.variance_table(seeded, "tiny")
    assert table.loc[["method", "seed", "document"], "degrees"].tolist() == [3, 2, 29]
    assert table["variance"].idxmax() == "document"
    spread_of_methods = np.std([level / math.log(2) for level in LEVELS.values()], ddof=1)
    assert table.loc["method", "deviation"] == pytest.approx(spread_of_methods, rel=0.2)
    between_seeds = math.hypot(*table.loc[["seed", "method × seed"], "deviation"])
    assert 0.01 < between_seeds < 0.06
    assert "between seeds" in comparisons.variance_findings(seeded)
    assert "share of the variance" in comparisons.variance_html(seeded)


def test_a_diverged_seed_is_in_no_component(seeded):
    worst = seeded.rows[3].model_copy(update={"bits_per_byte": report.Interval(9.0, 8.0, 10.0)})
    rows = tuple(worst if row.run_id == worst.run_id else row for row in seeded.rows)
    table = comparisons.variance_table(replace(seeded, record=seeded.record.model_copy(update={"rows": rows})), "tiny")
    assert table.loc["seed", "degrees"] == 1


def test_nothing_to_split_with_one_method(live):
    only = replace(live, record=live.record.model_copy(update={"rows": live.rows[:2]}))
    assert comparisons.variance_table(only, "tiny").empty
    assert "no variance to split" in comparisons.variance_html(only)
    assert "no variance" in comparisons.variance_findings(only)


# --- figures -----------------------------------------------------------------------------------------------------


def test_the_figure_of_seeds_shows_every_run_and_marks_those_that_diverged(tmp_path):
    live = of_perplexities(tmp_path, [4, 5, 380.7], zero_shot=20)
    (axes,) = plots.seeds(live, "Seeds").axes
    drawn = {line.get_label(): line.get_xdata().tolist() for line in axes.lines if len(line.get_xdata())}
    value = {row.seed: row.bits_per_byte.value for row in live.rows}
    shown = [x for line in axes.lines for x in line.get_xdata()]
    assert all(any(x == pytest.approx(each) for x in shown) for each in value.values())
    assert drawn["diverged, in no mean"] == pytest.approx([value[3]])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["zero shot", "lora r8 (1 diverged)"]


def test_the_figure_of_variance_has_one_bar_a_component(seeded):
    (axes,) = plots.variance(seeded, "Variance").axes
    table = comparisons.variance_table(seeded, "tiny")
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(table["deviation"].tolist())


def test_diverged_runs_are_marked_in_the_figures_of_all_runs(tmp_path):
    from bashkir_utils.plots import results

    live = of_perplexities(tmp_path, [4, math.inf, 380.7], zero_shot=20)
    (axes,) = results.pareto(live, "trainable_parameters", "Costs").axes
    texts = [text.get_text() for text in axes.texts]
    assert "lora r8 seed 3 (diverged)" in texts
    assert any("seed 2" in text and "loss not finite" in text for text in texts)
    front = next(line for line in axes.lines if line.get_label() == "Pareto front")
    assert len(front.get_xdata()) == 1
    assert pd.Series(front.get_ydata()).notna().all()
