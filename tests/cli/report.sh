# The page of the command report: one model, several, all suites; files beside it; what is refused.
python3 "$SOURCE_DIR/tests/cli/toy.py" toy
cp "$SOURCE_DIR/fuzz/corpus/packed/good-mlp" model
# The program's own figures: the same on every machine.  gnuplot's have a part of their own below, and page_browser.py.
report() {
  "$SPINSCALE" report "$@" --figures own --data ./toy --data-dir . --samples 4 --bootstrap 20 2>said || echo "exit $?"
}
cat >look.py <<'PY'
import re, sys
import xml.etree.ElementTree as tree
for path in sys.argv[1:]:
    text = open(path, encoding="utf-8").read()
    root = tree.fromstring(text.replace("<!DOCTYPE html>", ""))
    words = [re.sub(r"^\{.*\}", "", element.tag) for element in root.iter()]
    outside = [link for link in re.findall(r"(?:src|href)=\"([^\"]*)\"|@import|<script", text)
               if not link.startswith("data:image/png;base64,")]
    print(path, {tag: words.count(tag) for tag in ("h1", "h2", "table", "svg", "img")}, outside,
          [word for word in ("nan", "inf ", "undefined") if word in text])
    for element in root.iter():
        if element.tag in ("h2", "h3"):
            print(" ", element.tag, element.text)
        if element.get("aria-label"):
            print("     ", element.get("aria-label"))
PY

echo '--- one model'
report model --foreign noise-uniform --foreign ./toy+gaussian:0.5 -o one.html
python3 look.py one.html
ls one_files one_files/suite-model | grep -v '^row_'
grep -c . one_files/suite-model/suite.csv
grep '^##' one_files/tables.md
head -n 3 one_files/reliability.csv one_files/rotation_accuracy.csv

echo '--- its numbers are those of eval and metrics'
"$SPINSCALE" eval model --data ./toy --samples 4 --dump p.npy --json >eval.json
"$SPINSCALE" eval model --data ./toy --samples 4 --suite rotation --json >suite.json
python3 - <<'PY'
import csv, json
said = json.load(open("eval.json"))
rows = {row[0]: row[1] for row in csv.reader(open("one_files/headline.csv"))}
for words, key, by in (("accuracy, %", "accuracy", 100), ("negative log-likelihood, nat", "nll", 1),
                       ("Brier score, 0 to 2", "brier", 1), ("accepted by the rule, %", "accepted", 100)):
    print(words, abs(float(rows[words].split()[0]) - by * said[key]) < 0.0051)
rotated = [row for row in json.load(open("suite.json"))["rows"] if row["suite"] == "rotation"]
drawn = list(csv.DictReader(open("one_files/rotation_nll.csv")))[1:]  # the first is home
print(all(abs(float(a["y"]) - b["nll"]) < 1e-6 and float(a["x"]) == b["amount"] for a, b in zip(drawn, rotated)))
PY

echo '--- twice, and with other threads: the same but for the speed'
same() { sed 's/<tr><td>speed here.*//' "$1"; }
same one.html >first
report model --foreign noise-uniform --foreign ./toy+gaussian:0.5 --threads 3 -o one.html >/dev/null
same one.html | cmp first - && echo same
mkdir other
report model --foreign noise-uniform --foreign ./toy+gaussian:0.5 -o other/one.html >/dev/null
same other/one.html | cmp first - && echo same

echo '--- what is there is not done again'
python3 - <<'PY'
import json
path = "one_files/suite-model/row_rotation_rotation_3.json"
row = json.load(open(path))
row["accuracy"] = 0.125
json.dump(row, open(path, "w"))
PY
report model --foreign noise-uniform -o one.html >/dev/null
grep -c '^model,21,12.5,' one_files/rotation_accuracy.csv

echo '--- two models, all suites, few images'
report model ./model --suite all --images 12 --foreign noise-uniform -o two.html
python3 look.py two.html | grep -v '      [RUG]'
head -n 1 two_files/headline.csv
head -n 3 two_files/corruption_1.csv | cut -c1-30

echo '--- the clean images alone'
report model --suite id --bootstrap 0 -o id.html
python3 look.py id.html

echo '--- sets that are not at hand are left out where nobody asked for them'
report model --images 12 --suite ood -o ood.html
cat said

echo '--- no labels'
python3 - <<'PY'
import os
os.mkdir("bare")
open("bare/t10k-images-idx3-ubyte", "wb").write(open("toy/t10k-images-idx3-ubyte", "rb").read())
PY
"$SPINSCALE" report model --data bare/t10k-images-idx3-ubyte --samples 4 --bootstrap 20 --suite rotation -o bare.html
python3 look.py bare.html | grep -v '      '

echo '--- figures by gnuplot: what it draws comes into the page, what is no figure does not'
mkdir bin
gnuplot_is() { # a stand-in: commands in $3, a script in $4
  printf '#!/bin/sh\n[ -n "$4" ] || exit %s\neval "$(echo "$3")"\nname=${4%%.gp}\n%s\n' "$1" "$2" >bin/gnuplot
  chmod +x bin/gnuplot
}
by_gnuplot() {
  PATH="$PWD/bin:$PATH" "$SPINSCALE" report model --data ./toy --data-dir . --samples 4 --bootstrap 0 --images 12 \
    --suite id -o by.html "$@" 2>&1 >/dev/null || echo "exit $?"
}
gnuplot_is 0 'echo "<?xml?><svg viewBox=\"0 0 440 300\"><g id=\"canvas\"><path id='"'a'"' d=\"M0 0h9\"/><use xlink:href='"'#a'"'/></g></svg>" >"$name.svg"'
by_gnuplot
python3 look.py by.html
grep -c 'class="gnuplot"' by.html
grep -o "id='reliability-a'\|href='#reliability-a'" by.html
by_gnuplot --figures own
grep -c 'class="gnuplot"' by.html
gnuplot_is 0 'echo "<svg viewBox=\"0 0 440 300\"><g id=\"c\"><script>1</script></g></svg>" >"$name.svg"'
by_gnuplot
gnuplot_is 0 'echo "no figure" >"$name.svg"'
by_gnuplot
gnuplot_is 0 'exit 3'
by_gnuplot
gnuplot_is 0 'kill -9 $$'
by_gnuplot
gnuplot_is 1 'exit 1'
by_gnuplot
grep -c 'class="gnuplot"' by.html
by_gnuplot --figures gnuplot
by_gnuplot --figures cairo
mkdir nothing
PATH="$PWD/nothing" "$SPINSCALE" report model --data ./toy --data-dir . --figures gnuplot 2>&1 || echo "exit $?"

echo '--- mistakes'
run report
run report model
run report model --data ./toy --suite everything
run report model --data ./toy --suite id, -o x.html
run report model --data ./toy --foreign ./nothing
run report model --data ./nothing
run report missing --data ./toy
run report model model model model model model model model model --data ./toy
run report model --data ./toy --images 0
run report model --data ./toy --suite id -o no/such/page.html
python3 "$SOURCE_DIR/tests/cli/toy.py" large 28 10
run report model --data ./large --suite id
