"""python/spinscale: the same numbers as the program, errors, struct layouts, and the page's example.

python_api.py PROGRAM SOURCE_DIR LIBRARY CC: trains and packs toy networks in a folder of its own.  77 (skipped)
without NumPy.
"""
import base64
import ctypes
import gc
import hashlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import threading
import unittest
import zipfile

try:
    import numpy as np
except ImportError:
    print("no NumPy here")
    sys.exit(77)
import toy_models

program, source, library, compiler = (os.path.abspath(path) if "/" in path else path for path in sys.argv[1:5])
os.environ["SPINSCALE_LIBRARY"] = library
sys.dont_write_bytecode = True
sys.path.insert(0, f"{source}/python")
import spinscale  # noqa: E402
from spinscale import _library  # noqa: E402

METHODS = ["bank", "vi", "channel"]


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def python(code, path=f"{source}/python", **environment):
    """Another interpreter: (exit status, what it wrote)."""
    done = subprocess.run([sys.executable, "-B", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env={**os.environ, "PYTHONPATH": path, **environment})
    return done.returncode, done.stdout


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open("toy/t10k-images-idx3-ubyte", "rb") as file:
            cls.images = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 12, 12, 1)

    def setUp(self):
        self.model = spinscale.Model("vi.packed")
        self.addCleanup(self.model.close)


class Numbers(Case):
    def test_equal_those_of_eval(self):
        for method in METHODS:
            for name, options, settings in (
                    ("sampled", ["--samples", "7", "--seed", "12345678901"], {"samples": 7, "seed": 12345678901}),
                    ("shared", ["--shared-paths"], {"shared_paths": True}),
                    ("point", ["--point"], {"point": True}), ("exact", ["--exact"], {"exact": True})):
                if (method, name) == ("channel", "exact"):
                    continue
                with self.subTest(method=method, reading=name), spinscale.Model(f"{method}.packed") as model:
                    toy_models.run(program, "eval", f"{method}.packed", "--data", "./toy", "--dump", "d.npy", *options)
                    told = model.predict(self.images, **settings)
                    self.assertEqual(told.p.dtype, np.float32)
                    self.assertEqual(told.p.tobytes(), np.load("d.npy").tobytes())
                    self.assertEqual(told.picks.tobytes(), np.load("d.paths.npy").tobytes())
                    self.assertAlmostEqual(told.weights.sum(), 1, places=12)
                    self.assertTrue((told.used == len(told.p)).all())
                    e = np.exp(told.logits.astype(float) - told.logits.max(2, keepdims=True))
                    # p is rounded to 32 bits.
                    self.assertLess(abs(e / e.sum(2, keepdims=True) - told.p).max(), 1e-7)

    def test_threads_blocks_and_index_change_nothing(self):
        told = self.model.predict(self.images)
        for threads in (1, 2, 3):
            self.assertEqual(self.model.predict(self.images, threads=threads).p.tobytes(), told.p.tobytes())
        some = [5, 70, 5]
        for index in (some, np.array(some, np.int64), np.array([5, 0, 70, 0, 5], np.uint8)[::2]):
            part = self.model.predict(self.images[some], index=index)
            self.assertTrue((part.p == told.p[:, some]).all() and (part.picks == told.picks[:, some]).all())
        self.assertTrue((self.model.predict(self.images[3], index=[3]).p == told.p[:, 3:4]).all())

    def test_summaries(self):
        told = self.model.predict(self.images, exact=True)
        mean = np.tensordot(told.weights, told.p.astype(float), 1)
        np.testing.assert_allclose(told.mean, mean, atol=1e-14)
        self.assertTrue((told.predicted == mean.argmax(1)).all())
        at = np.arange(len(mean)), told.predicted
        np.testing.assert_allclose(told.confidence, mean[at], atol=1e-14)
        np.testing.assert_allclose(told.entropy, -(mean * np.log(mean)).sum(1), atol=1e-12)
        np.testing.assert_allclose(told.entropy - told.expected_entropy, told.mutual_information, atol=1e-12)
        p = told.p[:, at[0], at[1]].astype(float)
        np.testing.assert_allclose(told.variance, told.weights @ (p - told.confidence)**2, atol=1e-12)
        half = 1.959963984540054 * np.sqrt(told.variance)
        np.testing.assert_allclose(told.interval.T, [told.confidence - half, told.confidence + half], atol=1e-9)
        self.assertTrue((told.mc_error == 0).all())
        self.assertGreater(told.mutual_information.max(), 1e-4)
        drawn = self.model.predict(self.images, samples=50, level=0.8, quantile=0.2, threshold=0.6)
        p = drawn.p[:, at[0], drawn.predicted].astype(float)
        np.testing.assert_allclose(drawn.quantiles, np.quantile(p, [0.1, 0.9], axis=0).T, atol=1e-12)
        score = np.quantile(drawn.p.astype(float), 0.2, axis=0).max(1)
        np.testing.assert_allclose(drawn.score, score, atol=1e-12)
        self.assertEqual(drawn.accepted.dtype, bool)
        self.assertTrue((drawn.accepted == (score >= 0.6)).all() and 0 < drawn.accepted.sum() < len(score))
        again = spinscale.summarise(drawn.p, level=0.8, quantile=0.2, threshold=0.6)
        for name in spinscale.Summary.__dataclass_fields__:
            self.assertEqual(getattr(again, name).tobytes(), getattr(drawn, name).tobytes(), name)
            self.assertEqual(len(getattr(again, name)), len(self.images))

    def test_temperature(self):
        toy_models.run(program, "calibrate", "vi.packed", "-o", "calibrated.packed", "--coverage", "0.8")
        told = self.model.predict(self.images)
        self.assertEqual(self.model.temperature, 1)
        with spinscale.Model("calibrated.packed") as model:
            self.assertNotEqual(model.temperature, 1)
            toy_models.run(program, "eval", "calibrated.packed", "--data", "./toy", "--dump", "d.npy")
            own = model.predict(self.images)
            self.assertEqual(own.p.tobytes(), np.load("d.npy").tobytes())
            self.assertEqual(own.logits.tobytes(), told.logits.tobytes())
            self.assertNotEqual(own.p.tobytes(), told.p.tobytes())
            self.assertEqual(model.predict(self.images, temperature=1).p.tobytes(), told.p.tobytes())
            same = self.model.predict(self.images, temperature=model.temperature)
            self.assertEqual(same.p.tobytes(), own.p.tobytes())
        for temperature in (-1, 65, np.nan):
            with self.assertRaises(spinscale.InvalidArgument):
                self.model.predict(self.images, temperature=temperature)

    def test_early_stop(self):
        every = self.model.predict(self.images, samples=500)
        soon = self.model.predict(self.images, samples=500, until_settled=True)
        self.assertLess(soon.used.max(), 500)
        for i, used in enumerate(soon.used):
            self.assertTrue((soon.p[:used, i] == every.p[:used, i]).all())
            self.assertTrue(np.isnan(soon.p[used:, i]).all() and np.isnan(soon.logits[used:, i]).all())
            self.assertFalse(soon.picks[used:, i].any())
        # With a confidence of 0.99 at most 0.8 of 80 images differ on average.
        self.assertLess((soon.predicted != every.predicted).sum(), 5)
        surer = self.model.predict(self.images, samples=500, until_settled=True, confidence=0.999999)
        self.assertGreater(surer.used.mean(), soon.used.mean())
        rule = {"quantile": 0.2, "threshold": 0.6}
        exact = self.model.predict(self.images, exact=True, **rule)
        settled = self.model.predict(self.images, exact=True, until_settled=True, **rule)
        verdict = self.model.predict(self.images, exact=True, until_settled="verdict", **rule)
        for told in (settled, verdict):  # with all paths it is certain
            self.assertTrue((told.predicted == exact.predicted).all())
        self.assertTrue((verdict.accepted == exact.accepted).all() and 0 < exact.accepted.sum() < 80)
        self.assertTrue(settled.used.mean() < verdict.used.mean() < len(exact.p))

    def test_any_layout_of_images(self):
        told = self.model.predict(self.images).p
        wide = np.zeros((80, 12, 24, 3), np.uint8)
        wide[:, :, ::2, 1:2] = self.images
        read_only = self.images.copy()
        read_only.flags.writeable = False
        for images in (self.images[..., 0], wide[:, :, ::2, 1:2], np.asfortranarray(self.images), read_only,
                       list(self.images)):
            self.assertTrue((self.model.predict(images).p == told).all())
        self.assertTrue((self.model.predict(self.images[::-1], index=np.arange(80)[::-1]).p == told[:, ::-1]).all())
        self.assertEqual(self.model.predict(self.images[0, ..., 0]).p.shape, (20, 1, 4))
        none = self.model.predict(self.images[:0])
        self.assertEqual((none.p.shape, none.mean.shape, none.interval.shape), ((20, 0, 4), (0, 4), (0, 2)))

    def test_threads_share_a_model(self):
        wanted, got = self.model.predict(self.images).p, [None] * 4

        def work(k):
            got[k] = self.model.predict(self.images, threads=1 + k % 2).p

        workers = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertTrue(all((p == wanted).all() for p in got))


class Properties(Case):
    def test_of_the_model(self):
        m = self.model
        self.assertEqual((m.net, m.method, m.data), ("toy", "scale_vi", "toy"))
        self.assertEqual((m.input_shape, m.classes, m.class_names), ((12, 12, 1), 4, (None,) * 4))
        self.assertEqual((m.banks, m.picks, m.paths), ((5, 5, 5), 3, 125))
        self.assertIn("scale_vi", m.provenance)
        self.assertTrue(0 <= m.validation_accuracy <= 1)
        self.assertEqual(m.weights, 5 * 9 + 35 * 45 + 33 * 35 * 9 + 4 * 33)
        with spinscale.Model("channel.packed") as masks:
            self.assertEqual((masks.picks, masks.paths), (5 + 35 + 33, 2.0**73))
        self.assertNotIn("0x", repr(m))

    def test_arrays_outlive_it(self):
        told = self.model.predict(self.images)
        before = told.p.copy()
        self.model.close()
        self.model.close()
        self.assertTrue((told.p == before).all())
        with self.assertRaisesRegex(spinscale.InvalidArgument, "the model is closed"):
            self.model.predict(self.images)

    def test_names_and_documentation(self):
        for name in spinscale.__all__:
            thing = getattr(spinscale, name)
            self.assertTrue(name == "__version__" or inspect.getdoc(thing), name)
        for function in (spinscale.Model.predict, spinscale.summarise):
            hints = inspect.signature(function)
            unhinted = [p for p in hints.parameters.values() if p.name != "self" and p.annotation is p.empty]
            self.assertFalse(unhinted)
        toml = text_of(f"{source}/python/pyproject.toml")
        self.assertIn(f'version = "{spinscale.__version__}"', toml)
        self.assertIn(f"VERSION {spinscale.__version__} ", text_of(f"{source}/CMakeLists.txt"))


class Refusals(Case):
    def refused(self, kind, words, *arguments, **settings):
        with self.assertRaisesRegex(kind, words):
            self.model.predict(*arguments, **settings)

    def test_images(self):
        self.refused(TypeError, "images are float32, must be uint8", self.images.astype(np.float32))
        self.refused(TypeError, "int64", self.images.astype(np.int64))
        for shape in ((80, 12, 13, 1), (12,), (80, 1, 12, 12), (2, 40, 12, 12, 1), ()):
            self.refused(ValueError, r"images have shape .*, the model reads \[N\]\(12, 12, 1\)",
                         np.zeros(shape, np.uint8))

    def test_settings(self):
        i = self.images
        self.refused(ValueError, "samples is 0, must be 1 to 1000000", i, samples=0)
        self.refused(ValueError, "samples is -1", i, samples=-1)
        self.refused(ValueError, "samples is 4294967297", i, samples=2**32 + 1)
        self.refused(TypeError, "float", i, samples=1.5)
        self.refused(ValueError, "seed is -1", i, seed=-1)
        self.refused(ValueError, "seed is 18446744073709551616", i, seed=2**64)
        self.refused(ValueError, "threads is 1025, must be 1 to 1024", i, threads=1025)
        self.refused(ValueError, "exact and point", i, exact=True, point=True)
        self.refused(ValueError, "until_settled is 'never'", i, until_settled="never")
        self.refused(ValueError, "confidence is 1, must be between 0 and 1", i, until_settled=True, confidence=1)
        self.refused(spinscale.InvalidArgument, "level", i, level=1.5)
        self.refused(spinscale.InvalidArgument, "quantile", i, quantile=-1.0)
        self.refused(ValueError, r"index has shape \(3,\), must be \(80,\)", i, index=[1, 2, 3])
        self.refused(TypeError, "index is float64", i[:1], index=[0.5])
        self.refused(ValueError, "index has -1 to -1", i[:1], index=[-1])
        self.refused(ValueError, "4294967296", i[:1], index=[2**32])
        with spinscale.Model("channel.packed") as masks:
            with self.assertRaisesRegex(spinscale.InvalidArgument, "exact prediction is not possible"):
                masks.predict(i, exact=True)
        self.assertEqual(self.model.predict(i).p.shape, (20, 80, 4))  # it still works

    def test_summaries(self):
        with self.assertRaisesRegex(ValueError, r"must be \[T\]\[N\]\[C\]"):
            spinscale.summarise(np.ones((2, 2)))
        with self.assertRaisesRegex(ValueError, "one for each pass"):
            spinscale.summarise(np.ones((2, 2, 1)), np.ones(3))
        with self.assertRaisesRegex(spinscale.InvalidArgument, "sum|distribution"):
            spinscale.summarise(np.ones((2, 2, 4)))

    def test_files(self):
        with self.assertRaisesRegex(spinscale.NotFound, "cannot open 'nothing.packed'"):
            spinscale.Model("nothing.packed")
        with self.assertRaises(FileNotFoundError):
            spinscale.Model("nothing.packed")
        with self.assertRaises(spinscale.InputOutputError):
            spinscale.Model(".")
        with self.assertRaisesRegex(spinscale.FormatError, "vi.yaml"):
            spinscale.Model("vi.yaml")
        with self.assertRaisesRegex(ValueError, "not spinscale-packed version 1"):
            spinscale.Model("vi/model.safetensors")
        with open("vi.packed", "rb") as file:
            whole = file.read()
        with open("cut.packed", "wb") as file:
            file.write(whole[:-4])
        with self.assertRaises(spinscale.FormatError):
            spinscale.Model("cut.packed")
        gc.collect()  # models that were never opened have nothing to close


class Library(Case):
    def test_layouts_are_those_of_the_headers(self):
        headers = "".join(text_of(f"{source}/include/spinscale/{name}") for name in
                          sorted(os.listdir(f"{source}/include/spinscale")))
        plain = re.sub(r"/\*.*?\*/", "", headers, flags=re.S)
        lines = []
        for struct in _library.STRUCTS:
            name, fields = struct.c_name, [field for field, _ in struct._fields_]
            body = re.search(rf"struct {name} \{{(.*?)\n\}};", plain, re.S).group(1)
            members = [member for declaration in re.sub(r"\(\*(\w+)\)\([^;]*\)", r"\1", body).split(";")
                       for member in re.findall(r"(\w+)\s*(?:,|$)", declaration.strip())]
            self.assertEqual(fields, members, name)
            lines.append(f'printf("%zu", sizeof(struct {name}));')
            lines += [f'printf(" %zu+%zu", offsetof(struct {name}, {f}), sizeof(((struct {name} *)0)->{f}));'
                      for f in fields]
            lines.append('putchar(10);')
        lines += ['printf("%d %d %d\\n", SPS_SAMPLED, SPS_EXACT, SPS_POINT);',
                  '#define ROW(name, exit_status, text) printf("%d:%s;", SPS_##name, text);', "SPS_STATUS_LIST(ROW)"]
        with open("layout.c", "w") as file:
            file.write("#include <spinscale/engine.h>\n#include <stdio.h>\nint main(void)\n{\n" + "\n".join(lines) +
                       "\nreturn 0;\n}\n")
        toy_models.run(compiler, "-std=c11", f"-I{source}/include", "-o", "layout", "layout.c")
        said = toy_models.run("./layout").splitlines()
        for struct, line in zip(_library.STRUCTS, said):
            fields = [getattr(struct, name) for name, _ in struct._fields_]
            ours = [str(ctypes.sizeof(struct)), *(f"{f.offset}+{f.size}" for f in fields)]
            self.assertEqual(ours, line.split(), struct.c_name)
        self.assertEqual(said[-2], f"{_library.SAMPLED} {_library.EXACT} {_library.POINT}")
        statuses = dict(row.split(":") for row in said[-1].strip(";").split(";"))
        self.assertEqual(len(statuses), len(_library.ERRORS))
        for number, meaning in statuses.items():
            error = _library.ERRORS[int(number)]
            self.assertTrue(error is None or error.__doc__.rstrip(".").lower() == meaning, meaning)
        for name, (_, arguments) in _library.FUNCTIONS.items():
            parameters = re.search(rf"\b{name}\((.*?)\);", plain, re.S).group(1)
            self.assertEqual(len(arguments), 0 if parameters == "void" else parameters.count(",") + 1, name)

    def test_where_it_is(self):
        code = "import spinscale; print(spinscale.Model('vi.packed').net)"
        self.assertEqual(python(code), (0, "toy\n"))
        os.makedirs("tree/lib")
        shutil.copy(library, "tree/lib/libspinscale-infer.so.0")
        shutil.copytree(f"{source}/python/spinscale", "tree/share/python/spinscale")
        named = python(code + "; print(spinscale._library.lib._name)", "tree/share/python", SPINSCALE_LIBRARY="")
        self.assertEqual(named, (0, f"toy\n{os.getcwd()}/tree/lib/libspinscale-infer.so.0\n"))
        for wrong, sentence in (("/nowhere.so", "cannot load '/nowhere.so' (SPINSCALE_LIBRARY)"),
                                (f"{os.getcwd()}/vi.packed", "cannot load"),
                                ("libm.so.6", "has no sps_version")):
            status, said = python(code, SPINSCALE_LIBRARY=wrong)
            self.assertEqual(status, 1)
            self.assertIn("LibraryNotFound", said)
            self.assertIn(sentence, said)
        with open("other.c", "w") as file:
            others = [name for name in _library.FUNCTIONS if name != "sps_version"]
            file.writelines(f"int {name}(void) {{ return 0; }}\n" for name in others)
            file.write('const char *sps_version(void) { return "9.9.9"; }\n')
        toy_models.run(compiler, "-shared", "-fPIC", "-o", "other.so", "other.c")
        status, said = python(code, SPINSCALE_LIBRARY=f"{os.getcwd()}/other.so")
        self.assertIn(f"is version 9.9.9, this package is for {spinscale.__version__}", said)
        nowhere = "import sys, ctypes.util; ctypes.util.find_library = lambda name: None; sys.prefix = '/nowhere'; "
        status, said = python(nowhere + code, SPINSCALE_LIBRARY="", HOME="/nowhere")
        self.assertEqual(status, 1)
        self.assertIn("libspinscale-infer is not found: install spinscale, or let SPINSCALE_LIBRARY say", said)

    def test_left_open_at_the_end(self):
        self.assertEqual(python("import spinscale; m = spinscale.Model('vi.packed'); m.me = m"), (0, ""))

    def test_wheel(self):
        shutil.copytree(f"{source}/python", "project", ignore=shutil.ignore_patterns("__pycache__"))
        status, said = python("import os, wheel_of; os.chdir('project'); print(wheel_of.build_wheel('.'))", "project")
        self.assertEqual(status, 0, said)
        wheel = f"project/{said.strip()}"
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            record = next(name for name in names if name.endswith("/RECORD"))
            rows = [row.split(",") for row in archive.read(record).decode().splitlines()]
            self.assertEqual(sorted(names), sorted(row[0] for row in rows))
            for name, digest, size in rows:
                data = archive.read(name)
                hashed = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                self.assertTrue(name == record or (digest, size) == (f"sha256={hashed}", str(len(data))), name)
            about = archive.read(record.replace("RECORD", "METADATA")).decode()
            self.assertIn(f"\nVersion: {spinscale.__version__}\n", about)
            self.assertIn("\nRequires-Python: >=3.9\n", about)
        self.assertEqual(python("import spinscale; print(spinscale.Model('vi.packed').net)", wheel), (0, "toy\n"))

    def test_example_of_the_page(self):
        code = re.search(r"```python\n(.*?)```", text_of(f"{source}/docs/python.md"), re.S).group(1)
        self.assertIn("np.zeros((3, 28, 28)", code)
        shutil.copy("vi.packed", "shoes.packed")
        status, said = python(code.replace("(3, 28, 28)", "(3, 12, 12)"))
        self.assertEqual(status, 0, said)
        self.assertEqual(len(said.splitlines()), 6, said)
        readme = re.search(r"```python\n(.*?)```", text_of(f"{source}/README.md"), re.S).group(1)
        status, said = python("import numpy as np\nimages = np.zeros((3, 12, 12), np.uint8)\n" + readme)
        self.assertEqual(status, 0, said)


if __name__ == "__main__":
    toy_models.make("python-test", program, source, METHODS)
    done = unittest.main(argv=sys.argv[:1] + sys.argv[5:], exit=False).result
    os.chdir("..")
    if done.wasSuccessful():
        shutil.rmtree("python-test")
    sys.exit(not done.wasSuccessful())
