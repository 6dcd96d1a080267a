"""The parts of a report after the ranking, as titles, sentences and rows of text for any format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from privfunnel.audit.details import People, Place, Suggestion
from privfunnel.audit.findings import Channel, Comparison, Findings
from privfunnel.audit.words import bits, ends, number, p_value, percent

MOST_ROWS = 15


@final
@dataclass(frozen=True)
class Section:
    """One part of a report.

    Attributes
    ----------
    title, hint : a heading, and a sentence on how to read it.
    header, rows : a table of text; no table if `rows` is empty.
    text_columns : columns of the table that hold words; the others hold numbers.
    bars : a share (0 to 1) for each row, drawn where the format can.
    lines : sentences.
    """

    title: str
    hint: str = ""
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    text_columns: tuple[int, ...] = (0,)
    bars: tuple[float, ...] = ()
    lines: tuple[str, ...] = ()


def sections(found: Findings) -> list[Section]:
    """Every part that there is something to say about."""
    made = [
        _suggestions(found),
        _sets(found),
        _levels(found),
        _groups(found),
        _people(found.people, found) if found.people is not None else None,
        _subgroups(found),
        _guesses(found),
        _compared(found.comparison, found) if found.comparison is not None else None,
        _upper(found),
    ]
    return [section for section in made if section is not None]


def _suggestions(found: Findings) -> Section | None:
    if not found.suggestions:
        return None
    first = found.suggestions[0]
    hint = (
        f"Chosen on {first.n_chosen:,} people, then read by the same attackers on "
        f"{first.n_audited:,} others, for whom the columns as they are tell "
        f"{bits(first.before.value)} (interval {ends(first.before)}). “Kept” is the share of the "
        "columns' entropy that is left."
    )
    rows = tuple(
        (s.title, number(s.leakage.value), ends(s.leakage), percent(s.kept), _within(s))
        for s in found.suggestions
    )
    return Section(
        "What would tell less",
        hint,
        ("release", "bits", "interval", "kept", "within budget"),
        rows,
        text_columns=(0, 4),
        lines=tuple(f"{step}." for s in found.suggestions for step in _steps(s)),
    )


def _within(suggestion: Suggestion) -> str:
    return {None: "–", True: "yes", False: "not shown"}[suggestion.within]


def _steps(suggestion: Suggestion) -> tuple[str, ...]:
    return () if suggestion.kind == "drop" else suggestion.steps[:MOST_ROWS]


def _sets(found: Findings) -> Section | None:
    if not found.sets:
        return None
    return Section(
        "A few columns side by side",
        f"The best sets of {max(s.looked_at for s in found.sets):,} looked at, and the pair that "
        "tells most beyond its parts; intervals and p are corrected for the choice. Above 0, "
        "“together” is what the columns tell side by side beyond the sum of each alone; “gain” is "
        "beyond the best smaller set.",
        ("columns", "bits", "share", "interval", "p, adjusted", "together", "gain"),
        tuple(
            (
                " + ".join(s.names),
                number(s.leakage.value),
                percent(s.share),
                ends(s.leakage),
                p_value(s.adjusted_p),
                f"{s.interaction:+.3f}",
                f"{s.gain:+.3f}",
            )
            for s in found.sets
        ),
        bars=tuple(min(1.0, s.share) for s in found.sets),
    )


def _levels(found: Findings) -> Section | None:
    if not found.levels:
        return None
    top = sorted(found.levels, key=lambda f: -f.part)[:MOST_ROWS]
    return Section(
        "Which values give it away",
        f"The part of the column's bits that comes from one of its values, for the most telling "
        f"columns. “Points to” is the value of {found.secret.name} that becomes likelier most.",
        ("column", "value", "people", "bits", "points to", "share here", "of all"),
        tuple(
            (
                f.column,
                f.level,
                f"{f.n:,}",
                number(f.part),
                f.points_to,
                percent(f.share),
                percent(f.base),
            )
            for f in top
        ),
        text_columns=(0, 1, 4),
    )


def _groups(found: Findings) -> Section | None:
    if not found.groups:
        return None
    return Section(
        "Groups given away most",
        "People with these values in common. “At least” is the lower end of the share's interval, "
        "corrected for the number of groups; small groups are not shown.",
        ("group", "people", "points to", "share here", "at least", "of all"),
        tuple(
            (
                ", ".join(f"{column} = {level}" for column, level in g.where),
                f"{g.n:,}",
                g.points_to,
                percent(g.share),
                percent(g.lower),
                percent(g.base),
            )
            for g in found.groups
        ),
        text_columns=(0, 2),
    )


def _people(people: People, found: Findings) -> Section:
    name = found.secret.name
    lines = [
        f"Of {people.n:,} people, {people.alone:,} share their released values with nobody, "
        f"{people.small:,} with fewer than four others; the smallest group has k = {people.k}, the "
        f"least varied l = {people.l} different values of {name}. Read as: {people.read_as}.",
        f"{people.pure:,} people are in groups of two or more where everyone has the same {name}; "
        f"if the columns told nothing, about {people.pure_by_chance:,.1f} would be.",
    ]
    if people.tail:
        middle, *more = (f"{b:.2f} bits" for _, b in people.tail)
        lines.append(
            f"The strongest attacker makes the true {name} of half of the unseen people likelier "
            f"by more than {middle} (log2 of the ratio), of one in ten by more than {more[0]}, of "
            f"one in a hundred by more than {more[1]}."
        )
    lines += [
        f"At least {percent(s.at_least)} sure about {s.n:,} people, and right about "
        f"{percent(s.right)} of them."
        for s in people.sure
        if s.n >= 10
    ]
    if people.surest is not None:
        top = people.surest
        lines.append(
            f"Of the {top.n:,} people whom it suspects most of {name} = {top.level}, "
            f"{percent(top.share)} have it; of all people {percent(top.base)} do."
        )
    hint = "Counts are of this table. Small groups single people out even where no leak is read."
    return Section("Person by person", hint, lines=tuple(lines))


def _subgroups(found: Findings) -> Section | None:
    if not found.subgroups:
        return None
    return Section(
        "Group by group",
        f"What the strongest attacker learns about {found.secret.name} of people of one group, "
        "beyond the shares in that group. Intervals hold for all groups at once.",
        ("group", "people", "bits", "interval", "guessed right", "without looking"),
        tuple(
            (
                g.name,
                f"{g.n:,}",
                number(g.leakage.value),
                ends(g.leakage),
                percent(g.accuracy),
                percent(g.majority),
            )
            for g in found.subgroups
        ),
    )


def _guesses(found: Findings) -> Section | None:
    seen: list[tuple[str, Channel]] = [
        (f.name, f.channel) for f in found.columns[:5] if f.channel is not None
    ]
    seen += [(" + ".join(s.names), s.channel) for s in found.sets if s.channel is not None]
    lines = []
    if found.gains is not None:
        g = found.gains
        lines.append(
            f"Under the table of gains, the best strategy gains {g.blind:.3f} without data and "
            f"{g.seeing:.3f} with it: a g-leakage of {bits(g.leakage)}."
        )
    if not seen and not lines:
        return None
    return Section(
        "One guess",
        "Plug-in readings of the counted table, not corrected for its size: how often the best "
        "guess is right, by how many bits that beats guessing blind (min-entropy leakage), and "
        "the most that any guess of anything about it could gain (maximal leakage).",
        ("columns", "best guess right", "min-entropy leakage", "maximal leakage", "people a cell"),
        tuple(
            (
                name,
                percent(c.vulnerability),
                number(c.min_entropy_leakage),
                number(c.max_leakage),
                f"{c.per_cell:,.0f}",
            )
            for name, c in seen
        ),
        lines=tuple(lines),
    )


def _compared(comparison: Comparison, found: Findings) -> Section:
    removed = max(0.0, comparison.leakage_before.value - found.together.leakage.value)
    lines = [
        f"Before: {bits(comparison.leakage_before.value)} about {found.secret.name} "
        f"(interval {ends(comparison.leakage_before)}). After: "
        f"{bits(found.together.leakage.value)}; removed: {bits(removed)}."
    ]
    if comparison.place is not None:
        lines.append(_place(comparison.place))
    return Section(
        "Compared with the original",
        "What each released column still tells of the original one.",
        ("column", "kept [bits]", "of", "share"),
        tuple(
            (k.name, number(k.information), number(k.entropy), percent(k.share))
            for k in comparison.kept
        ),
        bars=tuple(min(1.0, k.share) for k in comparison.kept),
        lines=tuple(lines),
    )


def _place(place: Place) -> str:
    return (
        f"The released {place.column} tells {bits(place.utility)} of its original and leaks "
        f"{bits(place.leakage)}. Of all releases that tell as much, the best found leaks "
        f"{bits(place.funnel)} (funnel), the worst {bits(place.bottleneck)} (bottleneck): this one "
        f"lies {percent(place.share)} of the way up."
    )


def _upper(found: Findings) -> Section | None:
    if found.upper is None:
        return None
    lines = [
        f"If every released column was made by {found.upper.mechanism}, nobody can learn more than "
        f"{bits(found.upper.bits)} about {found.secret.name} from them, whatever they try."
    ]
    if found.upper.max_leakage is not None:
        lines.append(f"Maximal leakage is then at most {bits(found.upper.max_leakage)}.")
    return Section(
        "Upper bound under the stated mechanism",
        "Taken on trust: the audit cannot check how the release was made.",
        ("column", "at most [bits]"),
        tuple((name, number(b)) for name, b in found.upper.columns),
        lines=tuple(lines),
    )
