"""Beginnings for models to continue, written for this project."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Prompt:
    """The start of a text."""

    kind: str
    """``news``, ``talk``, ``encyclopedia``, ``instruction``, ``story`` or ``cut word`` (it ends inside a word)."""
    text: str
    gloss: str
    """What it says, in English."""


PROMPTS: tuple[Prompt, ...] = (
    Prompt("news", "Кисә Өфөлә яңы мәктәп асылды. Тантанала", "A new school opened in Ufa yesterday. At the ceremony"),
    Prompt("talk", "— Һаумы, Гөлнара! Ял көнөндә ҡайҙа барҙың?", "— Hello, Gulnara! Where did you go at the weekend?"),
    Prompt(
        "encyclopedia",
        "Ағиҙел — Башҡортостандағы иң оҙон йылға. Ул",
        "The Agidel is the longest river in Bashkortostan. It",
    ),
    Prompt("instruction", "Тәмле бәлеш бешереү өсөн тәүҙә", "To bake a tasty pie, first"),
    Prompt(
        "story",
        "Борон-борон заманда бер ҡарт менән ҡарсыҡ йәшәгән.",
        "Once upon a time there lived an old man and an old woman.",
    ),
    Prompt(
        "cut word", "Яҙ көнө урманда ҡош-ҡорт тауышы ишет", "In spring the voices of birds in the forest are hea(rd)"
    ),
    Prompt("news", "Республикала ураҡ эштәре тамамланды. Быйыл", "The harvest is over in the republic. This year"),
    Prompt("talk", "— Әсәй, бөгөн кискә нимә бешерәбеҙ?", "— Mother, what shall we cook for this evening?"),
    Prompt(
        "encyclopedia",
        "Ҡурай — башҡорт халҡының милли музыка ҡоралы.",
        "The quray is the national musical instrument of the Bashkir people.",
    ),
    Prompt(
        "instruction",
        "Ҡышҡы урманға барыр алдынан түбәндәгеләрҙе онотмағыҙ:",
        "Before going to the winter forest, do not forget the following:",
    ),
    Prompt(
        "story",
        "Иртән тороп тәҙрәнән ҡараһам, ишек алдында",
        "When I got up in the morning and looked out of the window, in the yard",
    ),
    Prompt(
        "cut word",
        "Беҙҙең ауылда балалар күп, шуға күрә мәктәб",
        "There are many children in our village, therefore the schoo(l)",
    ),
    Prompt("news", "Һауа торошо тураһында хәбәр: иртәгә республикала", "Weather report: tomorrow in the republic"),
    Prompt(
        "encyclopedia",
        "Салауат Юлаев — башҡорт халҡының милли батыры, шағир,",
        "Salawat Yulayev is the national hero of the Bashkir people, a poet,",
    ),
)
"""The prompts in the order in which studies take them: the first six are of six kinds."""
