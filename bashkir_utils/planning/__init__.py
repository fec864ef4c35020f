"""What a study costs before it runs: memory and hours of each cell from formulas, and the layout that fits.

The formulas are stated in the book's page "Planning" (``book/planning.md``) and held to measured peaks by the tests.
"""

from ..study import Layout
from .costs import bytes_per_token, forward_flops, hours, training_bytes, training_flops, training_tokens
from .costs_report import costs_findings, costs_html, costs_table
from .expected import expected, write_expected
from .measure import CASES, Case, Measurement, Trial, describe, estimated_peak, measure_case, read_measurements, record
from .memory import (
    NF4_BYTES,
    Memory,
    Step,
    activation_bytes,
    block_activation_bytes,
    copy_bytes,
    gathered_bytes,
    loss_bytes,
    scoring_memory,
    training_memory,
    weight_bytes,
    whole_gradient_bytes,
)
from .plan import (
    CellPlan,
    Machine,
    choose_layout,
    describe_plan,
    fitting_layout,
    layouts,
    machine_for,
    plan_study,
    plan_table,
    step_of,
)
from .shapes import SHAPES, Linear, Shape, shape_from_configuration, shape_of
from .trials import Conditions, Cost, CostRecord, CostRow, Trials, describe_cost, read_costs, record_costs, this_machine

__all__ = [
    "CASES",
    "NF4_BYTES",
    "SHAPES",
    "Case",
    "CellPlan",
    "Conditions",
    "Cost",
    "CostRecord",
    "CostRow",
    "Layout",
    "Linear",
    "Machine",
    "Measurement",
    "Memory",
    "Shape",
    "Step",
    "Trial",
    "Trials",
    "activation_bytes",
    "block_activation_bytes",
    "bytes_per_token",
    "choose_layout",
    "copy_bytes",
    "costs_findings",
    "costs_html",
    "costs_table",
    "describe",
    "describe_cost",
    "describe_plan",
    "estimated_peak",
    "expected",
    "fitting_layout",
    "forward_flops",
    "gathered_bytes",
    "hours",
    "layouts",
    "loss_bytes",
    "machine_for",
    "measure_case",
    "plan_study",
    "plan_table",
    "read_costs",
    "read_measurements",
    "record",
    "record_costs",
    "scoring_memory",
    "shape_from_configuration",
    "shape_of",
    "step_of",
    "this_machine",
    "training_bytes",
    "training_flops",
    "training_memory",
    "training_tokens",
    "weight_bytes",
    "whole_gradient_bytes",
    "write_expected",
]
