"""What do the other columns of an election study tell about the vote?"""

from pathlib import Path

import privfunnel

data = Path(__file__).resolve().parent.parent / "data" / "anes96.csv"
report = privfunnel.audit(data, sensitive="vote", budget=0.1, rng=0)
print(report.headline)
for finding in report.findings.columns[:3]:
    print(f"  {finding.name}: {finding.leakage.value:.2f} bits, {finding.share:.0%} of H(S)")
