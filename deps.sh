#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Brings the dependencies that deps.lock names: source packages through this machine's own apt
# configuration (or the folder DEPS), checked, unpacked and built below build/deps. Read by
# build.sh, whose say, die, need and variables it uses.
# shellcheck disable=SC2154

SUITE=trixie		# what the sources are taken from
DEP_RECIPE=1		# raise it when dep_libraries builds them differently

# --- dependencies: sources ---------------------------------------------------------------------

lock_lines()
{
	grep -v '^#' deps.lock
}

sha()	# FILE
{
	sha256sum <"$1" | cut -d' ' -f1
}

apt_private()	# DIR ARG...: apt-get with its own source list, lists, cache and state
{
	dir=$1
	shift
	apt-get -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null \
	    -o Dir::State="$dir/state" -o Dir::State::Lists="$dir/lists" \
	    -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$dir/cache" \
	    -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none "$@"
}

# The archives that this machine's own apt configuration names, main components first seen first.
apt_mirrors()
{
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets --no-release-info --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' \
	    'Identifier: Packages' |
	    awk '$2 == "main" && $1 !~ /-/ && !seen[$3]++ { print $3 }'
}

apt_lists()	# DIR [deb]: private lists of SUITE's sources, or of its packages; tries each mirror
{		# and each key ring
	dir=$1
	type=${2:-deb-src}
	rings=/usr/share/keyrings
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/state"
	for mirror in $(apt_mirrors); do
		for ring in '' "$rings/debian-archive-keyring.gpg" \
		    "$rings/debian-archive-$SUITE-automatic.gpg"; do
			[ -z "$ring" ] || [ -e "$ring" ] || continue
			echo "$type ${ring:+[signed-by=$ring] }$mirror $SUITE main" \
			    >"$dir/sources.list"
			if apt_private "$dir" update -q -o APT::Update::Error-Mode=any \
			    >"$dir/log" 2>&1; then
				return 0
			fi
		done
	done
	[ ! -e "$dir/log" ] || tail -n 3 "$dir/log" >&2
	return 1
}

# dep_apt: fetches every locked source into build/deps/dl and prints the lock lines in force.
dep_apt()
{
	command -v apt-get >/dev/null ||
	    die "no apt-get here: put the tarballs that deps.lock names in a folder, DEPS=folder"
	apt=$PWD/build/deps/apt
	apt_lists "$apt" || {
		[ "$(id -u)" = 0 ] && apt_install debian-archive-keyring && apt_lists "$apt"
	} || die "cannot read $SUITE's source lists from this machine's apt mirrors (see DEPS)"
	while read -r name series version hash tarball; do
		now=$(apt_private "$apt" source --print-uris --tar-only "$name/$SUITE" 2>&1 |
		    sed -n "s/^Selected version '\\([^']*\\)'.*/\\1/p" | tail -n 1)
		case $now in
		'')	die "$name: not in $SUITE" ;;
		"$version") ;;
		"$series"[.~+-]*)
			dpkg --compare-versions "$now" gt "$version" ||
			    die "$name $now is older than deps.lock's $version"
			echo "build.sh: notice: $name $now taken, deps.lock names $version" >&2 ;;
		*)	die "$name $now: deps.lock wants the series $series" ;;
		esac
		(cd build/deps/dl && apt_private "$apt" source -q --download-only --tar-only \
		    "$name/$SUITE" >"$apt/log" 2>&1) || { tail -n 3 "$apt/log" >&2
		    die "$name: download failed"; }
		if [ "$now" != "$version" ]; then
			tarball=${now#*:}
			tarball=$(cd build/deps/dl && files "${name}_${tarball%-*}".orig.tar.*)
			# A packaging revision keeps the tarball; apt vouches for another one.
			[ "${version%-*}" = "${now%-*}" ] || hash=$(sha "build/deps/dl/$tarball")
		fi
		echo "$name $series $now $hash $tarball"
	done <<-END
	$(lock_lines)
	END
}

dep_folder()
{
	[ -d "$DEPS" ] || die "DEPS=$DEPS is not a folder"
	while read -r _ _ _ _ tarball; do
		[ -f "$DEPS/$tarball" ] || die "DEPS: $DEPS/$tarball is missing"
		cp "$DEPS/$tarball" build/deps/dl/
	done <<-END
	$(lock_lines)
	END
	lock_lines
}

# Fetches, checks against the lock and unpacks; once, until deps.lock changes.
dep_sources()
{
	want=$(sha deps.lock)
	[ "$(cat build/deps/.sources 2>/dev/null)" != "$want" ] || return 0
	mkdir -p build/deps/dl build/deps/src
	rm -f build/deps/.sources
	say "fetching dependency sources"
	if [ -n "$DEPS" ]; then
		dep_folder >build/deps/used.tmp
	else
		dep_apt >build/deps/used.tmp
	fi
	while read -r name _ version hash tarball; do
		[ "$(sha "build/deps/dl/$tarball")" = "$hash" ] ||
		    die "$tarball: SHA-256 is not the one of deps.lock"
		rm -rf "build/deps/src/$name"
		mkdir "build/deps/src/$name"
		tar -xf "build/deps/dl/$tarball" -C "build/deps/src/$name" --strip-components=1 \
		    --no-same-owner
		say "$name $version $hash"
	done <build/deps/used.tmp
	{ head -n 1 deps.lock; cat build/deps/used.tmp; } >build/deps/deps.lock
	rm -f build/deps/used.tmp
	echo "$want" >build/deps/.sources
}

# musl-gcc hides the kernel's headers: a directory with links to these and nothing else.
dep_kernel()
{
	mkdir -p build/deps/kernel
	ln -sfn /usr/include/linux build/deps/kernel/linux
	ln -sfn /usr/include/asm-generic build/deps/kernel/asm-generic
	asm=/usr/include/$(gcc -print-multiarch)/asm
	[ -d "$asm" ] || asm=/usr/include/asm
	ln -sfn "$asm" build/deps/kernel/asm
}

# --- dependencies: libraries -------------------------------------------------------------------

dep_library()	# FLAVOUR LIB "COMPILER FLAGS" EXTRA-FLAG...: from the files on standard input
{
	out=build/deps/$1
	lib=$2
	compiler=$3
	shift 3
	rm -rf "$out/$lib.o" "$out/lib$lib.a"
	mkdir -p "$out/$lib.o"
	{
		echo "all:"
		while read -r src; do
			obj=$out/$lib.o/$(basename "$src" .c).o
			printf 'all: %s\n%s: %s\n\t@%s' "$obj" "$obj" "$src" "$compiler"
			printf " '%s'" "$@"
			printf ' -c -o %s %s\n' "$obj" "$src"
		done
	} >"$out/$lib.mk"
	make -s -j "$JOBS" -f "$out/$lib.mk" all || die "$lib does not compile"
	ar rcsD "$out/lib$lib.a" "$out/$lib.o"/*.o
	rm -rf "$out/$lib.o" "$out/$lib.mk"
}

dep_libraries()	# FLAVOUR COMPILER FLAG...
{
	flavour=$1
	shift
	want=$(cat build/deps/.sources src/util/mbedtls_trim.h | sha256sum | cut -d" " -f1)
	want="$want recipe $DEP_RECIPE $("$1" -dumpversion) $*"
	[ "$(cat "build/deps/.$flavour" 2>/dev/null)" != "$want" ] || return 0
	say "building dependencies ($flavour)"
	mkdir -p "build/deps/$flavour"
	cc="$* -std=c11 -O2 -D_GNU_SOURCE -ffunction-sections -fdata-sections
	    -ffile-prefix-map=$PWD=."
	cc=$(echo "$cc" | tr -s '\n\t' '  ')
	src=build/deps/src
	# The library list of the policy language, and no more: no io, os, debug, package. The seed
	# is fixed so that the same sources compile in the same order on every machine.
	for f in lapi lauxlib lbaselib lcode lcorolib lctype ldebug ldo ldump lfunc lgc llex \
	    lmathlib lmem lobject lopcodes lparser lstate lstring lstrlib ltable ltablib ltm \
	    lundump lutf8lib lvm lzio; do
		echo "$src/lua5.4/src/$f.c"
	done | dep_library "$flavour" lua "$cc" '-Dluai_makeseed(L)=0x52494e47u'
	for f in "$src"/mbedtls/library/*.c; do
		echo "$f"
	done | dep_library "$flavour" mbedtls "$cc" '-DMBEDTLS_CONFIG_FILE="mbedtls_trim.h"' \
	    -Isrc/util "-I$src/mbedtls/include" "-I$src/mbedtls/library"
	echo "$src/yyjson/src/yyjson.c" |
	    dep_library "$flavour" yyjson "$cc" -DYYJSON_DISABLE_NON_STANDARD=1
	echo "$want" >"build/deps/.$flavour"
}

# deps [asan]: sources and libraries. A linked build/deps is a prepared one: used as it is.
deps()
{
	mkdir -p build
	if [ -L build/deps ]; then
		[ -e build/deps/.musl ] || die "build/deps is a link to an incomplete folder"
		[ -z "${1:-}" ] || [ -e "build/deps/.$1" ] || die "build/deps lacks flavour $1"
		return 0
	fi
	dep_sources
	dep_kernel
	dep_libraries musl "$CC"
	if [ "${1:-}" = asan ]; then
		dep_libraries asan clang -g -fsanitize=address -fno-omit-frame-pointer
	fi
}

# cbmc_ready: build/cbmc/cbmc runs, and its compiler; the prover of SUITE with the libraries it
# wants, unpacked beside and not installed. False, and says why, where there is none.
cbmc_ready()
{
	top=$PWD/build/cbmc
	[ ! -x "$top/cbmc" ] || [ ! -x "$top/goto-instrument" ] || return 0
	mkdir -p "$top/debs" "$top/unpacked"
	if command -v cbmc >/dev/null; then
		for tool in cbmc goto-cc goto-instrument; do
			ln -sf "$(command -v $tool)" "$top/$tool"
		done
		return 0
	fi
	if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
		say "skipped: no cbmc here, and no apt-get to bring it"
		return 1
	fi
	apt_lists "$top" deb || { say "skipped: cannot read $SUITE's package lists"; return 1; }
	(cd "$top/debs" && apt_private "$top" download -q cbmc libc6 libgcc-s1 libstdc++6 \
	    minisat zlib1g >"$top/log" 2>&1) ||
	    { tail -n 3 "$top/log" >&2; say "skipped: cannot fetch cbmc"; return 1; }
	for f in "$top"/debs/*.deb; do
		dpkg-deb -x "$f" "$top/unpacked"
	done
	rm -rf "$top/lists" "$top/cache" "$top/state" "$top/debs"
	lib=$(dirname "$(find "$top/unpacked/usr" -name 'ld-linux-*.so.*' | head -n 1)")
	for tool in cbmc goto-cc goto-instrument; do
		cat >"$top/$tool" <<-END
		#!/bin/sh
		exec $lib/ld-linux-*.so.* --library-path $lib:$top/unpacked/usr/lib \
		    $top/unpacked/usr/bin/$tool "\$@"
		END
		chmod +x "$top/$tool"
	done
	"$top/cbmc" --version >/dev/null 2>&1 ||
	    { rm "$top/cbmc"; say "skipped: cbmc does not run here"; return 1; }
}
