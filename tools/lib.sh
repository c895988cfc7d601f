# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# What tools/quickstart and tools/check share: sourced by them, never run.

say()
{
	printf '\n== %s\n' "$*"
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# The package names in lists of "name  # why" lines.
packages_in()
{
	sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$@"
}

package_installed()
{
	dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

as_root()
{
	if ((EUID == 0)); then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this needs root or sudo: $*"
	fi
}

# need_packages LIST...: installs what is missing of the lists. Nothing is asked of the network,
# and no root is needed, where all is there. Other systems than Debian's are taken as they are.
need_packages()
{
	local package missing=()

	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		say "no apt-get here: taking the packages of ${*##*/} as installed"
		return
	fi
	while read -r package; do
		package_installed "$package" || missing+=("$package")
	done < <(packages_in "$@")
	((${#missing[@]})) || return 0

	say "installing ${missing[*]}"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y --no-install-recommends install "${missing[@]}"
}

# quietly COMMAND...: what it says is shown only if it fails.
quietly()
{
	local said status=0

	said=$("$@" 2>&1) || status=$?
	((status == 0)) || printf '%s\n' "$said"
	return "$status"
}

# configure DIR SOURCE OPTION...: sets a Meson build directory up, or brings it up to date.
configure()
{
	local dir=$1 source=$2
	shift 2

	if [[ -f $dir/build.ninja ]]; then
		meson setup --reconfigure "$@" "$dir" "$source"
	else
		rm -rf "$dir"
		meson setup "$@" "$dir" "$source"
	fi
}

# What the user has set for a distcc of their own is not meant for this one.
forget_distcc_environment()
{
	local name

	for name in "${!DISTCC@}" UNCACHED_ERR_FD; do
		unset "$name"
	done
}
