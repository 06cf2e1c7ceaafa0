"""The section Merging of docs/formats.md in plain Python: no numpy, none of our code.

A model is a list of runs; inputs[i][r] is the list of input i's values in run r, as Python floats.
"""

import hashlib
import math
from itertools import combinations


def total(values):
    """Sum from 0 in order."""
    result = 0.0
    for value in values:
        result += value
    return result


def weighted(column, weights, divisor=1.0):
    """sum(w x) / divisor over weights other than 0."""
    return total(x * w for x, w in zip(column, weights, strict=True) if w) / divisor


def run_distance(x, y):
    """The sum over one run, before it is added to the others': one number for each 16 blocks."""
    squares = [(a - b) * (a - b) for a, b in zip(x, y, strict=True)]
    blocks = []
    for start in range(0, len(squares), 256):
        t = [total(squares[start : start + 256][k::8]) for k in range(8)]
        blocks.append(((t[0] + t[1]) + (t[2] + t[3])) + ((t[4] + t[5]) + (t[6] + t[7])))
    return [total(blocks[start : start + 16]) for start in range(0, len(blocks), 16)]


def distance(x, y):
    """D of two models."""
    return total(part for a, b in zip(x, y, strict=True) for part in run_distance(a, b))


def distances(inputs):
    """D of each input to each."""
    return [[distance(x, y) for y in inputs] for x in inputs]


def score(table, i, k, among):
    """Score_i over k, among some inputs."""
    return total(sorted(table[i][j] for j in among if j != i)[:k])


def trimmed(column, k):
    """One column of `trimmed-mean`."""
    kept = sorted(x + 0.0 for x in column)[k : len(column) - k]
    return max(kept[0], min(kept[-1], total(kept) / len(kept)))


def near_median(column, keep):
    """One column of `bulyan`'s end."""
    left = sorted(x + 0.0 for x in column)
    p = len(left)
    h = (left[(p + 1) // 2 - 1] + left[p // 2]) / 2
    while len(left) > keep:
        left.pop(0 if h - left[0] > left[-1] - h else -1)
    return max(left[0], min(left[-1], total(left) / keep))


def mean_of(chosen, n, scores):
    """A plan: used, scores, what a column becomes."""
    weights = [float(i in chosen) for i in range(n)]
    return sorted(chosen), scores, lambda column, base: weighted(column, weights, float(len(chosen)))


def _mean(inputs, base, weights, values, f):
    weights = [float(w) for w in weights]
    divisor = float(sum(weights))
    return list(range(len(inputs))), weights, lambda column, _: weighted(column, weights, divisor)


def _capped_mean(inputs, base, weights, values, f):
    most = sorted(weights)[(len(weights) - 1) // 2] * values.get("times", 2)
    return _mean(inputs, base, [min(w, most) for w in weights], values, f)


def _trimmed_mean(inputs, base, weights, values, f):
    return list(range(len(inputs))), [], lambda column, _: trimmed(column, f)


def _median(inputs, base, weights, values, f):
    return _trimmed_mean(inputs, base, weights, values, (len(inputs) - 1) // 2)


def _krum(inputs, base, weights, values, f):
    return _multi_krum(inputs, base, weights, {"m": 1}, f)


def _multi_krum(inputs, base, weights, values, f):
    n, table = len(inputs), distances(inputs)
    scores = [score(table, i, n - f - 2, range(n)) for i in range(n)]
    best = sorted(range(n), key=lambda i: (scores[i], i))[: values.get("m", n - f - 2)]
    return mean_of(best, n, scores)


def _bulyan(inputs, base, weights, values, f):
    n, table = len(inputs), distances(inputs)
    left, picks = list(range(n)), []
    while len(picks) < n - 2 * f:
        k = max(len(left) - f - 2, 1)
        picks.append(min(left, key=lambda i: (score(table, i, k, left), i)))
        left.remove(picks[-1])
    scores = [score(table, i, n - f - 2, range(n)) for i in range(n)]
    return sorted(picks), scores, lambda x, _: near_median([x[i] for i in picks], n - 4 * f)


def _mda(inputs, base, weights, values, f):
    n, table = len(inputs), distances(inputs)
    sets = combinations(range(n), n - f)
    best = min(sets, key=lambda kept: (max(table[i][j] for i in kept for j in kept), kept))
    return mean_of(best, n, [max(table[i][j] for j in best) for i in range(n)])


def _geometric_median(inputs, base, weights, values, f):
    n, table = len(inputs), distances(inputs)
    near = [0.0] * n
    if n > 1:
        near = [sorted(table[i][j] for j in range(n) if j != i)[(n - 2) // 2] for i in range(n)]
    typical = sorted(near)[(n - 1) // 2]
    t = math.sqrt(typical)
    w = [float(x <= 1e16 * typical) for x in near]
    if t > 0:
        w = [a / max(math.sqrt(x), 1e-6 * t) for a, x in zip(w, near, strict=True)]
    w = [a / total(w) for a in w]
    for _ in range(10_000 if t > 0 else 0):
        w, moved = step(table, w, 1e-6 * t)
        if moved <= 1e-10 * t:
            break
    used = [i for i in range(n) if w[i]]
    return used, w, lambda column, _: weighted(column, w)


def step(table, w, floor):
    """One step of Weiszfeld's: the new weights, and how far they moved."""
    n = len(w)
    d = [total(w[j] * table[j][i] for j in range(n) if w[j]) for i in range(n)]
    g = total(a * x for a, x in zip(w, d, strict=True))
    d = [max(math.sqrt(max(x - g / 2, 0.0)), floor) for x in d]
    u = [1 / x if a else 0.0 for a, x in zip(w, d, strict=True)]
    u = [a / total(u) for a in u]
    return u, total(abs(a - b) * x for a, b, x in zip(u, w, d, strict=True))


def _centered_clipping(inputs, base, weights, values, f):
    n, c, b, v = len(inputs), [0.0] * len(inputs), 1.0, base
    for _ in range(values.get("steps", 1)):
        d = [math.sqrt(distance(x, v)) for x in inputs]
        tau = values.get("tau", sorted(d)[(n - 1) // 2])
        p = [1 / n if x <= tau else tau / x / n for x in d]
        q = 1 - total(p)
        c, b = [a * q + x for a, x in zip(c, p, strict=True)], b * q
        runs = [zip(*columns, strict=True) for columns in zip(*inputs, base, strict=True)]
        v = [[weighted(column, [*c, b]) for column in run] for run in runs]
    return [i for i in range(n) if c[i]], c, lambda column, x: weighted([*column, x], [*c, b])


def pulled(own, pulls, d):
    """x_o + sum p_j (x_j - x_o): the plan of rules that are anchored on an own input."""
    p = [pulls.get(i, 0.0) for i in range(len(d))]
    p[own] = 1.0 - math.fsum(p)
    return [i for i in range(len(d)) if p[i]], d, lambda column, _: weighted(column, p)


def clip(own, w, d, tau):
    """The plan of rules that clip at tau."""
    others = [i for i in range(len(d)) if i != own]
    return pulled(own, {i: w * (1.0 if d[i] <= tau else tau / d[i]) for i in others}, d)


def near(own, w, d, least):
    """Neighbours nearest first, without the furthest of at least this weight."""
    left, out = sorted((i for i in range(len(d)) if i != own), key=lambda i: (d[i], i)), 0.0
    while left and out < least * (1 - 1e-9):
        left.pop()
        out += w
    return left


def gossip_plan(rule, inputs, own, w, hostile):
    """As `plan`, for a rule anchored on the input at `own`; w: what each of the others counts."""
    name, _, text = rule.partition(":")
    values = {key: float(value) for key, value in (pair.split("=") for pair in text.split(",") if pair)}
    d = [math.sqrt(distance(x, inputs[own])) for x in inputs]
    others = [i for i in range(len(d)) if i != own]
    b = math.fsum([w] * hostile)
    match name:
        case "gossip":
            return pulled(own, dict.fromkeys(others, w), d)
        case "nna":
            k = len(d) - int(values.get("f", hostile)) - 1
            return mean_of({own, *sorted(others, key=lambda i: (d[i], i))[:k]}, len(d), d)
        case "cs-plus":
            left = near(own, w, d, 2 * values.get("b", b))
            return clip(own, w, d, d[left[-1]] if left else 0.0)
    squares = math.fsum(w * (d[i] * d[i]) for i in near(own, w, d, b))
    return clip(own, w, d, values.get("tau", math.sqrt(squares / b) if b else math.inf))


RULES = {
    "mean": _mean,
    "trimmed-mean": _trimmed_mean,
    "median": _median,
    "capped-mean": _capped_mean,
    "geometric-median": _geometric_median,
    "krum": _krum,
    "multi-krum": _multi_krum,
    "bulyan": _bulyan,
    "mda": _mda,
    "centered-clipping": _centered_clipping,
}


def mixed(inputs, base, weights, divisor):
    """One row that a step makes, as a model."""
    runs = [zip(*columns, strict=True) for columns in zip(*inputs, base, strict=True)]
    return [[weighted(column, weights, divisor) for column in run] for run in runs]


def _nnm(inputs, base, values, f, seed):
    n, table = len(inputs), distances(inputs)
    near = [sorted(range(n), key=lambda j: (j != i, table[i][j], j))[: n - f] for i in range(n)]
    rows = [([float(j in group) for j in range(n)] + [0.0], float(n - f)) for group in near]
    return rows, [float(sum(i in group for group in near)) for i in range(n)]


def _bucketing(inputs, base, values, f, seed):
    n, s = len(inputs), values["s"]
    head = b"waggle/bucketing/1\x00" + seed
    order = sorted(range(n), key=lambda i: hashlib.sha256(head + i.to_bytes(4, "big")).digest())
    groups = [order[start : start + s] for start in range(0, n, s)]
    rows = [([float(j in group) for j in range(n)] + [0.0], float(len(group))) for group in groups]
    return rows, [float(order.index(i) // s) for i in range(n)]


def _arc(inputs, base, values, f, seed):
    n = len(inputs)
    d = [math.sqrt(distance(x, base)) for x in inputs]
    limit = sorted(d)[n - 1 - 2 * f * (n - f) // n]
    scores = [limit / x if x > limit else 1.0 for x in d]
    return [([a * (i == j) for j in range(n)] + [1.0 - a], 1.0) for i, a in enumerate(scores)], scores


STEPS = {"nnm": _nnm, "bucketing": _bucketing, "arc": _arc}


def plan(rule, inputs, base, weights, hostile, seed):
    """Positions used, scores, and a function from (column, base's value) to the merged value."""
    first, _, rest = rule.partition("+")
    name, _, text = first.partition(":")
    values = dict(pair.split("=") for pair in text.split(",") if pair)
    values = {key: float(value) if key == "tau" else int(value) for key, value in values.items()}
    f = values.pop("f", hostile)
    if not rest:
        return RULES[name](inputs, base, weights, values, f)
    table, scores = STEPS[name](inputs, base, values, f, seed)
    rows = [mixed(inputs, base, *line) for line in table]
    used, _, column = plan(rest, rows, base, [1] * len(rows), hostile, seed)
    sources = {i for row in used for i in range(len(inputs)) if table[row][0][i]}
    return sorted(sources), scores, lambda x, b: column([weighted([*x, b], *line) for line in table], b)
