"""What a study costs before it runs: memory and hours of each cell from formulas, and the layout that fits.

The formulas are stated in the book's page "Planning" (``book/planning.md``) and held to measured peaks by the tests.
"""

from ..study import Layout
from .costs import bytes_per_token, forward_flops, hours, training_bytes, training_flops, training_tokens
from .expected import expected, write_expected
from .measure import CASES, Case, Measurement, describe, estimated_peak, measure_case, read_measurements, record
from .memory import (
    NF4_BYTES,
    Memory,
    Step,
    activation_bytes,
    block_activation_bytes,
    copy_bytes,
    scoring_memory,
    training_memory,
    weight_bytes,
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
    "expected",
    "fitting_layout",
    "forward_flops",
    "hours",
    "layouts",
    "machine_for",
    "measure_case",
    "plan_study",
    "plan_table",
    "read_measurements",
    "record",
    "scoring_memory",
    "shape_from_configuration",
    "shape_of",
    "step_of",
    "training_bytes",
    "training_flops",
    "training_memory",
    "training_tokens",
    "weight_bytes",
    "write_expected",
]
