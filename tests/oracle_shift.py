#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shifts against Debian's python3-skimage, python3-opencv, python3-scipy and python3-pil, on 200 CIFAR-10 test images.

  oracle_shift.py T_SHIFT      (the test program filters images: T_SHIFT KIND SEVERITY SEED H W C)

Deterministic kinds agree to one grey level.  Of random kinds, mean and spread (standard deviation) of the change agree
within 3 standard errors over 10 seeds.  Frost is our own texture, so it is not compared.  ImageMagick's motion blur is
restated here, and held against `convert` where that is installed.  77: something is not installed.
"""
import io
import lzma
import math
import os
import subprocess
import sys

try:
    import cv2
    import numpy as np
    import scipy.ndimage as ndi
    import skimage.color as colour
    import skimage.filters as filters
    import skimage.util as util
    from PIL import Image
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

PROGRAM = sys.argv[1]
IMAGES, SEEDS, SEVERITIES = 200, 10, (1, 3, 5)


def cifar():
    for root in os.environ.get("SPINSCALE_DATA", "").split(":"):
        for name, opener in (("test_batch.bin", open), ("test_batch.bin.xz", lzma.open)):
            path = os.path.join(root, "cifar10", name)
            if root and os.path.exists(path):
                with opener(path, "rb") as file:
                    rows = np.frombuffer(file.read(IMAGES * 3073), np.uint8).reshape(IMAGES, 3073)
                return np.ascontiguousarray(rows[:, 1:].reshape(IMAGES, 3, 32, 32).transpose(0, 2, 3, 1))
    print("skipped: no cifar10 below $SPINSCALE_DATA")
    sys.exit(77)


def ours(images, kind, severity, seed=1):
    n, h, w, c = images.shape
    out = subprocess.run([PROGRAM, kind, str(severity), str(seed), str(h), str(w), str(c)], input=images.tobytes(),
                         stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(out, np.uint8).reshape(images.shape)


def to_bytes(x):
    return np.uint8(np.clip(x, 0, 1) * 255)


def blur(x, sigma):
    return filters.gaussian(x, sigma=sigma, channel_axis=-1 if x.ndim == 3 else None)


# ---- deterministic kinds: one image and a severity to 8 bits ----

def rotation(image, severity):
    return to_bytes(ndi.rotate(image / 255, 7 * severity, reshape=False, order=1, mode="grid-constant"))


def defocus_blur(image, severity):
    radius, soft = ((.3, .4), (.4, .5), (.5, .6), (1, .2), (1.5, .1))[severity - 1]
    y, x = np.mgrid[-8:9, -8:9]
    disk = (x * x + y * y <= radius * radius).astype(np.float32)
    kernel = cv2.GaussianBlur(disk / disk.sum(), (3, 3), sigmaX=soft)
    return to_bytes(cv2.filter2D(image / 255, -1, kernel).reshape(image.shape))


def magnify(x, factor):
    side = x.shape[0]
    cut = math.ceil(side / factor)
    start = (side - cut) // 2
    large = ndi.zoom(x[start:start + cut, start:start + cut], (factor, factor) + (1,) * (x.ndim - 2), order=1)
    trim = (large.shape[0] - side) // 2
    return large[trim:trim + side, trim:trim + side]


def zoom_blur(image, severity):
    x = (image / 255).astype(np.float32)
    stack = [x] + [magnify(x, z) for z in np.arange(1, (1.06, 1.11, 1.16, 1.21, 1.26)[severity - 1], .01)]
    return to_bytes(np.mean(stack, axis=0))


def brightness(image, severity):
    hsv = colour.rgb2hsv(image / 255)
    hsv[..., 2] = np.clip(hsv[..., 2] + (.05, .1, .15, .2, .3)[severity - 1], 0, 1)
    return to_bytes(colour.hsv2rgb(hsv))


def saturate(image, severity):
    a, b = ((.3, 0), (.1, 0), (1.5, 0), (2, .1), (2.5, .2))[severity - 1]
    hsv = colour.rgb2hsv(image / 255)
    hsv[..., 1] = np.clip(hsv[..., 1] * a + b, 0, 1)
    return to_bytes(colour.hsv2rgb(hsv))


def contrast(image, severity):
    mean = (image / 255).mean(axis=(0, 1))
    return to_bytes((image / 255 - mean) * (.75, .5, .4, .3, .15)[severity - 1] + mean)


def pixelate(image, severity):
    side = int(32 * (.95, .9, .85, .75, .65)[severity - 1])
    small = Image.fromarray(image).resize((side, side), Image.BOX)
    return np.asarray(small.resize((32, 32), Image.BOX))


def jpeg_compression(image, severity):
    file = io.BytesIO()
    squeezed = image[..., 0] if image.shape[2] == 1 else image
    Image.fromarray(squeezed).save(file, "JPEG", quality=(80, 65, 58, 50, 40)[severity - 1])
    return np.asarray(Image.open(file)).reshape(image.shape)


def gaussian_blur(image, severity):
    return to_bytes(blur(image / 255, (.4, .6, .7, .8, 1)[severity - 1]))


# ---- random kinds: all images and a severity to 8 bits ----

def gaussian_noise(images, severity, r):
    return to_bytes(images / 255 + r.normal(size=images.shape) * (.04, .06, .08, .09, .1)[severity - 1])


def gaussian_noise_level(images, severity, r):
    return to_bytes(images / 255 + r.normal(size=images.shape) * severity / 10)


def uniform_noise(images, severity, r):
    return to_bytes(images / 255 + r.uniform(-1, 1, images.shape) * severity / 10)


def speckle_noise(images, severity, r):
    x = images / 255
    return to_bytes(x + x * r.normal(size=images.shape) * (.06, .1, .12, .16, .2)[severity - 1])


def shot_noise(images, severity, r):
    c = (500, 250, 100, 75, 50)[severity - 1]
    return to_bytes(r.poisson(images / 255 * c) / c)


def impulse_noise(images, severity, r):
    np.random.seed(r.integers(2**31))
    return to_bytes(util.random_noise(images / 255, mode="s&p", amount=(.01, .02, .03, .05, .07)[severity - 1]))


def glass_blur(images, severity, r):
    sigma, rounds = ((.05, 1), (.25, 1), (.4, 1), (.25, 2), (.4, 2))[severity - 1]
    y = np.stack([np.uint8(blur(x / 255, sigma) * 255) for x in images])
    each = np.arange(len(y))
    for _ in range(rounds):
        for i in range(31, 1, -1):
            for j in range(31, 1, -1):
                dx, dy = r.integers(-1, 1, (2, len(y)))
                y[each, i, j] = y[each, i + dy, j + dx]  # what the public definition's exchange of views comes to
    return np.stack([to_bytes(blur(x / 255, sigma)) for x in y])


def motion(image, radius, sigma, angle):
    """ImageMagick 6, MotionBlurImage: 8 bits to 8 bits."""
    taps = np.arange(2 * math.ceil(radius) + 1)
    weights = np.exp(-taps**2 / (2 * sigma**2))
    weights /= weights.sum()
    dx = np.ceil(taps * math.cos(math.radians(angle)) - .5).astype(int)
    dy = np.ceil(taps * math.sin(math.radians(angle)) - .5).astype(int)
    rows, columns = np.indices(image.shape[:2])
    out = np.zeros(image.shape)
    for weight, x, y in zip(weights, dx, dy):
        out += weight * image[np.clip(rows + y, 0, image.shape[0] - 1), np.clip(columns + x, 0, image.shape[1] - 1)]
    return np.uint8(out + .5)


def motion_blur(images, severity, r):
    rule = ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5))[severity - 1]
    return np.stack([motion(x, *rule, r.uniform(-45, 45)) for x in images])


def snow(images, severity, r):
    mean, sd, zoom, threshold, radius, sigma, keep = (
        (.1, .2, 1, .6, 8, 3, .95), (.1, .2, 1, .5, 10, 4, .9), (.15, .3, 1.75, .55, 10, 4, .9),
        (.25, .3, 2.25, .6, 12, 6, .85), (.3, .3, 1.25, .65, 14, 12, .8))[severity - 1]
    out = []
    for image in images:
        layer = magnify(r.normal(mean, sd, image.shape[:2]), zoom)
        layer[layer < threshold] = 0
        layer = motion(to_bytes(layer), radius, sigma, r.uniform(-135, -45))[..., None] / 255
        x = np.float32(image / 255)
        light = cv2.cvtColor(x, cv2.COLOR_RGB2GRAY)[..., None] * 1.5 + .5
        out.append(to_bytes(keep * x + (1 - keep) * np.maximum(x, light) + layer + layer[::-1, ::-1]))
    return np.stack(out)


def plasma(r, decay, side=32):
    """Diamond-square on a torus."""
    height, step, v = np.zeros((side, side)), side, 100.0

    def middle(total):
        return total / 4 + v * r.uniform(-v, v, total.shape)

    while step >= 2:
        half = step // 2
        corners = height[::step, ::step]
        rows = corners + np.roll(corners, -1, 0)
        height[half::step, half::step] = middle(rows + np.roll(rows, -1, 1))
        centres = height[half::step, half::step]
        height[::step, half::step] = middle(centres + np.roll(centres, 1, 0) + corners + np.roll(corners, -1, 1))
        height[half::step, ::step] = middle(centres + np.roll(centres, 1, 1) + corners + np.roll(corners, -1, 0))
        step, v = half, v / decay
    height -= height.min()
    return height / height.max()


def fog(images, severity, r):
    a, decay = ((.2, 3), (.5, 3), (.75, 2.5), (1, 2), (1.5, 1.75))[severity - 1]
    x = images / 255
    most = x.max(axis=(1, 2, 3), keepdims=True)
    layers = np.stack([plasma(r, decay) for _ in images])[..., None]
    return to_bytes((x + a * layers) * most / (most + a))


def elastic_transform(images, severity, r):
    alpha, sigma, jitter = 32 * np.array(
        ((0, 0, .08), (.05, .2, .07), (.08, .06, .06), (.1, .04, .05), (.1, .03, .03))[severity - 1])
    points = np.float32([[26, 26], [26, 6], [6, 6]])
    rows, columns = np.indices((32, 32))
    out = []
    for image in images:
        moved = points + r.uniform(-jitter, jitter, (3, 2)).astype(np.float32)
        x = cv2.warpAffine(np.float32(image / 255), cv2.getAffineTransform(points, moved), (32, 32),
                           borderMode=cv2.BORDER_REFLECT_101)
        dx, dy = (filters.gaussian(r.uniform(-1, 1, (32, 32)), sigma, mode="reflect", truncate=3) * alpha
                  for _ in range(2))
        out.append(to_bytes(np.stack([ndi.map_coordinates(x[..., k], (rows + dy, columns + dx), order=1, mode="reflect")
                                      for k in range(3)], axis=-1)))
    return np.stack(out)


def water(layer, strength):
    level = np.uint8(layer * 255)
    distance = cv2.distanceTransform(255 - cv2.Canny(level, 50, 150), cv2.DIST_L2, 5)
    relief = cv2.equalizeHist(cv2.blur(np.minimum(distance, 20), (3, 3)).astype(np.uint8))
    relief = cv2.filter2D(relief, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
    m = np.float32(level) * cv2.blur(relief, (3, 3))
    return strength * m / m.max() if m.max() > 0 else m


def spatter(images, severity, r):
    mean, sd, sigma, threshold, strength, is_mud = (
        (.62, .1, .7, .7, .5, 0), (.65, .1, .8, .7, .5, 0), (.65, .3, 1, .69, .5, 0), (.65, .1, .7, .69, .6, 1),
        (.65, .1, .5, .68, .6, 1))[severity - 1]
    out = []
    for image in images:
        x, layer = image / 255, filters.gaussian(r.normal(mean, sd, image.shape[:2]), sigma)
        layer[layer < threshold] = 0
        if is_mud:
            m = filters.gaussian((layer > threshold).astype(np.float32), strength)[..., None]
            m[m < .8] = 0
            out.append(to_bytes(x * (1 - m) + m * np.array([63, 42, 20]) / 255))
        else:
            out.append(to_bytes(x + water(layer, strength)[..., None] * np.array([175, 238, 238]) / 255))
    return np.stack(out)


failures = []


def check(ok, text):
    print(("ok    " if ok else "FAILS ") + text)
    if not ok:
        failures.append(text)


def check_deterministic(images, kind, severities=range(1, 6)):
    for severity in severities:
        want = np.stack([kind(image, severity).reshape(image.shape) for image in images])
        off = np.abs(want.astype(int) - ours(images, kind.__name__, severity))
        check(off.max() <= 1, f"{kind.__name__} {severity}, {images.shape[3]} channels: at most {off.max()} grey levels "
              f"apart, {np.mean(off > 0):.3%} of values differ")


def change(images, shifted):
    off = shifted.astype(float) - images
    return off.mean(), off.std()


def check_random(images, kind, severities=SEVERITIES):
    for severity in severities:
        a = np.array([change(images, ours(images, kind.__name__, severity, seed)) for seed in range(1, SEEDS + 1)])
        b = np.array([change(images, kind(images, severity, np.random.default_rng(seed))) for seed in range(1, SEEDS + 1)])
        error = np.sqrt((a.var(axis=0, ddof=1) + b.var(axis=0, ddof=1)) / SEEDS)
        for k, name in enumerate(("mean", "spread")):
            off = (a[:, k].mean() - b[:, k].mean()) / error[k]
            check(abs(off) <= 3, f"{kind.__name__} {severity}: {name} of the change {a[:, k].mean():.4f} and "
                  f"{b[:, k].mean():.4f} grey levels, {off:+.1f} standard errors apart")


def check_motion(images):
    try:
        version = subprocess.run(["convert", "--version"], stdout=subprocess.PIPE, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        version = b""
    if b"ImageMagick 6" not in version:
        print("      no ImageMagick 6: motion blur is not held against it")
        return
    for image, angle in zip(images[:8], (-45, -20.5, 0, 13, 45, -90, -135, -100)):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        blurred = subprocess.run(["convert", "png:-", "-motion-blur", f"9x2.5{angle:+}", "png:-"], input=file.getvalue(),
                                 stdout=subprocess.PIPE, check=True).stdout
        off = np.abs(np.asarray(Image.open(io.BytesIO(blurred)).convert("RGB")).astype(int) - motion(image, 9, 2.5, angle))
        check(off.max() <= 1, f"motion at {angle} degrees: at most {off.max()} from ImageMagick")


def main():
    images = cifar()
    for kind in (rotation, defocus_blur, zoom_blur, brightness, contrast, pixelate, jpeg_compression, gaussian_blur,
                 saturate):
        check_deterministic(images, kind)
    grey = np.ascontiguousarray(images[..., 1:2])
    for kind in (defocus_blur, zoom_blur, contrast, jpeg_compression, gaussian_blur):
        check_deterministic(grey, kind, SEVERITIES)
    for h, w in ((28, 28), (31, 17), (9, 3), (1, 1)):
        for part in (images, grey):
            check_deterministic(np.ascontiguousarray(part[:, :h, :w]), jpeg_compression, (1, 5))
    check_motion(images)
    for kind in (gaussian_noise, gaussian_noise_level, uniform_noise, speckle_noise, shot_noise, impulse_noise,
                 glass_blur, motion_blur, snow, fog, elastic_transform, spatter):
        check_random(images, kind)
    print(f"{len(failures)} failed")
    return 1 if failures else 0


sys.exit(main())
