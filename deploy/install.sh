#!/usr/bin/env bash
# Installs camfan on this machine, a Raspberry Pi or the hub, as its site file says. What is right
# already is not touched; an installation that fails or is killed is undone. Never touches recordings.
set -euo pipefail
umask 022 # services run as other users, and read what is installed here

readonly EXIT_USAGE=2 EXIT_UNAVAILABLE=69 EXIT_CONFIG=78

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
site='' host='' extras='' wheel='' prefix=/opt/camfan root='' job=install
dry='' start=yes changed='' made_release='' finished='' work='' child='' began=''

usage() {
    cat <<'TEXT'
usage: sudo deploy/install.sh --site SITE.YAML [options]
       sudo deploy/install.sh --uninstall [options]

  --site FILE      the site file; it is copied to /etc/camfan/site.yaml. The value of a ${NAME}
                   in it is the file /etc/camfan/credentials/NAME, there before this is run
  --host NAME      which host of the site file this machine is (without: its own name)
  --extras A,B     more extras of camfan than this host's nodes need
  --wheel FILE     install this wheel (without: the source tree around this script)
  --prefix DIR     where the program goes (without: /opt/camfan)
  --root DIR       install into a folder instead of this machine: nothing is started, no user made
  --no-start       enable, but do not start
  --dry-run        check all of it and say what would be done; do nothing, build nothing
  --uninstall      remove program and units; keep /etc/camfan, the recordings and their user

pip's own settings work too, such as PIP_FIND_LINKS and PIP_NO_INDEX.
TEXT
}

say() { printf '%s\n' "$*"; }

die() {
    local code=$1
    shift
    printf 'install.sh: %s\n' "$*" >&2
    exit "$code"
}

# act SENTENCE COMMAND...: do it and say so; in a dry run say it only.
act() {
    local sentence=$1
    shift
    changed=yes
    if [[ $dry ]]; then
        say "dry run, not done: $sentence"
    else
        "$@"
        say "$sentence"
    fi
}

read_arguments() {
    while (($#)); do
        case $1 in
            --site | --host | --extras | --wheel | --prefix | --root)
                (($# > 1)) || die "$EXIT_USAGE" "$1 needs a value"
                printf -v "${1#--}" '%s' "$2"
                shift
                ;;
            --no-start) start='' ;;
            --dry-run) dry=yes ;;
            --uninstall) job=uninstall ;;
            -h | --help) usage && exit 0 ;;
            *) usage >&2 && die "$EXIT_USAGE" "unknown argument '$1'" ;;
        esac
        shift
    done
    [[ $prefix =~ ^/[A-Za-z0-9/._-]+$ ]] || die "$EXIT_USAGE" "--prefix must be a plain absolute path"
    [[ $extras =~ ^[a-z,]*$ ]] || die "$EXIT_USAGE" "--extras takes names with commas between"
    if [[ $root ]]; then
        root=$(realpath -m -- "$root")
        start=''
    elif ((EUID)) && [[ ! $dry ]]; then
        die "$EXIT_USAGE" "must be run as root: sudo $0 …"
    fi
    releases=$root$prefix/releases
    before=$releases/.before
    etc=$root/etc/camfan
    units=$root/etc/systemd/system
}

check_machine() {
    local facts major minor bits path
    facts=$(python3 -c 'import os, sys
print(*sys.version_info[:2], sys.maxsize.bit_length() + 1, os.path.realpath(sys.executable))') ||
        die "$EXIT_UNAVAILABLE" "there is no python3: apt install python3 python3-venv"
    read -r major minor bits path <<<"$facts"
    ((bits == 64)) || die "$EXIT_UNAVAILABLE" "this system is $bits bit, camfan needs 64 bit:" \
        "use the 64-bit Raspberry Pi OS; a Zero 2 W, 3, 4 and 5 can run it"
    ((major > 3 || major == 3 && minor >= 11)) || die "$EXIT_UNAVAILABLE" \
        "this is Python $major.$minor, camfan needs 3.11: use Raspberry Pi OS Bookworm or newer"
    [[ $root || ! $path =~ ^/(home|root)/ ]] || die "$EXIT_UNAVAILABLE" \
        "python3 is $path, which services do not see; use that of the system"
    python3 -c 'import ensurepip, venv' 2>/dev/null ||
        die "$EXIT_UNAVAILABLE" "python3 cannot make environments: apt install python3-venv"
}

choose_version() {
    if [[ $wheel ]]; then
        [[ -f $wheel ]] || die "$EXIT_USAGE" "there is no wheel $wheel"
        package=$(realpath -- "$wheel")
        version=$(basename -- "$wheel")
        [[ $version == camfan-*-*.whl ]] || die "$EXIT_USAGE" "$wheel is not a wheel of camfan"
        version=${version#camfan-}
        version=${version%%-*}
    else
        package=$(dirname -- "$here")
        [[ -f $package/pyproject.toml ]] ||
            die "$EXIT_USAGE" "there is no source tree around this script; name a wheel with --wheel"
        version=$(python3 -c 'import sys, tomllib
print(tomllib.load(open(sys.argv[1], "rb"))["project"]["version"])' "$package/pyproject.toml")
    fi
    release=$releases/$version
    offered=$(offered_extras) || die "$EXIT_USAGE" "$package says not which extras it has"
    local extra
    for extra in ${extras//,/ }; do
        check_extra "$extra"
    done
}

# The extras of the package, as it says itself.
offered_extras() {
    python3 -c 'import sys, tomllib, zipfile
from email import message_from_bytes
if sys.argv[1].endswith(".whl"):
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        print(*message_from_bytes(wheel.read(name)).get_all("Provides-Extra") or ())
else:
    project = tomllib.load(open(sys.argv[1] + "/pyproject.toml", "rb"))["project"]
    print(*project.get("optional-dependencies", ()))' "$package"
}

check_extra() {
    [[ " $offered " == *" $1 "* ]] || die "$EXIT_USAGE" \
        "camfan $version has no extra '$1'; it has ${offered// /, }. Nothing was changed"
}

# The machine as it was lies in $before until all is done. What fails or is killed is undone from it
# at once, and what was killed too hard for that (a power cut) by the next run.
begin() {
    if [[ $dry ]]; then
        [[ ! -d $before ]] || say "an installation was interrupted; the next one undoes it first"
        return
    fi
    recover
    local missing
    missing=$(
        absent "$releases"
        absent "$etc/credentials"
        absent "$units/multi-user.target.wants"
    )
    mkdir -p -- "$releases"
    lock
    rm -rf -- "$before.new"
    mkdir -- "$before.new"
    printf '%s\n' "$missing" >"$before.new/absent"
    (cd -- "${root:-/}" && existing | tar --create --format=pax --null --files-from=-) \
        >"$before.new/files.tar"
    active >"$before.new/active"
    printf '%s\n' "$version" >"$before.new/version"
    mv -T -- "$before.new" "$before"
    began=yes
}

recover() {
    if [[ -d $before ]]; then
        lock
        say "an installation was interrupted; undoing it"
        undo
    fi
}

lock() {
    exec 9<"$releases"
    flock --nonblock 9 || die "$EXIT_UNAVAILABLE" "another installation is running"
}

# Each folder that is not there yet, of a path, the outermost first.
absent() {
    [[ -e $1 ]] && return
    absent "$(dirname -- "$1")"
    printf '%s\n' "$1"
}

# What install.sh may change, as far as it exists; with NUL behind each.
existing() {
    local path
    for path in "$units"/camfan* "$units/multi-user.target.wants/camfan.target" \
        "$etc"/site.yaml{,.bak} "$root$prefix/current" "$release"/{pyvenv.cfg,extras}; do
        if [[ -e $path || -L $path ]]; then printf '%s\0' ".${path#"$root"}"; fi
    done
}

active() {
    if running; then systemctl list-units --plain --no-legend --state=active,activating 'camfan*' |
        cut -d' ' -f1; fi
}

undo() {
    local path release missing
    release=$releases/$(<"$before/version") # of that installation, which may be of another version
    if [[ -f $before/made || -d $before/copy ]]; then rm -rf -- "$release"; fi
    if [[ -d $before/copy ]]; then mv -T -- "$before/copy" "$release"; fi
    (cd -- "${root:-/}" && existing | xargs --null --no-run-if-empty rm -rf --)
    rm -f -- "$etc"/site.yaml.new "$root$prefix/current.new" "$units"/camfan*.new
    tar --extract --preserve-permissions --directory="${root:-/}" --file="$before/files.tar"
    if running && [[ -f $before/reloaded ]]; then restore_services; fi
    if [[ -f $before/user ]]; then userdel camfan || true; fi
    mapfile -t missing < <(tac -- "$before/absent")
    rm -rf -- "$before"
    for path in "${missing[@]}"; do
        if [[ -d $path ]]; then rmdir --ignore-fail-on-non-empty -- "$path"; fi
    done
}

# The services that were running do so again, as their units were; all others of ours do not.
restore_services() {
    local unit
    systemctl daemon-reload || true
    for unit in $(active); do
        grep -qxF -- "$unit" "$before/active" || systemctl stop "$unit" || true
    done
    while read -r unit; do
        systemctl restart "$unit" || true
    done <"$before/active"
}

finish() {
    finished=yes
    if [[ $began ]]; then
        mv -T -- "$before" "$before.done"
        rm -rf -- "$before.done"
    fi
}

# In the background, so that a signal ends it at once.
pip() {
    "$release/bin/python" -m pip --disable-pip-version-check --quiet install "$@" &
    child=$!
    wait "$child" || die "$EXIT_UNAVAILABLE" "pip could not install $*; what it says stands above"
    child=''
}

# A release is an environment of its own; the file `extras` in it says that it is whole.
make_release() {
    if [[ -f $release/extras ]]; then
        say "camfan $version is installed already in $prefix/releases/$version"
        return
    fi
    if [[ $dry ]]; then
        act "installed camfan $version into $prefix/releases/$version" true
        return
    fi
    made_release=$release
    touch -- "$before/made"
    rm -rf -- "$release"
    python3 -m venv "$release" || die "$EXIT_UNAVAILABLE" "python3 could not make an environment"
    pip "$package"
}

# The first Python that can read a site file with the code that is to be installed. Nothing is built
# for it: a site file with mistakes is found before minutes are spent on an environment.
find_reader() {
    reader_path=$package # a wheel can be imported from as it lies there
    [[ $wheel ]] || reader_path=$package/config:$package/broker:$package/nodes
    reader_path+=${PYTHONPATH:+:$PYTHONPATH}
    for reader in "$release/bin/python" "$root$prefix/current/bin/python" \
        "$package/.venv/bin/python" python3; do
        if PYTHONPATH="$reader_path" "$reader" -B "$here/plan.py" --help \
            >/dev/null 2>&1; then return; fi
    done
    reader=''
}

read_site_file() {
    find_reader
    if [[ ! $reader && $dry ]]; then
        make_release
        die "$EXIT_UNAVAILABLE" "the dry run ends here: no Python of this machine can read the site" \
            "file, and none is built for it. 'make demo' in the source tree makes one that can"
    fi
    if [[ ! $reader ]]; then
        make_release
        reader=$release/bin/python reader_path=${PYTHONPATH-}
    fi
    check_site
}

# The file is checked and planned as it will lie in /etc/camfan, with the secrets it will find there.
check_site() {
    mkdir -- "$work/site" "$work/units"
    cp -- "$site" "$work/site/site.yaml"
    if [[ -f $etc/secrets.yaml ]]; then cp -- "$etc/secrets.yaml" "$work/site/"; fi
    as_service "$reader" -B "$here/plan.py" "$work/site/site.yaml" --check ||
        die "$EXIT_CONFIG" "$site has mistakes; nothing was changed$(where_values_go)"
    plan=$(as_service "$reader" -B "$here/plan.py" "$work/site/site.yaml" \
        --credentials "$etc/credentials" --into "$work/units" ${host:+--host "$host"}) ||
        die "$EXIT_CONFIG" "$site cannot be used on this machine; nothing was changed"
    local extra
    for extra in $(planned extra); do
        check_extra "$extra"
    done
}

# With the secrets that a service has, and not those of this shell; complaints name the given file.
as_service() {
    local code=0
    env -i PATH="$PATH" LANG=C.UTF-8 PYTHONPATH="$reader_path" \
        CREDENTIALS_DIRECTORY="$etc/credentials" "$@" 2>"$work/complaints" || code=$?
    sed "s|$work/site/site.yaml|${site//|/\\|}|" "$work/complaints" >&2
    return "$code"
}

where_values_go() {
    if grep -q 'is not set in the environment' "$work/complaints"; then
        printf '%s' ". Write the value of each \${NAME} into the file ${etc#"$root"}/credentials/NAME" \
            " (its folder has mode 0700) and run this again"
    fi
}

planned() { sed -n "s/^$1 //p" <<<"$plan"; }

complete_release() {
    local had='' wanted
    if [[ $made_release ]]; then
        act "installed camfan $version into $prefix/releases/$version" true
    fi
    if [[ -f $release/extras ]]; then had=$(<"$release/extras"); fi
    wanted=$(printf '%s\n' "${had//,/$'\n'}" "${extras//,/$'\n'}" "$(planned extra)" |
        sed '/^$/d' | sort -u | paste -sd,)
    if [[ $wanted && $wanted != "$had" ]]; then
        keep_release
        act "installed what this host's nodes need: $wanted" pip "camfan[$wanted]==$version"
    fi
    if [[ $(planned picamera2) ]]; then see_picamera2; fi
    if [[ ! $dry && (! -f $release/extras || $wanted != "$had") ]]; then
        printf '%s\n' "$wanted" >"$release/extras"
    fi
}

# A release that others may be running from is put back whole if its extras cannot be added.
keep_release() {
    if [[ $dry || $made_release ]]; then return; fi
    cp --archive --reflink=auto -- "$release" "$before/copy.new"
    mv -T -- "$before/copy.new" "$before/copy"
}

# picamera2 comes from apt: only the system's Python has libcamera. camfan's own numpy and
# simplejpeg are in the release already, and stay in front of apt's.
see_picamera2() {
    local settings=$release/pyvenv.cfg
    if [[ ! -f $settings ]]; then return; fi # a dry run
    if grep -q '^include-system-site-packages = false' "$settings"; then
        act "let the release see the system's picamera2" \
            sed -i 's/^\(include-system-site-packages\) = false/\1 = true/' "$settings"
    fi
    "$release/bin/python" -c 'import sys, importlib.util as u
sys.exit(u.find_spec("picamera2") is None)' ||
        say "picamera2 is missing: apt install --no-install-recommends python3-picamera2"
}

make_user() {
    if [[ $root ]] || getent passwd camfan >/dev/null; then return; fi
    act "made the system user camfan" add_user
}

add_user() {
    touch -- "$before/user"
    useradd --system --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin camfan
}

# put SOURCE TARGET MODE [GROUP]: a file with the same content is not touched.
put() {
    local source=$1 target=$2 mode=$3 group=${4-}
    cmp --silent -- "$source" "$target" && return
    act "wrote ${target#"$root"}" put_now "$source" "$target" "$mode" "$group"
}

put_now() {
    local owner=()
    if [[ $4 && ! $root ]]; then owner=(--owner root --group "$4"); fi
    mkdir -p -- "$(dirname -- "$2")"
    install --mode "$3" "${owner[@]}" -- "$1" "$2.new"
    mv -T -- "$2.new" "$2"
}

place_site() {
    if [[ ! -d $etc/credentials ]]; then
        act "made /etc/camfan and, for secrets, /etc/camfan/credentials" make_etc
    fi
    if [[ -f $etc/site.yaml ]] && ! cmp --silent -- "$site" "$etc/site.yaml"; then
        act "kept the old site file as /etc/camfan/site.yaml.bak" \
            cp --preserve -- "$etc/site.yaml" "$etc/site.yaml.bak"
    fi
    put "$site" "$etc/site.yaml" 0640 camfan
}

make_etc() {
    install --directory --mode 0750 -- "$etc"
    install --directory --mode 0700 -- "$etc/credentials"
    if [[ ! $root ]]; then chgrp camfan "$etc"; fi
}

make_folders() {
    local folder
    while read -r folder; do
        if [[ ! -d $root$folder ]]; then
            act "made the folder $folder" make_folder "$root$folder"
        elif [[ ! $root && $(stat --format %U -- "$folder") != camfan ]]; then
            say "$folder belongs to $(stat --format %U -- "$folder"), what writes it runs as camfan:" \
                "chown -R camfan: '$folder'"
        fi
    done < <(planned folder)
}

make_folder() {
    absent "$1" >>"$before/absent"
    mkdir -p -- "$1"
    if [[ ! $root ]]; then chown camfan: "$1"; fi
    chmod 0700 "$1"
}

place_units() {
    local file
    for file in "$here"/systemd/*.{service,target}; do
        sed "s|/opt/camfan/|$prefix/|" "$file" >"$work/units/${file##*/}"
    done
    while read -r file; do
        put "$work/units/$file" "$units/$file" 0644
    done < <(cd "$work/units" && find . -type f -printf '%P\n' | sort)
    drop_stale "$work/units"
}

# The drop-ins that came from a site file, but not from the one in folder $1.
drop_stale() {
    local file
    for file in "$units"/camfan-*.service.d/10-{site,secrets,keys}.conf; do
        if [[ -f $file && ! -f $1${file#"$units"} ]]; then
            act "removed ${file#"$root"}" remove_drop_in "$file"
        fi
    done
}

remove_drop_in() {
    rm -- "$1"
    rmdir --ignore-fail-on-non-empty -- "$(dirname -- "$1")"
}

switch_release() {
    local current=$root$prefix/current
    [[ $(readlink -- "$current") == "releases/$version" ]] && return
    act "made $version the current release" flip "$current"
}

flip() {
    ln -sfn -- "releases/$version" "$1.new"
    mv -T -- "$1.new" "$1"
}

control() { systemctl ${root:+--root="$root"} --quiet "$@"; }

running() { [[ ! $root && -d /run/systemd/system ]]; }

enabled() {
    find "$units/camfan.target.wants" -name 'camfan-*' -printf '%f\n' 2>/dev/null | sort || true
}

enable_units() {
    local unit
    while read -r unit; do
        grep -qxF -- "$unit" <<<"$(planned unit)" || act "disabled $unit" disable "$unit"
    done < <(enabled)
    for unit in $(planned unit); do
        grep -qxF -- "$unit" <<<"$(enabled)" || act "enabled $unit" control enable "$unit"
    done
    [[ -L $units/multi-user.target.wants/camfan.target ]] ||
        act "enabled camfan.target" control enable camfan.target
}

disable() {
    if [[ $began ]]; then touch -- "$before/reloaded"; fi
    control disable "$1"
    if running; then systemctl stop "$1"; fi
}

start_units() {
    local unit failed=''
    if [[ $dry ]] || ! running; then return; fi
    touch -- "$before/reloaded"
    if [[ $changed ]]; then systemctl daemon-reload; fi
    [[ $start ]] || return 0
    if [[ $changed ]]; then systemctl restart camfan.target; else systemctl start camfan.target; fi
    for unit in $(planned unit); do
        systemctl --quiet is-active "$unit" || failed+=" $unit"
    done
    [[ ! $failed ]] || die "$EXIT_UNAVAILABLE" "not running:$failed; see journalctl -u UNIT"
    say "running: $(planned unit | paste -sd' ')"
}

install_camfan() {
    check_machine
    choose_version
    [[ -f $site ]] || die "$EXIT_USAGE" "there is no site file '$site'; name it with --site"
    begin
    read_site_file
    say "this machine is '$(planned host)' of the site file"
    [[ $made_release ]] || make_release
    complete_release
    make_user
    place_site
    make_folders
    place_units
    enable_units
    switch_release
    start_units
    finish
    [[ $changed ]] || say "nothing had to be changed"
}

uninstall_camfan() {
    local unit file
    [[ $dry ]] || recover
    for unit in $(enabled) camfan.target; do
        if [[ -e $units/$unit || -L $units/camfan.target.wants/$unit ]]; then
            act "disabled $unit" disable "$unit"
        fi
    done
    for file in "$here"/systemd/*.{service,target}; do
        file=$units/${file##*/}
        if [[ -f $file ]]; then act "removed ${file#"$root"}" rm -- "$file"; fi
    done
    drop_stale /nonexistent
    if [[ -d $releases ]]; then
        act "removed $prefix/current and $prefix/releases" rm -rf -- "$root$prefix/current" "$releases"
    fi
    if running && [[ $changed && ! $dry ]]; then systemctl daemon-reload; fi
    say "kept: /etc/camfan, the recordings, and the user camfan they belong to"
}

leave() {
    local code=$?
    trap '' HUP INT TERM
    if [[ $child ]] && kill -- "$child" 2>/dev/null; then wait "$child" || true; fi
    if [[ $began && ! $finished ]]; then
        undo
        ((code == EXIT_CONFIG || code == EXIT_USAGE)) ||
            printf 'install.sh: the machine is as it was before\n' >&2
    fi
    rm -rf -- "$work"
    exit "$code"
}

read_arguments "$@"
work=$(mktemp -d)
trap leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
"${job}_camfan"
