#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares detection, abstention and tests with scikit-learn's, SciPy's and definitions written down directly, on random
data with and without ties.

usage: oracle_scores.py T_SCORES        (the test program, which prints its numbers for files of "score correct" lines)
Exit status 77 means skipped."""
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from scipy import stats
    from sklearn import metrics
except ImportError as missing:
    print("skipped:", missing, "for", sys.executable)
    sys.exit(77)


def delong_error(home_a, home_b, foreign_a, foreign_b):
    def placements(home, foreign):
        wins = (foreign[:, None] > home).astype(float) + 0.5 * (foreign[:, None] == home)
        return wins.mean(axis=0), wins.mean(axis=1)

    (ha, fa), (hb, fb) = placements(home_a, foreign_a), placements(home_b, foreign_b)
    return np.sqrt(np.var(ha - hb, ddof=1) / len(ha) + np.var(fa - fb, ddof=1) / len(fa))


def want(home, right, foreign, right_b):
    truth = np.r_[np.zeros(len(home)), np.ones(len(foreign))]
    score = np.r_[home, foreign]
    w = {
        "auroc": metrics.roc_auc_score(truth, score),
        "aupr_out": metrics.average_precision_score(truth, score),
        "aupr_in": metrics.average_precision_score(1 - truth, -score),
        "detected": (foreign > 0.5).mean(),
        "rejected": (home > 0.5).mean(),
    }
    for name, positive, s in [("fpr95_out", truth, score), ("fpr95_in", 1 - truth, -score)]:
        fpr, tpr, _ = metrics.roc_curve(positive, s, drop_intermediate=False)
        w[name] = fpr[np.argmax(tpr >= 0.95 - 1e-12)]

    # Abstention: places of equal scores share the errors of their group.
    order = np.argsort(home, kind="stable")
    wrong = 1.0 - right[order]
    for value in np.unique(home):
        group = home[order] == value
        wrong[group] = wrong[group].mean()
    k = np.arange(1, len(home) + 1)
    risk = np.cumsum(wrong) / k
    best = np.cumsum(np.sort(1.0 - right)) / k
    w["aurc"] = risk.mean()
    w["excess_aurc"] = risk.mean() - best.mean()
    w["kept_error"] = risk[int(np.ceil(0.8 * len(home) - 1e-9)) - 1]
    accepted = home <= 0.5
    w["accept"], w["reject"] = accepted.mean(), 1 - accepted.mean()
    tn, fp, fn, tp = metrics.confusion_matrix(right, accepted).ravel()
    w["tpr"], w["tnr"], w["ar"] = tp / (tp + fn), tn / (tn + fp), tp / (tp + fp)

    n = min(len(home), len(foreign))
    a, b, sa, sb = right[:n], right_b[:n], home[:n], foreign[:n]
    only_a, only_b = int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())
    w["mcnemar_p"] = stats.binomtest(only_a, only_a + only_b).pvalue
    w["means_error"] = stats.sem(sa - sb)
    w["means_p"] = 2 * stats.norm.sf(abs((sa - sb).mean()) / w["means_error"])
    w["delong_error"] = delong_error(sa, sb, sb, sa)
    for k in range(0, 41, 8):
        w[f"cdf_{k}"] = stats.binom.cdf(k, 200, 0.1)
        w[f"upper_{k}"] = stats.beta.ppf(0.95, k + 1, 200 - k)
    return w


rng = np.random.default_rng(1)
compared = 0
with tempfile.TemporaryDirectory() as folder:
    for case in range(20):
        sizes = rng.integers(30, 2000, 2)
        sets = []
        for i, size in enumerate(sizes):
            score = rng.beta(2 + i, 3, size)
            if case % 2:
                score = np.round(score, 1)  # ties
            sets.append((score, (rng.random(size) > 0.6 * score).astype(int)))
        paths = [os.path.join(folder, name) for name in ("home", "foreign")]
        for path, (score, right) in zip(paths, sets):
            with open(path, "w") as f:
                f.writelines(f"{s!r} {r}\n" for s, r in zip(score.tolist(), right.tolist()))
        text = subprocess.run([sys.argv[1], "--table", *paths], check=True, capture_output=True, text=True).stdout
        got = {name: float(value) for name, value in (line.split() for line in text.splitlines())}
        expected = want(*sets[0], *sets[1])
        assert set(got) == set(expected), set(got) ^ set(expected)
        for name, value in expected.items():
            # 1e-10: sums of thousands of terms in another order; binomial terms through logarithms of factorials.
            assert abs(got[name] - value) <= 1e-10 * max(1, abs(value)), (case, name, got[name], value)
            compared += 1
print(compared, "numbers compared")
