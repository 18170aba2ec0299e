"""The losses of the objectives the plain way: a sequence, and a pair, at a time.

They read the weights of our SASRec, without dropout, so that values and gradients can be compared.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from sracl_core.models.sasrec.encoder import SASRec
from tests.oracles import plain_backbones, plain_path


def states(encoder: SASRec, items: list[int]) -> Tensor:
    """The states after each item of one sequence, [L, D]; a blank item (0) is read like any other."""
    items = items[-encoder.max_length :]
    width = len(items)
    x = encoder.items(torch.tensor([items])) + encoder.positions(torch.arange(width - 1, -1, -1))[None]
    x = encoder.norm(x)
    mask = torch.full((width, width), torch.finfo(torch.float32).min).triu(1)[None, None]
    for block in encoder.blocks:
        x = plain_path._block(block, x, mask, 0.0, False)
    return x[0]


def last(encoder: SASRec, rows: list[list[int]]) -> Tensor:
    """The state after each sequence, [R, D]."""
    return torch.stack([states(encoder, row)[-1] for row in rows])


def two_views(encoder: SASRec, left: list[list[int]], right: list[list[int]]) -> Tensor:
    """Contrast of two views by their dot product: CL4SRec's and CoSeRec's, and the parts of DuoRec's."""
    return plain_path.info_nce(last(encoder, left), last(encoder, right), "dot", 1.0)


def clae(encoder: SASRec, rows: list[list[int]], step: float, share: float) -> dict[str, Tensor]:
    """Both contrasts, the direction found one component at a time by a difference of losses."""

    def loss(one: Tensor, other: Tensor) -> Tensor:
        return plain_path.info_nce(one, other, "dot", 1.0)

    left, right = last(encoder, rows), last(encoder, rows)
    there, other = left.detach().double(), right.detach().double()
    direction = torch.zeros_like(left)
    for at in [(row, column) for row in range(left.shape[0]) for column in range(left.shape[1])]:
        ahead, behind = there.clone(), there.clone()
        ahead[at] += 1e-4
        behind[at] -= 1e-4
        direction[at] = (loss(ahead, other) - loss(behind, other)).sign()
    return {
        "clae/clean": loss(left, right),
        "clae/adversarial": share * loss(left + step * direction, right),
    }


def mclrec(
    encoder: SASRec, views: list[list[list[int]]], augmenters: list[torch.nn.Module], margin: float
) -> dict[str, Tensor]:
    """Both parts, the margins a state at a time."""
    one, other = (last(encoder, view) for view in views)
    first, second = augmenters[0](one), augmenters[1](other)
    learned = []
    for left, right in ((one, second), (other, first), (first, second)):
        both, count = torch.cat([left, right]), len(left)
        above, below = [], []
        for row in range(2 * count):
            partner = (row + count) % (2 * count)
            positive = both[row] @ both[partner]
            negatives = [both[row] @ both[at] for at in range(2 * count) if at not in (row, partner)]
            hardest = max(negatives)
            above.append(positive - min(positive, hardest))
            below += [max(positive, hardest) - negative for negative in negatives]
        learned.append(plain_path.info_nce(left, right, "dot", 1.0))
        learned.append(margin * (torch.stack(above).mean() + torch.stack(below).mean()))
    return {
        "mclrec/views": plain_path.info_nce(one, other, "dot", 1.0),
        "mclrec/learned": torch.stack(learned).sum(),
    }


def padded(encoder: SASRec, items: list[int]) -> Tensor:
    """The states at every place of one sequence, [max_length, D], with zeros before it, as S3-Rec's code."""
    width = encoder.max_length
    items = [0] * (width - len(items)) + items[-width:]
    x = encoder.items(torch.tensor([items])) + encoder.positions(torch.arange(width - 1, -1, -1))[None]
    x = encoder.norm(x)
    unseen = [[column > row or not items[column] for column in range(width)] for row in range(width)]
    mask = torch.tensor(unseen)[None, None] * -10000.0
    for block in encoder.blocks:
        x = plain_path._block(block, x, mask, 0.0, False)
    return x[0]


def iclrec(
    encoder: SASRec, views: list[list[list[int]]], centroids: Tensor, labels: list[int], mean: bool
) -> dict[str, Tensor]:
    """Both parts of ICLRec as its paper has them, a state at a time."""

    def represent(row: list[int]) -> Tensor:
        return states(encoder, row).mean(dim=0) if mean else states(encoder, row)[-1]

    left, right = (torch.stack([represent(row) for row in view]) for view in views)
    intents = []
    for view in (left, right):
        for state, label in zip(view, labels, strict=True):
            others = [centroids[other] @ state for other in labels if other != label]
            own = centroids[label] @ state
            intents.append(torch.logsumexp(torch.stack([own, *others]), 0) - own)
    return {
        "iclrec/instances": plain_path.info_nce(left, right, "dot", 1.0),
        "iclrec/intents": torch.stack(intents).sum() / len(labels),
    }


def iclrec_code(
    encoder: SASRec, views: list[list[list[int]]], centroids: Tensor, labels: list[int]
) -> dict[str, Tensor]:
    """Both parts of ICLRec as its public code has them, over all places of padded rows."""
    left, right = (torch.stack([padded(encoder, row) for row in view]) for view in views)
    own = torch.stack([centroids[label] / centroids[label].norm() for label in labels])
    intents = [plain_path.info_nce(view.mean(dim=1), own, "dot", 1.0) for view in (left, right)]
    return {
        "iclrec/instances": plain_path.info_nce(left.flatten(1), right.flatten(1), "dot", 1.0),
        "iclrec/intents": (intents[0] + intents[1]) / 2,
    }


def kmeans_step(
    points: list[list[float]], centroids: list[list[float]]
) -> tuple[list[int], list[list[float]]]:
    """The nearest centroid of each point, and the mean of each centroid's points."""
    labels = []
    for point in points:
        away = [sum((a - b) ** 2 for a, b in zip(point, centroid, strict=True)) for centroid in centroids]
        labels.append(away.index(min(away)))
    means = []
    for number in range(len(centroids)):
        mine = [point for point, label in zip(points, labels, strict=True) if label == number]
        means.append([sum(column) / len(mine) for column in zip(*mine, strict=True)])
    return labels, means


def correlations(rows: list[list[int]], n_items: int) -> list[list[float]]:
    """CoSeRec's correlation of every pair, from its definition."""
    users = {item: {user for user, row in enumerate(rows) if item in row} for item in range(1, n_items + 1)}
    table = [[0.0] * n_items for _ in range(n_items)]
    for one in users:
        for other in users:
            for user in users[one] & users[other] if one != other else ():
                degrees = math.sqrt(len(users[one]) * len(users[other]))
                table[one - 1][other - 1] += 1 / (degrees * math.log(1 + len(set(rows[user]))))
    return table


def weighted_pairs(states: list[Tensor], texts: list[Tensor], temperature: float, hardness: float) -> Tensor:
    """MACL's contrast by the cosine of states, a state and a negative at a time."""
    count = len(states)

    def cosine(one: Tensor, other: Tensor) -> Tensor:
        return one @ other / (one.norm() * other.norm())

    losses, shares = [], []
    for row in range(count):
        partner = (row + count // 2) % count
        others = [at for at in range(count) if at not in (row, partner)]
        z = {at: cosine(states[row], states[at]) / temperature for at in range(count) if at != row}
        fixed = {at: float(value.detach()) for at, value in z.items()}
        mean = sum(math.exp(hardness * fixed[at]) for at in others) / len(others)
        weight = {
            at: math.exp(hardness * fixed[at]) / mean * (1 - max(0.0, float(cosine(texts[row], texts[at]))))
            for at in others
        }
        total = z[partner].exp() + sum(weight[at] * z[at].exp() for at in others)
        losses.append(total.log() - z[partner])
        said = max(0.0, float(cosine(texts[row], texts[partner])))
        shares.append(said * math.exp(-hardness * fixed[partner]))
    return sum(share * loss for share, loss in zip(shares, losses, strict=True)) / sum(shares)


def cadirec(encoder: SASRec, denoiser: torch.nn.Module, rows: list[list[int]], draws: Any) -> dict[str, Any]:
    """What the diffusion says, a row, a step and an item at a time.

    Returns:
        {"rounding": scalar, "squared": scalar, "views": two lists of rows}
    """
    settings, size = denoiser.settings, denoiser.size
    table = encoder.items.weight

    def kept(level: float) -> float:
        return max(0.0, 1 - math.sqrt(level / settings.levels + 0.0001))

    def predicted(row: list[int], noised: dict[int, Tensor], level: float) -> Tensor:
        told = 1000 * level / settings.levels
        angles = [told / 10000 ** (at / (size // 2)) for at in range(size // 2)]
        wave = torch.tensor([*map(math.cos, angles), *map(math.sin, angles)])
        x = torch.stack([noised.get(at, table[item]) for at, item in enumerate(row)])
        places = torch.arange(len(row) - 1, -1, -1)
        x = denoiser.norm(x + denoiser.positions(places) + denoiser.time(wave))
        nothing = torch.zeros(len(row), len(row), dtype=torch.bool)
        for block in denoiser.blocks:
            query, (key, value) = block.query(x), block.key_value(x).chunk(2, dim=-1)
            mixed = plain_backbones.attention(query, key, value, nothing, block.heads)
            x = plain_backbones.feed_forward(
                block.feed_forward, block.attention_norm(x + block.output(mixed))
            )
        return x

    losses, errors, views, first = [], [], [[list(row) for row in rows] for _ in range(2)], 0
    for number, row in enumerate(rows):
        mine = [at for at, whose in enumerate(draws.row_M) if whose == number]
        places = [int(draws.where_M[at]) - first for at in mine]
        first += len(row)
        if not mine:
            continue
        level, steps = float(draws.level_R[number]), settings.sampling_steps
        clean = {
            place: table[row[place]] + math.sqrt(1 - kept(0)) * torch.from_numpy(draws.start_MD[at])
            for at, place in zip(mine, places, strict=True)
        }
        noise = {place: torch.from_numpy(draws.noise_MD[at]) for at, place in zip(mine, places, strict=True)}
        for step in range(steps):
            share = kept(level * (steps - step) / steps)
            noised = {at: math.sqrt(share) * clean[at] + math.sqrt(1 - share) * noise[at] for at in places}
            found = predicted(row, noised, level * (steps - step) / steps)
            if step == 0:
                for at in places:
                    scores = table[1:] @ found[at]
                    losses.append(scores.logsumexp(0) - scores[row[at] - 1])
                    errors.append((found[at] - clean[at]).square().mean())
            noise = {at: (noised[at] - math.sqrt(share) * found[at]) / math.sqrt(1 - share) for at in places}
            clean = {at: found[at] for at in places}
        for at, place in zip(mine, places, strict=True):
            ranked = (table[1:] @ clean[place]).argsort(descending=True)
            for view, pick in zip(views, draws.picks_2M[:, at], strict=True):
                view[number][place] = int(ranked[int(pick)]) + 1
    return {"rounding": torch.stack(losses).mean(), "squared": torch.stack(errors).mean(), "views": views}
