"""Backbones the plain way: every row padded, every position of every layer computed, as papers write them.

They use the weights of our encoders, in evaluation, so that states and gradients compare number by number.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def feed_forward(part: nn.Module, x: Tensor) -> Tensor:
    return part.norm(x + part.outer(nn.functional.gelu(part.inner(x))))


def embedded(encoder: nn.Module, items_RL: Tensor) -> Tensor:
    """Item and position embeddings of the whole window, padding included."""
    columns = torch.arange(items_RL.shape[1] - 1, -1, -1)
    return encoder.norm(encoder.items(items_RL) + encoder.positions(columns))


def attention(query: Tensor, key: Tensor, value: Tensor, unseen: Tensor, heads: int) -> Tensor:
    """Of one row [L, D], a head and a query at a time; `unseen` [L, L] gets -10000."""
    size = query.shape[1] // heads
    out = []
    for at in range(len(query)):
        parts = []
        for head in range(heads):
            these = slice(head * size, (head + 1) * size)
            scores = torch.stack([query[at, these] @ one[these] for one in key]) / math.sqrt(size)
            weights = (scores - 10000.0 * unseen[at]).softmax(0)
            parts.append(sum(weight * one[these] for weight, one in zip(weights, value, strict=True)))
        out.append(torch.cat(parts))
    return torch.stack(out)


def fmlprec(encoder: nn.Module, items_RL: Tensor) -> Tensor:
    x = embedded(encoder, items_RL)
    for block in encoder.blocks:
        weight = torch.complex(block.filter_FD2[..., 0], block.filter_FD2[..., 1])
        spectrum = torch.fft.rfft(x, dim=1, norm="ortho") * weight
        filtered = torch.fft.irfft(spectrum, n=x.shape[1], dim=1, norm="ortho")
        x = feed_forward(block.feed_forward, block.norm(x + filtered))
    return x[:, -1]


def bsarec(encoder: nn.Module, items_RL: Tensor, c: int) -> Tensor:
    x = embedded(encoder, items_RL)
    width = items_RL.shape[1]
    later = torch.ones(width, width, dtype=torch.bool).triu(1)
    for block in encoder.blocks:
        spectrum = torch.fft.rfft(x, dim=1, norm="ortho")
        kept = (torch.arange(spectrum.shape[1]) < c // 2 + 1)[None, :, None]
        low = torch.fft.irfft(spectrum * kept, n=width, dim=1, norm="ortho")
        filtered = block.filter_norm(x + low + block.beta_D**2 * (x - low))
        query, (key, value) = block.query(x), block.key_value(x).chunk(2, dim=-1)
        mixed = torch.stack(
            [
                attention(query[row], key[row], value[row], later | (items_RL[row] == 0), block.heads)
                for row in range(len(x))
            ]
        )
        attended = block.attention_norm(x + block.output(mixed))
        x = feed_forward(block.feed_forward, block.alpha * filtered + (1 - block.alpha) * attended)
    return x[:, -1]


def wearec(encoder: nn.Module, items_RL: Tensor) -> Tensor:
    """A row, a head and a component at a time."""
    states = []
    for x in embedded(encoder, items_RL):
        for block in encoder.blocks:
            width, size = x.shape
            adapted = block.adapted(nn.functional.gelu(block.context(x.mean(0)))).view(block.heads, -1, 2)
            mixed = []
            for at in range(size):
                head = at // (size // block.heads)
                weight = block.filter_HF[head] * (1 + adapted[head, :, 0])
                spectrum = torch.fft.rfft(x[:, at], norm="ortho") * weight
                spectrum = spectrum + block.bias_HF[head] + adapted[head, :, 1]
                smooth = torch.fft.irfft(spectrum, n=width, norm="ortho")
                brief = list(x[:, at])
                for pair in range(width // 2):
                    one, other = x[2 * pair, at], x[2 * pair + 1, at]
                    detail = (one - other) / 2 * block.details_PD[pair, at]
                    brief[2 * pair] = (one + other) / 2 + detail
                    brief[2 * pair + 1] = (one + other) / 2 - detail
                mixed.append(block.alpha * smooth + (1 - block.alpha) * torch.stack(brief))
            x = feed_forward(block.feed_forward, block.norm(x + torch.stack(mixed, dim=1)))
        states.append(x[-1])
    return torch.stack(states)


def bert4rec(encoder: nn.Module, tokens_RL: Tensor) -> Tensor:
    """What every token would be filled with, [R, L, D]; 0 is padding, N + 1 the mask."""
    filled = []
    for row in tokens_RL:
        tokens = row[row != 0]
        looked_up = [
            encoder.special.weight[0] if token == encoder.mask else encoder.items.weight[token]
            for token in tokens
        ]
        places = torch.arange(len(tokens) - 1, -1, -1)
        x = encoder.norm(torch.stack(looked_up) + encoder.positions(places))
        nothing = torch.zeros(len(tokens), len(tokens), dtype=torch.bool)
        for block in encoder.blocks:
            query, (key, value) = block.query(x), block.key_value(x).chunk(2, dim=-1)
            mixed = attention(query, key, value, nothing, block.heads)
            x = feed_forward(block.feed_forward, block.attention_norm(x + block.output(mixed)))
        x = encoder.transform_norm(nn.functional.gelu(encoder.transform(x)))
        filled.append(nn.functional.pad(x, (0, 0, len(row) - len(tokens), 0)))
    return torch.stack(filled)


def lrurec(encoder: nn.Module, items_RL: Tensor) -> Tensor:
    """A row and a step at a time."""
    states = []
    for row in items_RL:
        x = encoder.norm(encoder.items(row[row != 0]))
        for block in encoder.blocks:
            size = block.ring_3H.shape[1]
            turned = torch.polar((-block.ring_3H[0].exp()).exp(), block.ring_3H[1].exp())
            b_real, b_imaginary = block.into.weight[:size], block.into.weight[size:]
            h, out = torch.zeros(size, dtype=torch.complex64), []
            for token in x:
                bias = torch.complex(block.into.bias[:size], block.into.bias[size:])
                given = torch.complex(b_real @ token, b_imaginary @ token) + bias
                h = turned * h + block.ring_3H[2].exp() * given
                c = torch.complex(block.out.weight[:, :size], -block.out.weight[:, size:])
                out.append((c @ h).real + block.out.bias)
            x = feed_forward(block.feed_forward, block.norm(x + torch.stack(out)))
        states.append(x[-1])
    return torch.stack(states)


def comirec(encoder: nn.Module, items_RL: Tensor) -> Tensor:
    """A row, an interest and an item at a time."""
    states = []
    for row in items_RL:
        items = [encoder.items.weight[item] for item in row.tolist() if item]
        places = [encoder.positions.weight[len(items) - 1 - at] for at in range(len(items))]
        interests = []
        for asked in encoder.asked.weight:
            read = zip(items, places, strict=True)
            told = torch.stack([asked @ (encoder.inner.weight @ (e + p)).tanh() for e, p in read])
            each = zip(told.softmax(0), map(encoder.value, items), strict=True)
            interests.append(sum(weight * value for weight, value in each))
        states.append(torch.cat(interests))
    return torch.stack(states)


def causal(block: nn.Module, x_LD: Tensor) -> Tensor:
    """A block of SASRec over one row, every position computed."""
    later = torch.ones(len(x_LD), len(x_LD), dtype=torch.bool).triu(1)
    query, (key, value) = block.query(x_LD), block.key_value(x_LD).chunk(2, dim=-1)
    mixed = attention(query, key, value, later, block.heads)
    x_LD = block.attention_norm(x_LD + block.output(mixed))
    return block.inner_norm(x_LD + block.outer(nn.functional.gelu(block.inner(x_LD))))


def lares(encoder: nn.Module, items_RL: Tensor) -> Tensor:
    """A row at a time, the core unrolled."""
    states = []
    for row in items_RL:
        items = row[row != 0]
        read = encoder.norm(encoder.items(items) + encoder.positions(torch.arange(len(items) - 1, -1, -1)))
        for block in encoder.blocks:
            read = causal(block, read)
        thought, size = read, read.shape[1]
        for _ in range(encoder.steps):
            weight = encoder.fusion.weight
            mixed = thought @ weight[:, :size].T + read @ weight[:, size:].T + encoder.fusion.bias
            thought = encoder.fusion_norm(mixed)
            for block in encoder.core:
                thought = causal(block, thought)
        states.append(thought[-1])
    return torch.stack(states)


def of_digits(encoder: nn.Module, item: int) -> Tensor:
    """The mean of an item's digits' embeddings."""
    return torch.stack([encoder.items.weight[token] for token in encoder.digits_NM[item].tolist()]).mean(0)


def rpg(encoder: nn.Module, items_RL: Tensor) -> Tensor:
    """An item and a digit at a time."""
    states = []
    for row in items_RL:
        items = row[row != 0].tolist()
        read = torch.stack([of_digits(encoder, item) for item in items])
        x = encoder.norm(read + encoder.positions(torch.arange(len(items) - 1, -1, -1)))
        for block in encoder.blocks:
            x = causal(block, x)
        states.append(x[-1])
    return torch.stack(states)


def rpg_digits(encoder: nn.Module, state_D: Tensor) -> list[Tensor]:
    """log p(value) of each digit, by the equations."""
    told = []
    for digit in range(encoder.n_digits):
        rows = slice(digit * len(state_D), (digit + 1) * len(state_D))
        found = encoder.heads.weight[rows] @ state_D + encoder.heads.bias[rows]
        found = state_D + found * torch.sigmoid(found)
        table = encoder.items.weight[1 + digit * encoder.codebook : 1 + (digit + 1) * encoder.codebook]
        cosines = [found @ one / (found.norm() * one.norm()) for one in table]
        told.append((torch.stack(cosines) / encoder.temperature).log_softmax(0))
    return told


def rpg_score(encoder: nn.Module, state_D: Tensor, item: int) -> Tensor:
    """The sum of what an item's digits get."""
    tokens = encoder.digits_NM[item].tolist()
    told = rpg_digits(encoder, state_D)
    return sum(one[(token - 1) % encoder.codebook] for one, token in zip(told, tokens, strict=True))


def masked_item(encoder: nn.Module, rows: list[list[int]], masked: list[list[int]]) -> Tensor:
    """The mean cross-entropy at the places `masked` of each row, a mask at a time."""
    losses = []
    for row, places in zip(rows, masked, strict=True):
        hidden = [encoder.mask if at in places else item for at, item in enumerate(row)]
        filled = bert4rec(encoder, torch.tensor([hidden]))[0]
        for at in places:
            scores = encoder.items.weight[1:] @ filled[at] + encoder.item_bias_N
            losses.append(scores.logsumexp(0) - scores[row[at] - 1])
    return torch.stack(losses).mean()
