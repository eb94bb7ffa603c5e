"""An independent reference of the paper: NumPy, float64, one function per equation.

It is slow and plain on purpose: one clip at a time, loops instead of batches, formulas as they are
printed. It imports nothing of `spm`, and its weights have names of their own, so that agreement of
the two says something about both.

N classes, S support clips, Q query clips, T frames, C channels, R templates. One clip: f [T, C];
a prompt: [C]. Weights are a flat dict of arrays:

    phi.{1,2}.{weight,bias}                      the convolutions of Eq. 8, weight [C, C, 3]
    psi_v.{1,2}.…, psi_p.{1,2}.…                 the gates of Eq. 9, linear, weight [out, in]
    upsilon.{1,2}.…                              the linear layers of Eq. 13
    lambda3.scale                                a scalar, where λ3 is learned
    {sf,padm}.{norm,q,k,v,out,up,down}.…         the Transformers of Eq. 9 and Eq. 14
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Weights = dict[str, Array]


@dataclass(frozen=True, kw_only=True)
class Switches:
    """Every choice that the equations leave; the defaults are the paper's."""

    hsmr: bool = True
    spm: bool = True
    padm: bool = True
    fusion: str = "gate+sum+concat"  # or "sum+concat", "concat" (Table 4)
    consistency: str = "both"  # or "none", "support", "query" (Table 5)
    text_ensemble: str = "sum"  # or "mean"
    motion_reduction: str = "sum"  # or "mean", which also halves
    prompt_visual_mean: str = "time"  # or "time+channels"
    distance: str = "euclidean"  # or "squared"
    consistency_reduction: str = "sum"  # or "mean": over supports plus over queries
    lambda1: float = 1.0
    lambda2: float = 0.5
    lambda3: float = 0.001
    learn_lambda3: bool = False  # or True: times a weight
    lambda4: float = 0.001
    alpha: float = 0.2
    otam_lambda: float = 0.5
    gate_slope: float = 0.0025
    num_heads: int = 8
    attention_dropout: float = 0.2
    dropout: float = 0.05
    drop: Callable[[Array, float], Array] = lambda x, _probability: x
    """Stands at every place of dropout; the default is evaluation."""


# ---------------------------------------------------------------- layers


def linear(x: Array, w: Weights, name: str) -> Array:
    """[…, in] → […, out]; a layer without a bias has none in `w`."""
    y = x @ w[f"{name}.weight"].T
    return y + w[f"{name}.bias"] if f"{name}.bias" in w else y


def gelu(x: Array) -> Array:
    """x times the normal distribution function of x, the exact form."""
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def layer_norm(token: Array, w: Weights, name: str) -> Array:
    """One token [C] to mean 0 and (biased) variance 1, then scaled and shifted."""
    centred = token - token.mean()
    scaled = centred / math.sqrt((centred**2).mean() + 1e-5)
    return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max())
    return e / e.sum()


def attention(tokens: Array, w: Weights, name: str, s: Switches) -> Array:
    """[L, C] → [L, C]: every head attends with softmax(q k / √d); heads side by side."""
    q, k, v = (linear(tokens, w, f"{name}.{which}") for which in "qkv")
    width = q.shape[1] // s.num_heads
    joined = np.zeros_like(q)
    for head in range(s.num_heads):
        own = slice(head * width, (head + 1) * width)
        for i in range(len(tokens)):
            share = softmax(k[:, own] @ q[i, own] / math.sqrt(width))
            joined[i, own] = share @ v[:, own]
    return s.drop(linear(joined, w, f"{name}.out"), s.attention_dropout)


def two_layers(x: Array, w: Weights, names: tuple[str, str], s: Switches) -> Array:
    """Linear, GELU, linear; dropout after the second and third."""
    hidden = s.drop(gelu(linear(x, w, names[0])), s.dropout)
    return s.drop(linear(hidden, w, names[1]), s.dropout)


def transformer(tokens: Array, w: Weights, name: str, s: Switches) -> Array:
    """[L, C] → [L, C]: one layer, normalised before attention only, both parts residual."""
    normed = np.stack([layer_norm(token, w, f"{name}.norm") for token in tokens])
    x = tokens + attention(normed, w, name, s)
    return x + two_layers(x, w, (f"{name}.up", f"{name}.down"), s)


def convolution(f: Array, w: Weights, name: str) -> Array:
    """[T, C] → [T, C]: three frames wide, zeros beyond both ends."""
    kernel, out = w[f"{name}.weight"], np.zeros_like(f)
    for t in range(len(f)):
        out[t] = w[f"{name}.bias"]
        for tap in range(3):
            if 0 <= t + tap - 1 < len(f):
                out[t] += kernel[:, :, tap] @ f[t + tap - 1]
    return out


def gate(x: Array, w: Weights, name: str, slope: float) -> Array:
    """Ψ: linear, leaky ReLU, linear, sigmoid."""
    h = linear(x, w, f"{name}.1")
    h = np.where(h > 0, h, slope * h)
    return (1 + np.tanh(linear(h, w, f"{name}.2") / 2)) / 2


# ---------------------------------------------------------------- equations


def eq2_class_texts(templates: Array, s: Switches) -> Array:
    """[R, N, C] → [N, C]."""
    total = np.zeros(templates.shape[1:])
    for one in templates:
        total += one
    return total if s.text_ensemble == "sum" else total / len(templates)


def eq8_mfe(f: Array, w: Weights, s: Switches) -> Array:
    """[T, C] → m [C]."""
    phi = convolution(convolution(f, w, "phi.1"), w, "phi.2")
    m = np.zeros(f.shape[1])
    for t in range(len(f) - 1):
        forward = phi[t + 1] - f[t]
        backward = phi[t] - f[t + 1]
        m += forward + backward
    return m if s.motion_reduction == "sum" else m / 2 / (len(f) - 1)


def eq9_sf(p: Array, f: Array, w: Weights, s: Switches) -> tuple[Array, Array]:
    """Prompt [C] and frames [T, C] → both after the Transformer, which sees the raw prompt."""
    fused = np.zeros_like(f)
    for t in range(len(f)):
        fused[t] = {
            "concat": lambda frame: frame,
            "sum+concat": lambda frame: frame + s.alpha * p,
            "gate+sum+concat": lambda frame: (
                gate(frame, w, "psi_v", s.gate_slope) * frame
                + s.alpha * gate(p, w, "psi_p", s.gate_slope) * p
            ),
        }[s.fusion](f[t])
    out = transformer(np.vstack([p, fused]), w, "sf", s)
    return out[0], out[1:]


def eq7_hsmr(f: Array, w: Weights, s: Switches) -> tuple[Array, Array]:
    """[T, C] → m^s, m^d, [C] each; m^s as SF hands it back."""
    m_s, f_s = eq9_sf(eq8_mfe(f, w, s), f, w, s)
    return m_s, eq8_mfe(f_s, w, s)


def condis(a: Array, b: Array, s: Switches) -> float:
    """Section 4.2: one Euclidean distance over all the numbers of a clip."""
    squared = sum(float(d) ** 2 for d in (a - b).ravel())
    return math.sqrt(squared) if s.distance == "euclidean" else squared


def eq13_pg(support_texts: Array, f: Array, w: Weights, s: Switches) -> Array:
    """The supports' class texts [S, C] and one clip [T, C] → its prompt [C]."""
    text = sum(support_texts) / len(support_texts)
    visual = sum(f) / len(f)
    if s.prompt_visual_mean == "time+channels":
        visual = sum(visual) / len(visual)
    return two_layers(text * visual, w, ("upsilon.1", "upsilon.2"), s)


def eq12_distance(
    true: tuple[Array, Array], generated: tuple[Array, Array], s: Switches
) -> tuple[float, float]:
    """(token, frames) of two calls of SF → d^tp, d^v."""
    d_tp = condis(true[0], generated[0], s)
    return d_tp, condis(np.vstack(true), np.vstack(generated), s)


def otam(d: Array, lam: float) -> float:
    """Frame distances [L, M] → the cost of the cheapest alignment, softly; rows are walked."""
    rows, last = d.shape[0], d.shape[1] + 1
    padded = np.zeros((rows, last + 1))
    padded[:, 1:last] = d
    total = np.zeros_like(padded)
    for m in range(1, last + 1):
        total[0, m] = total[0, m - 1] + padded[0, m]
    for r in range(1, rows):
        for m in range(1, last + 1):
            before = [total[r - 1, m - 1], total[r, m - 1]]
            if m in (1, last):
                before.append(total[r - 1, m])
            soft_min = -lam * math.log(sum(math.exp(-x / lam) for x in before))
            total[r, m] = padded[r, m] + soft_min
    return float(total[-1, -1])


def seqdis(support: Array, query: Array, s: Switches) -> float:
    """Section 4.2: OTAM of two clips [T, C] on 1 − cosine, both ways."""
    d = np.zeros((len(query), len(support)))
    for i, x in enumerate(query):
        for j, y in enumerate(support):
            norms = math.sqrt(x @ x) * math.sqrt(y @ y)
            d[i, j] = 1 - (x @ y) / (norms + 0.01)
    return otam(d, s.otam_lambda) + otam(d.T, s.otam_lambda)


def class_means(f: Array, labels: list[int], num_classes: int) -> Array:
    """Eq. 4 and 5, second line: [S, T, C] → [N, T, C]."""
    own = [[f[i] for i, label in enumerate(labels) if label == n] for n in range(num_classes)]
    return np.stack([sum(clips) / len(clips) for clips in own])


def distances(prototypes: Array, queries: Array, s: Switches) -> Array:
    """SeqDis of every query to every class, [Q, N]."""
    return np.array([[seqdis(p, q, s) for p in prototypes] for q in queries])


def eq14_padm(
    f_s: Array, f_q: Array, labels: list[int], num_classes: int, w: Weights, s: Switches
) -> dict[str, Array]:
    """Anchors and clips, modulated: P' [N, T, C], f_S', A' [T, C], f_Q'."""
    anchors = []
    for n in range(num_classes):
        clips = [f_s[i] for i, label in enumerate(labels) if label == n] + list(f_q)
        anchors.append(sum(clips) / len(clips))
    anchor = sum(anchors) / num_classes
    out = {
        "P'": np.stack(anchors),
        "f_S'": np.array(f_s),
        "A'": np.array(anchor),
        "f_Q'": np.array(f_q),
    }
    for t in range(f_s.shape[1]):
        support_side = np.stack([p[t] for p in anchors] + [clip[t] for clip in f_s])
        support_side = transformer(support_side, w, "padm", s)
        out["P'"][:, t], out["f_S'"][:, t] = support_side[:num_classes], support_side[num_classes:]
        query_side = np.stack([anchor[t]] + [clip[t] for clip in f_q])
        query_side = transformer(query_side, w, "padm", s)
        out["A'"][t], out["f_Q'"][:, t] = query_side[0], query_side[1:]
    return out


def reduce_clips(supports: list[float], queries: list[float], s: Switches) -> float:
    """Eq. 15: the sum over all clips (or the mean of supports plus the mean of queries)."""
    parts = [part for part in (supports, queries) if part]
    if s.consistency_reduction == "sum":
        return float(sum(sum(part) for part in parts))
    return float(sum(sum(part) / len(part) for part in parts))


# ---------------------------------------------------------------- an episode


def classify(
    f_s: Array, labels: list[int], f_q: Array, templates: Array, w: Weights, s: Switches
) -> dict[str, Array]:
    """What may be known of a query: no label of it. Eq. 4, 5, 6 and all that they need."""
    texts = eq2_class_texts(templates, s)
    num_classes = len(texts)
    got: dict[str, Array] = {"text": texts, "f_S^SPM": f_s, "f_Q^SPM": f_q}
    if s.spm:
        own = np.stack([texts[label] for label in labels])
        prompts = [eq13_pg(own, f, w, s) for f in f_q]
        true = [eq9_sf(texts[label], f, w, s) for label, f in zip(labels, f_s, strict=True)]
        generated = [eq9_sf(p, f, w, s) for p, f in zip(prompts, f_q, strict=True)]
        got["prompt_Q"] = np.stack(prompts)
        got["f_S^SPM"] = np.stack([frames for _, frames in true])
        got["f_Q^SPM"] = np.stack([frames for _, frames in generated])
    got["d_spm"] = distances(class_means(got["f_S^SPM"], labels, num_classes), got["f_Q^SPM"], s)
    d = s.lambda2 * got["d_spm"]
    if s.padm:
        got |= eq14_padm(got["f_S^SPM"], got["f_Q^SPM"], labels, num_classes, w, s)
        got["d_padm"] = distances(class_means(got["f_S'"], labels, num_classes), got["f_Q'"], s)
        for n in range(num_classes):
            got["d_padm"][:, n] += seqdis(got["P'"][n], got["A'"], s)
        d = d + s.lambda1 * got["d_padm"]
    got["logits"] = -d
    got["p"] = np.stack([softmax(row) for row in -d])
    return got


def hsmr_loss(f_s: Array, f_q: Array, w: Weights, s: Switches) -> dict[str, Array]:
    """Eq. 3 of every clip, supports first, and L_H of Eq. 15."""
    if not s.hsmr:
        return {"L_H": np.array(0.0)}
    motions = [eq7_hsmr(f, w, s) for f in [*f_s, *f_q]]
    d_h = [condis(m_s, m_d, s) for m_s, m_d in motions]
    return {
        "m^s": np.stack([m_s for m_s, _ in motions]),
        "m^d": np.stack([m_d for _, m_d in motions]),
        "d_h": np.array(d_h),
        "L_H": np.array(reduce_clips(d_h[: len(f_s)], d_h[len(f_s) :], s)),
    }


def spm_loss(
    clips: Array, own_texts: Array, support_texts: Array, w: Weights, s: Switches
) -> dict[str, Array]:
    """Eq. 10 to 12 of one side's clips, each with its true class text."""
    prompts = [eq13_pg(support_texts, f, w, s) for f in clips]
    true = [eq9_sf(text, f, w, s) for text, f in zip(own_texts, clips, strict=True)]
    generated = [eq9_sf(prompt, f, w, s) for prompt, f in zip(prompts, clips, strict=True)]
    both = [eq12_distance(a, b, s) for a, b in zip(true, generated, strict=True)]
    return {
        "prompt": np.stack(prompts),
        "d^tp": np.array([d_tp for d_tp, _ in both]),
        "d^v": np.array([d_v for _, d_v in both]),
        "d_s": np.array([d_tp + d_v for d_tp, d_v in both]),
    }


def train(
    f_s: Array,
    labels: list[int],
    f_q: Array,
    query_labels: list[int],
    templates: Array,
    w: Weights,
    s: Switches,
) -> dict[str, Array]:
    """Eq. 15 with every intermediate: `classify`'s, HSMR's, and SPM's of both sides."""
    got = classify(f_s, labels, f_q, templates, w, s)
    true_p = [got["p"][j, label] for j, label in enumerate(query_labels)]
    got["L_CE"] = np.array(-sum(math.log(p) for p in true_p) / len(true_p))
    got |= hsmr_loss(f_s, f_q, w, s)
    sides: dict[str, list[float]] = {"S": [], "Q": []}
    chosen = {"none": "", "support": "S", "query": "Q", "both": "SQ"}[s.consistency]
    for side in chosen if s.spm else "":
        clips, own = {"S": (f_s, labels), "Q": (f_q, query_labels)}[side]
        found = spm_loss(clips, got["text"][own], got["text"][labels], w, s)
        got |= {f"{name}_{side}": value for name, value in found.items()}
        sides[side] = list(found["d_s"])
    got["L_S"] = np.array(reduce_clips(sides["S"], sides["Q"], s))
    lambda3 = s.lambda3 * w["lambda3.scale"] if s.learn_lambda3 and s.hsmr else s.lambda3
    got["L"] = got["L_CE"] + lambda3 * got["L_H"] + s.lambda4 * got["L_S"]
    return got
