"""What a reader must know about how an audit was made: notes and provenance."""

from __future__ import annotations

import platform
from importlib.metadata import version

from privfunnel.audit.findings import Finding, Provenance, Secret
from privfunnel.audit.options import Options
from privfunnel.audit.sources import Source
from privfunnel.columns import Table
from privfunnel.estimate import Rng

FEW_PEOPLE = 50
# Below this many bits nobody minds what rare levels could hide.
_WORTH_SAYING = 0.05


def notes_of(
    table: Table, source: Source, chosen: Table, columns: tuple[Finding, ...], secret: Secret
) -> tuple[str, ...]:
    """One sentence for each thing that limits what was found."""
    notes = [*table.notes, *source.notes]
    if table.n < FEW_PEOPLE:
        notes.append(f"Only {table.n} people: intervals are wide and rest on rough approximations.")
    if secret.n_levels < 2:
        notes.append(
            f"Everyone has the same {secret.name}: H(S) is 0, so no column can tell anything about "
            "these people."
        )
    constant = [c.name for c in chosen if c.variable.constant]
    if constant:
        are = "are" if len(constant) > 1 else "is"
        notes.append(
            f"{', '.join(constant)} {are} the same for everyone and cannot tell anything: "
            "leakage 0."
        )
    notes += [
        f"{f.name} has values too rare to be counted ({f.seen_as}): up to {f.unread:.3f} bits more "
        "could hide in them."
        for f in columns
        if f.unread > _WORTH_SAYING
    ]
    return tuple(notes)


def provenance_of(
    source: Source, options: Options, chosen: Table, rng: Rng, missing: str
) -> Provenance:
    """Digest of the input, versions, and the options that differ from nothing asked."""
    packages = ("privfunnel-fsmi", "numpy", "scikit-learn")
    versions = {"python": platform.python_version(), **{p: version(p) for p in packages}}
    asked = {
        "sensitive": options.sensitive,
        "release": list(chosen.names),
        "kinds": {c.name: c.kind for c in chosen},
        "missing": missing,
        "largest_set": options.largest_set,
        "subgroup": options.subgroup,
        "mechanism": options.mechanism,
        "suppress": options.suppress,
        "suggestions": options.suggestions,
        "train": options.train,
        "seed": rng if isinstance(rng, int) else None,
    }
    return Provenance(source.digest, versions, asked)
