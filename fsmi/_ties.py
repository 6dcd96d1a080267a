"""Whether a ray ever crosses two voxel boundaries at once, told before it is traced.

Along one axis boundaries stand at t + m gap, m = 0, 1, ...; v is 1 / gap, the ray's speed along
that axis (0 if it does not move there). Seen from the boundaries of a faster axis, with spacing 1
after scaling, those of a slower one stand at first + m ratio: there is a tie where the fraction of
that is next to 0. Fractions are kept as integers of 44 bits, so that a boundary costs a
multiply-add, a mask and a comparison, in vectors.
"""

from __future__ import annotations

import math

from fsmi._jit import fused, inlined
from fsmi.raycast import TIE

BITS = 44  # 6e-14 of a voxel; a product with 2**16 boundaries stays below 2**63
WHOLE = float(1 << BITS)
MASK = (1 << BITS) - 1
NOWHERE = 1 << (BITS - 1)  # the fraction of an axis without boundaries: as far from 0 as can be
LANES = 8  # boundaries are looked at in groups


@inlined
def fraction(number: float) -> int:
    """Fraction of a number in units of 2**-BITS."""
    return int((number - math.floor(number)) * WHOLE) & MASK


@fused
def tied(
    limit: float,
    tx: float,
    gx: float,
    vx: float,
    ty: float,
    gy: float,
    vy: float,
    tz: float,
    gz: float,
    vz: float,
) -> bool:
    """Whether boundaries of two axes come within 2 TIE of each other before `limit`.

    May say yes for boundaries a little past it.
    """
    if vx > vy:
        tx, gx, vx, ty, gy, vy = ty, gy, vy, tx, gx, vx
    if vy > vz:
        ty, gy, vy, tz, gz, vz = tz, gz, vz, ty, gy, vy
    if vx > vy:
        tx, gx, vx, ty, gy, vy = ty, gy, vy, tx, gx, vx
    many = LANES  # boundaries of the middle axis; the slowest has fewer
    if ty < limit:
        many += int((limit - ty) * vy) // LANES * LANES
    near = 2.0 * TIE + 2.0 * float(many) / WHOLE  # the second: what rounding adds up to
    near_y, near_z = int(near * vy * WHOLE) + 1, int(near * vz * WHOLE) + 1
    xy = xz = yz = NOWHERE
    step_xy = step_xz = step_yz = 0
    if vx > 0.0:
        xy, step_xy = fraction((tx - ty) * vy) + near_y, fraction(gx * vy)
        xz, step_xz = fraction((tx - tz) * vz) + near_z, fraction(gx * vz)
    if vy > 0.0:
        yz, step_yz = fraction((ty - tz) * vz) + near_z, fraction(gy * vz)
    ties = 0
    for m in range(many):
        k = int(m)
        ties += int(((xy + k * step_xy) & MASK) <= 2 * near_y)
        ties += int(((xz + k * step_xz) & MASK) <= 2 * near_z)
        ties += int(((yz + k * step_yz) & MASK) <= 2 * near_z)
    return ties > 0
