"""What a study costs before it runs: memory and hours of each cell from formulas, and the layout that fits.

The formulas are stated in the book's page "Planning" (``book/planning.md``) and held to measured peaks by the tests.
"""

from .costs import bytes_per_token, forward_flops, hours, training_bytes, training_flops, training_tokens
from .measure import CASES, Case, Measurement, describe, estimated_peak, measure_case, read_measurements, record
from .memory import (
    NF4_BYTES,
    Layout,
    Memory,
    Step,
    activation_bytes,
    block_activation_bytes,
    copy_bytes,
    loss_bytes,
    scoring_memory,
    training_memory,
    weight_bytes,
)
from .plan import (
    CellPlan,
    Machine,
    choose_layout,
    describe_plan,
    layouts,
    machine_for,
    plan_study,
    plan_table,
    training_layout,
    with_layout,
)
from .shapes import SHAPES, Linear, Shape, shape_from_configuration, shape_of

__all__ = [
    "CASES",
    "NF4_BYTES",
    "SHAPES",
    "Case",
    "CellPlan",
    "Layout",
    "Linear",
    "Machine",
    "Measurement",
    "Memory",
    "Shape",
    "Step",
    "activation_bytes",
    "block_activation_bytes",
    "bytes_per_token",
    "choose_layout",
    "copy_bytes",
    "describe",
    "describe_plan",
    "estimated_peak",
    "forward_flops",
    "hours",
    "layouts",
    "loss_bytes",
    "machine_for",
    "measure_case",
    "plan_study",
    "plan_table",
    "read_measurements",
    "record",
    "scoring_memory",
    "shape_from_configuration",
    "shape_of",
    "training_bytes",
    "training_flops",
    "training_layout",
    "training_memory",
    "training_tokens",
    "weight_bytes",
    "with_layout",
]
