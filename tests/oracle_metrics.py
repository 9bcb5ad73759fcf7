#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""All that `spinscale metrics` says of random probabilities, compared with scikit-learn, SciPy and NumPy.

usage: oracle_metrics.py SPINSCALE

Every number of the output needs an oracle here: a metric, score or test that is registered and is not named below fails
the test.  What is drawn (bootstrap, floors) is compared with the same drawn by NumPy, within 4 or 5 standard errors of
the two draws.  Exit status 77 means skipped."""
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from scipy import optimize, special, stats
    from sklearn import calibration, metrics
except ImportError as missing:
    print("skipped:", missing, "for", sys.executable)
    sys.exit(77)

QUANTILE, THRESHOLD, COVERAGE, REJECT, BINS, FLOOR_DRAWS = 0.2, 0.6, 0.7, 0.1, 15, 200
RESAMPLES = 1000  # ours
REDRAWS = 600  # NumPy's
EXACT = 1e-8  # JSON has nine digits


def quantile(x, w, q):
    """Over the first axis; weighted: the smallest value whose cumulative weight reaches q."""
    if w is None:
        return np.quantile(x, q, axis=0)
    order = np.argsort(x, axis=0, kind="stable")
    reached = np.cumsum(w[order], axis=0) / w.sum() >= q - 1e-12
    return np.take_along_axis(np.take_along_axis(x, order, 0), reached.argmax(axis=0)[None], 0)[0]


class Set:
    """What one program says of n images: p[T][n][C] as float32 has it, its logits, the labels."""

    def __init__(self, p, z, labels, w):
        self.z, self.labels, self.w, self.p = z, labels, w, p
        passes = p.shape[0]
        weigh = np.full(passes, 1 / passes) if w is None else w / w.sum()
        mean = np.tensordot(weigh, p, 1)
        self.mean, self.predicted, self.confidence = mean, mean.argmax(1), mean.max(1)
        own = np.take_along_axis(p, self.predicted[None, :, None], 2)[..., 0]
        self.variance = np.tensordot(weigh, (own - self.confidence) ** 2, 1)
        self.expected = np.tensordot(weigh, entropy_of_rows(p), 1)
        self.entropy = entropy_of_rows(mean)
        self.information = self.entropy - self.expected if passes > 1 else np.zeros(len(mean))
        self.eq26 = quantile(p, w, QUANTILE).max(1)
        self.energy = np.tensordot(weigh, -special.logsumexp(z, axis=2), 1) if z is not None else None
        self.right = None if labels is None else (self.predicted == labels).astype(int)
        self.nll = None if labels is None else -np.log(np.maximum(mean[np.arange(len(labels)), labels], 1e-12))

    def scores(self):
        s = {"max_probability": 1 - self.confidence, "entropy": self.entropy, "mutual_information": self.information,
             "variance": self.variance, "expected_entropy": self.expected, "energy": self.energy,
             "nll_rule": -np.log(np.maximum(self.confidence, 1e-12)), "eq26": -self.eq26}
        return {k: v for k, v in s.items() if v is not None}


def entropy_of_rows(p):
    return special.entr(p).sum(-1)  # scipy.stats.entropy would scale rows to the sum 1


def gaps(p, truth, width=True):
    """Mean gap of accuracy and confidence: bins are (low, high], or hold equal numbers."""
    if width:
        index = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], p)
    else:
        index = BINS * stats.rankdata(p, "min").astype(int)
        index = (index - BINS) // len(p)
    return sum(abs((truth[index == b] - p[index == b]).sum()) for b in range(BINS)) / len(p)


def table(s):
    """The registered metrics."""
    right, accepted = s.right == 1, s.eq26 >= THRESHOLD
    with np.errstate(invalid="ignore"):
        tn, fp, fn, tp = metrics.confusion_matrix(right, accepted, labels=[False, True]).ravel()
        brier = np.mean([metrics.brier_score_loss(s.labels == c, s.mean[:, c], pos_label=True)
                         for c in range(s.mean.shape[1])]) * s.mean.shape[1]
        return {
            "accuracy": metrics.accuracy_score(s.labels, s.predicted), "nll": s.nll.mean(), "brier": brier,
            "ece": gaps(s.confidence, s.right), "confidence": s.confidence.mean(), "entropy": s.entropy.mean(),
            "expected_entropy": s.expected.mean(), "mutual_information": s.information.mean(),
            "variance": s.variance.mean(), "accepted": accepted.mean(), "true_accept_rate": tp / (tp + fn),
            "true_reject_rate": tn / (tn + fp), "accepted_accuracy": tp / np.float64(tp + fp)}


def eces(s, truth):
    return {"ece": gaps(s.confidence, s.predicted == truth),
            "ece_mass": gaps(s.confidence, s.predicted == truth, width=False),
            "ece_classwise": np.mean([gaps(s.mean[:, c], truth == c) for c in range(s.mean.shape[1])])}


def thresholds(s, nll):
    n = len(s.mean)
    place = int(np.ceil((1 - REJECT) * (n + 1) - 1e-9))
    t = {k: np.sort(v)[place - 1] if place <= n else np.nan for k, v in s.scores().items()}
    t["eq26"], t["nll_rule"] = -THRESHOLD, nll
    return t


def detection(home, foreign, threshold):
    truth, score = np.r_[np.zeros(len(home)), np.ones(len(foreign))], np.r_[home, foreign]

    def fpr95(positive, s):
        fpr, tpr, _ = metrics.roc_curve(positive, s, drop_intermediate=False)
        return fpr[np.argmax(tpr >= 0.95 - 1e-12)]

    return {"auroc": metrics.roc_auc_score(truth, score), "aupr_out": metrics.average_precision_score(truth, score),
            "aupr_in": metrics.average_precision_score(1 - truth, -score), "fpr95_out": fpr95(truth, score),
            "fpr95_in": fpr95(1 - truth, -score), "detected": (foreign > threshold).mean(),
            "rejected": (home > threshold).mean()}


def abstention(score, right, threshold):
    order = np.argsort(score, kind="stable")
    wrong = 1.0 - right[order]
    for value in np.unique(score):  # equal scores share the errors of their group
        group = score[order] == value
        wrong[group] = wrong[group].mean()
    k = np.arange(1, len(score) + 1)
    risk, best = np.cumsum(wrong) / k, np.cumsum(np.sort(1.0 - right)) / k
    accepted = score <= threshold
    tn, fp, fn, tp = metrics.confusion_matrix(right == 1, accepted, labels=[False, True]).ravel()
    return {"aurc": risk.mean(), "excess_aurc": risk.mean() - best.mean(),
            "kept_error": risk[int(np.ceil(COVERAGE * len(score) - 1e-9)) - 1], "accept": accepted.mean(),
            "reject": 1 - accepted.mean(), "tpr": tp / (tp + fn), "tnr": tn / (tn + fp), "ar": tp / (tp + fp)}


def delong_error(home_a, home_b, foreign_a, foreign_b):
    def placements(home, foreign):
        wins = (foreign[:, None] > home).astype(float) + 0.5 * (foreign[:, None] == home)
        return wins.mean(axis=0), wins.mean(axis=1)

    (ha, fa), (hb, fb) = placements(home_a, foreign_a), placements(home_b, foreign_b)
    return np.sqrt(np.var(ha - hb, ddof=1) / len(ha) + np.var(fa - fb, ddof=1) / len(fa))


class Comparison:
    """Of what was said with what was to be said; a number that is not asked for is an error at the end."""

    def __init__(self, case, said):
        self.case, self.said, self.left, self.count = case, said, set(leaves(said)), 0

    def number(self, path, want, tolerance=EXACT, relative=True):
        got = self.said
        for key in path:
            got = got[key]
        self.left.discard(tuple(path))
        self.count += 1
        if got is None:
            assert not np.isfinite(want), (self.case, path, "is null", want)
            return
        limit = tolerance * max(1, abs(want)) if relative else tolerance
        assert abs(got - want) <= limit, (self.case, path, got, want, limit)

    def drawn(self, path):
        """low and high of a bootstrap of which only the order is checked."""
        value, low, high = (self.said_at(path + [k]) for k in ("value", "low", "high"))
        self.left -= {tuple(path + ["low"]), tuple(path + ["high"])}
        assert low is None or low <= high + 1e-12, (self.case, path, low, value, high)

    def said_at(self, path):
        got = self.said
        for key in path:
            got = got[key]
        return got


def leaves(value, path=()):
    if isinstance(value, dict):
        return [leaf for k, v in value.items() for leaf in leaves(v, path + (k,))]
    if isinstance(value, list):
        return [leaf for k, v in enumerate(value) for leaf in leaves(v, path + (k,))]
    return [path] if not isinstance(value, (str, bool)) else []


def bins(c, s):
    """scikit-learn's bins of equal width; ours of equal mass by their definition."""
    truth, confidence = calibration.calibration_curve(s.right, s.confidence, n_bins=BINS, strategy="uniform")
    filled = 0
    for b in range(BINS):
        path = ["calibration", "bins", b]
        inside = (s.confidence > b / BINS) & (s.confidence <= (b + 1) / BINS)
        c.number(path + ["low"], b / BINS)
        c.number(path + ["high"], (b + 1) / BINS)
        c.number(path + ["count"], inside.sum())
        c.number(path + ["accuracy"], truth[filled] if inside.any() else np.nan)
        c.number(path + ["confidence"], confidence[filled] if inside.any() else np.nan)
        filled += inside.any()
    n, ordered, high = len(s.mean), np.sort(s.confidence), 0
    for b in range(BINS):
        path = ["calibration", "bins_mass", b]
        inside = np.array([i for i in range(n) if BINS * i // n == b], int)
        c.number(path + ["low"], high)
        high = ordered[inside[-1]] if len(inside) else high
        c.number(path + ["high"], high)
        c.number(path + ["count"], len(inside))
        right = s.right[np.argsort(s.confidence, kind="stable")]
        c.number(path + ["accuracy"], right[inside].mean() if len(inside) else np.nan)
        c.number(path + ["confidence"], ordered[inside].mean() if len(inside) else np.nan)


def temperature(c, s):
    def nll(log_t):
        p = special.softmax(s.z / np.exp(log_t), axis=2)
        return -np.log(np.average(p, axis=0, weights=s.w)[np.arange(len(s.labels)), s.labels]).mean()

    fit = optimize.minimize_scalar(nll, bounds=(np.log(1 / 64), np.log(64)), method="bounded",
                                   options={"xatol": 1e-9})
    c.number(["temperature", "nll_before"], nll(0), 1e-6)  # logits are float32
    c.number(["temperature", "nll_after"], fit.fun, 1e-6)
    c.number(["temperature", "temperature"], np.exp(fit.x), 1e-3)  # the valley is flat


def drawn_metrics(c, s, r):
    """Percentiles of 1,000 and of 600 resamples: that of 2.5 % is known to .085 and .11 sd, together .14."""
    n, draws = len(s.mean), []
    for _ in range(REDRAWS):
        i = r.integers(0, n, n)
        draws.append(table(Set(s.p[:, i], None, s.labels[i], s.w)))
    for name in draws[0]:
        values = np.array([d[name] for d in draws])
        for end, q in (("low", 0.025), ("high", 0.975)):
            c.number(["intervals", name, end], np.nanquantile(values, q), 4 * 0.14 * np.nanstd(values) + 2 / n,
                     relative=False)


def drawn_floors(c, s, r):
    """Mean of 200 draws: known to sd / sqrt(200); their 95 % quantile to .15 sd; both sides are drawn."""
    u = r.random((FLOOR_DRAWS, len(s.mean), 1))
    draws = [eces(s, (u[d] > np.cumsum(s.mean, 1)[:, :-1]).sum(1)) for d in range(FLOOR_DRAWS)]
    for name in draws[0]:
        values = np.array([d[name] for d in draws])
        c.number(["calibration", name, "floor"], values.mean(), 5 * values.std() * np.sqrt(2 / FLOOR_DRAWS),
                 relative=False)
        c.number(["calibration", name, "floor_high"], np.quantile(values, 0.95), 5 * 0.15 * np.sqrt(2) * values.std(),
                 relative=False)


def compare_means(c, path, difference, p=None):
    error = stats.sem(difference)
    c.number(path + ["value"], difference.mean())
    c.number(path + ["error"], error)
    half = stats.norm.ppf(0.975) * error
    c.number(path + ["normal_low"], difference.mean() - half)
    c.number(path + ["normal_high"], difference.mean() + half)
    c.number(path + ["p"], 2 * stats.norm.sf(abs(difference.mean()) / error) if p is None else p)
    c.drawn(path)


def compare(c, home, other, foreign, other_foreign):
    a, b = home.right, other.right
    only = [int(((x == 1) & (y == 0)).sum()) for x, y in ((a, b), (b, a))]
    c.number(["compare", "accuracy", "only_first"], only[0])
    c.number(["compare", "accuracy", "only_other"], only[1])
    compare_means(c, ["compare", "accuracy"], (a - b).astype(float), stats.binomtest(only[0], sum(only)).pvalue)
    compare_means(c, ["compare", "nll"], home.nll - other.nll)
    for name in c.said_at(["compare", "auroc", 0, "scores"]):
        path = ["compare", "auroc", 0, "scores", name]
        sets = [x.scores()[name] for x in (home, other, foreign, other_foreign)]
        value = detection(sets[0], sets[2], 0)["auroc"] - detection(sets[1], sets[3], 0)["auroc"]
        error = delong_error(*sets)
        half = stats.norm.ppf(0.975) * error
        c.number(path + ["value"], value)
        c.number(path + ["error"], error)
        c.number(path + ["normal_low"], value - half)
        c.number(path + ["normal_high"], value + half)
        c.number(path + ["p"], 2 * stats.norm.sf(abs(value) / error) if error > 0 else 1)
        c.drawn(path)


def run_case(case, r, folder):
    passes, n, away, classes = ((7, 400, 300, 5), (1, 300, 250, 3), (4, 350, 200, 10), (20, 610, 470, 2))[case]
    w = r.random(passes) if case == 2 else None
    labels = r.integers(0, classes, n)
    paths = {}

    def save(name, array, kind):
        paths[name] = os.path.join(folder, f"{name}.npy")
        np.save(paths[name], array.astype(kind))
        return np.load(paths[name]).astype(float)

    def make(name, count, truth, spread):
        z = r.normal(0, 1.5, (count, classes)) + spread * r.normal(0, 1, (passes, count, classes))
        if truth is not None:
            z[:, np.arange(count), truth] += 2
        z = save(name + "_logits", z, np.float32)
        p = save(name, special.softmax(z, axis=2), np.float32)
        return Set(p, z, truth, w)

    home, foreign = make("home", n, labels, 0.5), make("foreign", away, None, 1)
    other, other_foreign = make("other", n, labels, 0.7), make("other_foreign", away, None, 0.8)
    np.save(os.path.join(folder, "labels.npy"), labels.astype(np.int64))
    command = [sys.argv[1], "metrics", paths["home"], os.path.join(folder, "labels.npy"), "--json",
               "--logits", paths["home_logits"], "--ood", paths["foreign"], "--ood-logits", paths["foreign_logits"],
               "--compare", paths["other"], "--compare-ood", paths["other_foreign"], "--bootstrap", str(RESAMPLES),
               "--quantile", str(QUANTILE), "--threshold", str(THRESHOLD), "--coverage", str(COVERAGE),
               "--reject", str(REJECT)]
    if w is not None:
        home_w = os.path.join(folder, "w.npy")
        np.save(home_w, w)
        command += ["--weights", home_w]
    c = Comparison(case, json.loads(subprocess.run(command, check=True, capture_output=True).stdout))

    for name, count in (("n", n), ("samples", passes), ("classes", classes)):
        c.number([name], count)
    for name, value in (("resamples", RESAMPLES), ("seed", 1), ("level", 0.95)):
        c.number(["bootstrap", name], value)
    for name, value in table(home).items():
        c.number([name], value)
        c.number(["intervals", name, "value"], value)
    drawn_metrics(c, home, r)
    for name, value in eces(home, labels).items():
        c.number(["calibration", name, "value"], value)
        c.drawn(["calibration", name])
    drawn_floors(c, home, r)
    bins(c, home)
    temperature(c, home)
    c.number(["abstention", "coverage"], COVERAGE)
    c.number(["ood", 0, "n"], away)
    limits = thresholds(home, home.nll.mean())
    for name, score in home.scores().items():
        path = ["abstention", "scores", name]
        for key, value in abstention(score, home.right, limits[name]).items():
            c.number(path + [key, "value"], value)
            c.drawn(path + [key])
        c.number(path + ["threshold"], limits[name])
        path = ["ood", 0, "scores", name]
        for key, value in detection(score, foreign.scores()[name], limits[name]).items():
            c.number(path + [key, "value"], value)
            c.drawn(path + [key])
        c.number(path + ["threshold"], limits[name])
    compare(c, home, other, foreign, other_foreign)
    assert not c.left, (case, "have no oracle", sorted(map(str, c.left)))
    return c.count


random = np.random.default_rng(2)
with tempfile.TemporaryDirectory() as temporary:
    print(sum(run_case(k, random, temporary) for k in range(4)), "numbers compared")
