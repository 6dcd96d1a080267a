"""The best way to publish a party without publishing the vote: an exact privacy funnel.

Seven parties tell 0.58 of the 0.98 bits of the vote. The funnel finds, for each budget, the release
that tells most about the party; the bottleneck is the worst release with the same utility.
"""

from pathlib import Path

import privfunnel
from privfunnel.tables import read_table

table = read_table(Path(__file__).resolve().parent.parent / "data" / "anes96.csv")
vote, party = (table[name].decode(table[name].values) for name in ("vote", "party"))

print("budget   leaked   told about the party   worst release that tells as much")
for budget in (0.0, 0.05, 0.1, 0.2, 0.4):
    funnel = privfunnel.DiscreteFunnel(budget=budget, rng=0).fit(vote, party)
    worst = funnel.bottleneck().value
    leaked, told = funnel.leakage.value, funnel.utility.value
    print(f"{budget:6.2f}  {leaked:7.3f}  {told:21.3f}  {worst:33.3f}")

print("\nWith 0.05 bits, chance of each letter for each party:")
funnel = privfunnel.DiscreteFunnel(budget=0.05, rng=0).fit(vote, party)
for level, chances in zip(funnel.levels, funnel.channel, strict=True):
    print(f"  {level:24s}", "  ".join(f"{p:4.2f}" for p in chances))
released = funnel.transform(party)
print("first ten people:", *(funnel.letters[z] for z in released[:10]))
