# info names everything that is registered, in text and in JSON.
"$SPINSCALE" info >text || echo "exit $?"
"$SPINSCALE" info --json >json || echo "exit $?"
python3 -m json.tool json >/dev/null && echo "the JSON is well formed"
look() { # KIND NAME
    awk -v kind="$1" -v name="$2" '/^[a-z]/ {at = $1} at == kind && $1 == name {found = 1} END {exit !found}' text ||
        echo "info does not list $2 among $1"
    echo "$1 $2" >>wanted
}
for file in "$SOURCE_DIR"/nets/*.yaml; do
    look nets "$(basename "$file" .yaml)"
done
for file in "$SOURCE_DIR"/configs/*.yaml; do
    [ -f "$file" ] && look presets "$(basename "$file" .yaml)"
done
for name in accuracy nll brier ece mutual_information; do
    look metrics $name
done
for name in fashion-mnist mnist kmnist notmnist cifar10 cifar100 stl10 svhn; do
    look data $name
done
for name in noise-gaussian noise-uniform; do
    look foreign $name
done
for name in point scale_dropout scale_vi; do
    look methods $name
done
look kernels ref
look layers conv
python3 -c '
import json
listed = json.load(open("json"))
for line in open("wanted"):
    kind, name = line.split()
    if name not in [entry["name"] for entry in listed[kind]]:
        print("info --json does not list", name, "among", kind)
'

"$SPINSCALE" info missing.safetensors 2>said
echo "exit $?, $(grep -c "^spinscale: info: .*'missing.safetensors'" said) line that names the file"
