"""Minimal pairs: two sentences that differ in one word, of which only the first is Bashkir.

After A. Warstadt et al., BLiMP: The Benchmark of Linguistic Minimal Pairs for English, TACL 8, 2020. A model that gives
the first sentence the higher probability knows, in this pair, the rule that tells them apart.
"""

from .generate import PAIRS, PHENOMENA, all_pairs, generate_pairs, word_balance
from .model import Contrast, Frame, MinimalPair, Phenomenon

__all__ = [
    "PAIRS",
    "PHENOMENA",
    "Contrast",
    "Frame",
    "MinimalPair",
    "Phenomenon",
    "all_pairs",
    "generate_pairs",
    "word_balance",
]
