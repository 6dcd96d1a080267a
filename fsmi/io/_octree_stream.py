"""Kernels of `fsmi.io.octomap`: OctoMap's two node streams to and from `fsmi._octree` arrays.

Readers get the whole body of a file as bytes, check every step and return the number of blocks,
or one of the negative error codes below. Nothing here allocates: the caller sizes the arrays from
the length of the body, never from what the header claims.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fsmi._jit import kernel
from fsmi._octree import DEPTH, UNKNOWN, Blocks, Codes

Bytes = npt.NDArray[np.uint8]

TRUNCATED = -1  # the stream ends inside the tree
TOO_DEEP = -2  # an inner node where only single voxels can be
TOO_LONG = -3  # bytes are left after the tree

FREE, OCCUPIED, INNER = 1, 2, 3  # two bits of a child in the binary stream; 0 is unknown


@kernel
def read_binary(body: Bytes, blocks: Blocks) -> tuple[int, int]:
    """Read a .bt body (two bytes per inner node, depth first); blocks and nodes, or an error.

    Codes: 0 unknown, 1 free, 2 occupied. `blocks` needs len(body) / 2 rows.
    """
    at = np.zeros(DEPTH, dtype=np.int64)
    child = np.full(DEPTH, 8, dtype=np.int64)
    n_blocks, n_nodes, top = 0, 1, 0
    at[0] = -1  # the root is read when the loop begins
    enter = True
    while top >= 0:
        if enter:
            if 2 * n_blocks + 1 >= body.size:
                return TRUNCATED, n_nodes
            bits = np.int64(body[2 * n_blocks]) | (np.int64(body[2 * n_blocks + 1]) << 8)
            for c in range(8):
                kind = (bits >> (2 * c)) & 3
                n_nodes += kind != 0
                # an inner child is marked with 0 until its block is read
                blocks[n_blocks, c] = 0 if kind == INNER else ~kind
            at[top], child[top] = n_blocks, 0
            n_blocks += 1
            enter = False
        c = child[top]
        if c == 8:
            top -= 1
            continue
        child[top] = c + 1
        if blocks[at[top], c] == 0:
            if top + 1 == DEPTH:
                return TOO_DEEP, n_nodes
            blocks[at[top], c] = n_blocks
            top += 1
            enter = True
    if 2 * n_blocks != body.size:
        return TOO_LONG, n_nodes
    return n_blocks, n_nodes


@kernel
def read_full(masks: Bytes, codes: Codes, blocks: Blocks) -> int:
    """Read a .ot body given each node's child mask and code of its value; blocks, or an error.

    `blocks` needs one row per node that has children, and at least one.
    """
    at = np.zeros(DEPTH, dtype=np.int64)
    child = np.zeros(DEPTH, dtype=np.int64)
    mask = np.zeros(DEPTH, dtype=np.int64)
    if masks.size == 0:
        return TRUNCATED
    if masks[0] == 0:  # the whole space is one leaf
        blocks[0] = ~codes[0]
        return 1 if masks.size == 1 else TOO_LONG
    mask[0] = masks[0]
    n_blocks, read, top = 1, 1, 0
    while top >= 0:
        c = child[top]
        if c == 8:
            top -= 1
            continue
        child[top] = c + 1
        if (mask[top] >> c) & 1 == 0:
            blocks[at[top], c] = UNKNOWN
            continue
        if read == masks.size:
            return TRUNCATED
        if masks[read] == 0:
            blocks[at[top], c] = ~codes[read]
        else:
            if top + 1 == DEPTH:
                return TOO_DEEP
            blocks[at[top], c] = n_blocks
            top += 1
            at[top], child[top], mask[top] = n_blocks, 0, masks[read]
            n_blocks += 1
        read += 1
    return n_blocks if read == masks.size else TOO_LONG


@kernel
def write_binary(blocks: Blocks, kinds: npt.NDArray[np.uint8], body: Bytes) -> int:
    """Fill a .bt body of 2 bytes a block; kinds[code] is 0, FREE or OCCUPIED. The node count."""
    n_nodes = 1
    for b in range(blocks.shape[0]):  # canonical blocks stand depth first, as the stream does
        bits = 0
        for c in range(8):
            entry = blocks[b, c]
            kind = INNER if entry >= 0 else int(kinds[~entry])
            n_nodes += kind != 0
            bits |= kind << (2 * c)
        body[2 * b], body[2 * b + 1] = bits & 255, bits >> 8
    return n_nodes


@kernel
def highest(blocks: Blocks, values: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
    """Largest log-odds below each block, the value that OctoMap gives inner nodes."""
    for b in range(blocks.shape[0] - 1, -1, -1):  # children stand behind their parents
        best = np.float32(-np.inf)
        for c in range(8):
            entry = blocks[b, c]
            if entry != UNKNOWN:
                best = max(best, out[entry] if entry >= 0 else values[~entry])
        out[b] = best


@kernel
def write_full(
    blocks: Blocks,
    values: npt.NDArray[np.float32],
    inner: npt.NDArray[np.float32],
    log_odds: npt.NDArray[np.float32],
    masks: Bytes,
) -> int:
    """Fill value and child mask of every node, depth first; their number."""
    at = np.zeros(DEPTH, dtype=np.int64)
    child = np.zeros(DEPTH, dtype=np.int64)
    n, top = 0, 0
    enter = True
    while top >= 0:
        if enter:
            mask = 0
            for c in range(8):
                mask |= (blocks[at[top], c] != UNKNOWN) << c
            log_odds[n], masks[n] = inner[at[top]], mask
            n += 1
            enter = False
        c = child[top]
        if c == 8:
            top -= 1
            continue
        child[top] = c + 1
        entry = blocks[at[top], c]
        if entry >= 0:
            top += 1
            at[top], child[top] = entry, 0
            enter = True
        elif entry != UNKNOWN:
            log_odds[n], masks[n] = values[~entry], 0
            n += 1
    return n
