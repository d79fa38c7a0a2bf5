#!/usr/bin/env bash
# Makes the data of DIN from the raw files of Amazon Books; --help says how.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    cat <<USAGE
usage: prepare_data.sh [--seed N] [--max_bad_records N] [RAW_DIR [OUT_DIR]]
                       [--ties drawn|file] [--min_categories SHARE]

Makes the data of DIN from the raw files of Amazon Books in RAW_DIR, each plain or as .gz: reviews_Books.json and
meta_Books.json of the release of 2014, Books.json and meta_Books.json of 2018, Books.jsonl and meta_Books.jsonl of 2023.

  RAW_DIR                 folder of the raw files (default: the folder of this script)
  OUT_DIR                 folder to write to (default: the folder above it, data)
  --seed N                seed of negatives, of the order of reviews of equal time, and of test users (default 2021)
  --max_bad_records N     raw records that may be skipped (default 0)
  --ties ORDER            order of a user's reviews of equal time: drawn, or that of the file (default drawn)
  --min_categories SHARE  smallest share of the items that must have a category (default 0.5)

The environment variable PYTHON names the interpreter (default: .venv/bin/python of this project, else python3).
USAGE
}

fail() {
    printf 'prepare_data.sh: error: %s\n' "$1" >&2
    exit 2
}

# Prints the path of a raw file, plain or compressed: $1 is its name in the release of 2014, the others are later ones.
raw_file() {
    local name path found=()
    for name in "$@"; do
        for path in "$raw/$name" "$raw/$name.gz"; do
            if [[ -f $path ]]; then
                found+=("$path")
                break
            fi
        done
    done
    case ${#found[@]} in
        1) printf '%s\n' "${found[0]}" ;;
        0) fail "$raw/$1: no such file, and no $1.gz either, nor ${*:2} of later releases. Nothing is downloaded; $here/README.md says where the set is described." ;;
        *) fail "${found[0]} and ${found[1]} are of two releases. Leave one of them in the folder." ;;
    esac
}

seed=2021
max_bad_records=0
ties=drawn
min_categories=0.5
folders=()
while (($#)); do
    case $1 in
        --help) usage; exit 0 ;;
        --seed | --max_bad_records)
            [[ ${2:-} =~ ^[0-9]+$ ]] || fail "$1 must be a whole number >= 0. Got: '${2:-}'."
            printf -v "${1#--}" '%s' "$2"
            shift ;;
        --ties)
            [[ ${2:-} =~ ^(drawn|file)$ ]] || fail "--ties must be drawn or file. Got: '${2:-}'."
            ties=$2
            shift ;;
        --min_categories)
            [[ ${2:-} =~ ^(0?\.[0-9]+|[01](\.0*)?)$ ]] || fail "--min_categories must be from 0 to 1. Got: '${2:-}'."
            min_categories=$2
            shift ;;
        -*) fail "unknown option $1. See --help." ;;
        *) folders+=("$1") ;;
    esac
    shift
done
((${#folders[@]} <= 2)) || fail "two folders at most. Got: ${folders[*]}. See --help."
raw=${folders[0]:-$here}
out=${folders[1]:-$(dirname "$here")}

python=${PYTHON:-$here/../../.venv/bin/python}
if [[ -z ${PYTHON:-} && ! -x $python ]]; then
    python=python3
fi
reviews=$(raw_file reviews_Books.json Books.json Books.jsonl)
meta=$(raw_file meta_Books.json meta_Books.jsonl)

# Everything is made in a folder of its own, so a run that ends early leaves nothing behind that looks complete.
mkdir -p "$out"
rm -rf "$out"/.prepare_data.*
work=$(mktemp -d "$out/.prepare_data.XXXXXX")
trap 'rm -rf "$work"' EXIT

step() {
    printf 'prepare_data.sh: %s\n' "$1" >&2
    "$python" "$here/script/$1" "${@:2}" >>"$work/report"
}

step process_data.py "$reviews" "$meta" --out "$work" --max_bad_records "$max_bad_records"
step local_aggretor.py "$work/reviews-info" "$work/item-info" "$work/samples" --seed "$seed" --ties "$ties" \
    --min_categories "$min_categories"
step split_by_user.py "$work/samples" "$work/local_train_splitByUser" "$work/local_test_splitByUser" --seed "$seed"
step generate_voc.py "$work/local_train_splitByUser" --out "$work"
step pick2txt.py "$work/uid_voc.pkl" "$work/mid_voc.pkl" "$work/cat_voc.pkl"

# Old files go before new ones come, so that the two never mix; training needs the last one that comes. Parquet files of
# old samples go too, since training would take them, and what amazon.py noted of its synthetic ones.
files=(reviews-info item-info {uid,mid,cat}_voc.{pkl,txt} local_test_splitByUser local_train_splitByUser)
for file in "${files[@]}" local_{train,test}_splitByUser.parquet amazon_planted.json; do
    rm -f "$out/$file"
done
for file in "${files[@]}"; do
    mv "$work/$file" "$out/$file"
done
grep -v '  samples$' "$work/report"
