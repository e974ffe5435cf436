#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds ringfence: tools, dependencies, binary, firmware, tests. Writes only below build/ (and
# DESTDIR for install). `./build.sh help` prints the targets and variables.
set -eu
cd "$(dirname "$0")"
LC_ALL=C
export LC_ALL

CC=${CC:-musl-gcc}
FWCC=${FWCC:-riscv64-unknown-elf-gcc}
CFLAGS=${CFLAGS:-}
PREFIX=${PREFIX:-/usr/local}
DESTDIR=${DESTDIR:-}
SYSCONFDIR=${SYSCONFDIR:-}	# of the OpenRC scripts: /etc for PREFIX=/usr, else PREFIX/etc
V=${V:-}
DEPS=${DEPS:-}
WERROR=${WERROR:-}
JOBS=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
FUZZ_SECONDS=${FUZZ_SECONDS:-60}	# per fuzz target
FUZZ_RUNS=${FUZZ_RUNS:-}	# executions per fuzz target instead, without sanitizers
FUZZ_RUNS_EACH=5000000	# of one process
FW_CODE_MAX=${FW_CODE_MAX:-65536}	# bytes of text and data of the bare-metal firmware
FW_RAM_MAX=${FW_RAM_MAX:-16777216}	# bytes of data and bss of the same

ROOMS="util pkt image policy mbox nic softnic proc ctl store agent cli"
STD="-std=c11 -D_GNU_SOURCE="
WARN="-Wall -Wextra -Wconversion -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes
 -Werror=unused-result"
[ -z "$WERROR" ] || WARN="$WARN -Werror"
TESTINC="-Itests -Itests/support -Ibuild/gen \$(SYSINC)"
LIBS="mbedtls yyjson lua"

usage()
{
	cat <<-END
	usage: ./build.sh TARGET...
	  all      build/ringfence (the default)     fw       bare-metal and BPF firmware, sizes
	  deps     tools and dependencies only       test     all, fw and every test
	  demo     the main job on real traffic      lint     layers, text, scripts, manuals
	  asan     tests under sanitizers            fuzz     FUZZ_SECONDS or FUZZ_RUNS each
	  prove    harnesses; longer property tests  cover    lines, branches; what no test took
	  bench    the measurements                  man      manuals as text in build/man
	  install  into DESTDIR/PREFIX               clean    remove build/
	variables: CC FWCC CFLAGS PREFIX DESTDIR SYSCONFDIR V=1 JOBS WERROR=1 ONLY=pattern
	  DEPS=DIR takes the tarballs that deps.lock names from DIR: offline, or not Debian
	END
}

die()
{
	echo "build.sh: $*" >&2
	exit 1
}

say()
{
	echo "build.sh: $*"
}

# --- tools -------------------------------------------------------------------------------------

# tool_list GROUP: lines "command-or-file package", what the group needs.
tool_list()
{
	case $1 in
	build)
		cat <<-END
		gcc gcc
		make make
		ar binutils
		musl-gcc musl-tools
		re2c re2c
		bzip2 bzip2
		xz xz-utils
		/usr/include/linux/if_packet.h linux-libc-dev
		/usr/include/stdlib.h libc6-dev
		END
		;;
	fw)
		cat <<-END
		$FWCC gcc-riscv64-unknown-elf
		clang clang
		END
		;;
	san)
		cat <<-END
		clang clang
		@libclang_rt.fuzzer libclang-rt-14-dev
		END
		;;
	test)
		cat <<-END
		shellcheck shellcheck
		mandoc mandoc
		openssl openssl
		END
		;;
	shell)
		cat <<-END
		bash bash
		zsh zsh
		fish fish
		END
		;;
	net)
		cat <<-END
		ip iproute2
		nft nftables
		curl curl
		/usr/include/bpf/libbpf.h libbpf-dev
		nc netcat-openbsd
		strace strace
		python3 python3
		promtool prometheus
		END
		;;
	esac
}

tool_missing()	# NAME: true if the command, file, or (@) clang runtime is not there
{
	case $1 in
	/*)	[ ! -e "$1" ] ;;
	@*)	! ls "$(clang -print-resource-dir 2>/dev/null)"/lib/*/"${1#@}"* >/dev/null 2>&1 ;;
	*)	! command -v "$1" >/dev/null 2>&1 ;;
	esac
}

need()	# GROUP...: installs or names what is missing
{
	missing=
	for group; do
		while read -r tool package; do
			if [ -n "$tool" ] && tool_missing "$tool"; then
				missing="$missing $package"
			fi
		done <<-END
		$(tool_list "$group")
		END
	done
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		die "missing tools; type: apt-get install --no-install-recommends$missing"
	fi
	say "installing$missing"
	# shellcheck disable=SC2086
	apt_install $missing 2>/dev/null || { apt-get update -q && apt_install $missing; } ||
	    die "cannot install$missing"
}

apt_install()
{
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" \
	    >build/apt.log 2>&1 </dev/null || { tail -n 3 build/apt.log >&2; return 1; }
}

. ./deps.sh

# --- makefiles ---------------------------------------------------------------------------------

rooms_of()	# ROOM: the rooms it may include
{
	sed -n "s/^$1: *//p" tests/lint/rooms
}

room_dirs()	# ROOM...: -I options
{
	for room; do
		case $room in
		wire)	[ ! -d src/wire ] || printf ' -Isrc/wire' ;;
		fw)	for d in fw fw/port fw/port/sim; do
				[ ! -d "$d" ] || printf ' -I%s' "$d"
			done ;;
		*)	[ ! -d "src/$room" ] || printf ' -Isrc/%s' "$room" ;;
		esac
	done
}

files()	# GLOB...: those that exist
{
	for f; do
		[ ! -f "$f" ] || echo "$f"
	done
}

put_if_changed()	# FILE: standard input
{
	cat >"$1.tmp"
	if cmp -s "$1.tmp" "$1"; then
		rm "$1.tmp"
	else
		mv "$1.tmp" "$1"
	fi
}

embed_name()	# FILE
{
	basename "$1" | sed 's/\.[a-z]*$//; s/[^A-Za-z0-9_]/_/g'
}

embed_files()
{
	files lua/*.lua policy/guard.pol src/ctl/openapi.json
}

# build/gen: lexers by re2c, Lua and policy text as bytes. Shared by all variants.
make_gen()
{
	mkdir -p build/gen
	{
		echo '/* Files as bytes; a 0 that len does not count follows. */'
		echo '#ifndef EMBED_H'
		echo '#define EMBED_H'
		echo '#include <stddef.h>'
		for f in $(embed_files); do
			printf 'extern const unsigned char embed_%s[];\n' "$(embed_name "$f")"
			printf 'extern const size_t embed_%s_len;\n' "$(embed_name "$f")"
		done
		echo '#endif'
	} | put_if_changed build/gen/embed.h
	for f in $(embed_files); do
		n=$(embed_name "$f")
		cat <<-END
		build/gen/embed_$n.c: $f build/gen/embed.h
		> @{ echo '#include "embed.h"'; echo 'const unsigned char embed_${n}[] = {'; \\
			od -An -v -tx1 $f | sed 's/ \\([0-9a-f][0-9a-f]\\)/0x\\1,/g'; \\
			echo '0};'; \\
			echo 'const size_t embed_${n}_len = sizeof embed_${n} - 1;'; } >\$@
		END
	done | put_if_changed build/gen/embed.mk
	for f in $(files src/*/*.re); do
		room=$(basename "$(dirname "$f")")
		mkdir -p "build/gen/$room"
		cat <<-END
		build/gen/$room/$(basename "$f" .re).c: $f
		> @echo "  RE2C  $f"
		> \$(Q)re2c -W -Werror --no-generation-date -o \$@ $f
		END
	done | put_if_changed build/gen/re2c.mk
}

# make_rule VARIANT SOURCE FLAGS...: how one object is made
make_rule()
{
	mkdir -p "build/$1/obj/$(dirname "$2")"
	obj=build/$1/obj/${2%.c}.o
	src=$2
	variant=$1
	shift 2
	cat <<-END
	OBJS += $obj
	$obj: $src build/$variant/flags | build/gen/embed.h
	> @echo "  CC  $src"
	> \$(Q)\$(CC) \$(CFLAGS) $* -MMD -MP -c -o \$@ $src
	END
}

# make_library VARIANT: rules of everything that goes into libringfence.a, and OBJS
make_library()
{
	freestanding="-ffreestanding -nostdinc -isystem $(gcc -print-file-name=include)"
	case $1 in
	asan|fuzz*) freestanding="-ffreestanding -nostdinc
 -isystem $(clang -print-resource-dir)/include" ;;
	esac
	freestanding=$(echo "$freestanding" | tr '\n' ' ')
	for room in $ROOMS; do
		# shellcheck disable=SC2046
		dirs="$(room_dirs "$room" $(rooms_of "$room")) -Ibuild/gen \$(SYSINC)"
		for f in $(files "src/$room"/*.c); do
			[ "$f" != src/cli/main.c ] || continue
			make_rule "$1" "$f" "$dirs"
		done
		for f in $(files "src/$room"/*.re); do
			make_rule "$1" "build/gen/$room/$(basename "$f" .re).c" "$dirs"
		done
	done
	for f in $(embed_files); do
		make_rule "$1" "build/gen/embed_$(embed_name "$f").c" -Ibuild/gen
	done
	# fw_mem.c is the bare board's libc; a host has its own.
	for f in $(files fw/*.c); do
		[ "$f" = fw/fw_mem.c ] || make_rule "$1" "$f" "$freestanding -Isrc/wire -Ifw"
	done
	for f in $(files fw/port/sim*.c fw/port/sim/*.c); do
		make_rule "$1" "$f" "$(room_dirs fw wire util) \$(SYSINC)"
	done
}

# make_program VARIANT SOURCE TARGET LINK-EXTRA...: one program from one source and the libraries
make_program()
{
	variant=$1
	src=$2
	target=$3
	shift 3
	# shellcheck disable=SC2086
	make_rule "$variant" "$src" "$(room_dirs $ROOMS wire fw) $TESTINC" | sed '/^OBJS/d'
	mkdir -p "$(dirname "$target")"
	obj=build/$variant/obj/${src%.c}.o
	cat <<-END
	$target: $obj \$(LIB) $* \$(DEPLIBS)
	> @echo "  LD  $target"
	> \$(Q)\$(CC) \$(CFLAGS) \$(LDFLAGS) -o \$@ $obj $* \$(GROUP)
	END
}

# make_tests VARIANT: programs under tests/; PROGRAMS holds them
make_tests()
{
	support=
	for f in $(files tests/support/*.c); do
		# shellcheck disable=SC2086
		make_rule "$1" "$f" "$(room_dirs $ROOMS wire fw) $TESTINC" | sed '/^OBJS/d'
		support="$support build/$1/obj/${f%.c}.o"
	done
	replay=build/$1/obj/tests/fuzz_replay.o
	case $1 in
	fuzz*)	replay= ;;
	*)	make_rule "$1" tests/fuzz_replay.c "-Itests \$(SYSINC)" | sed '/^OBJS/d' ;;
	esac
	programs=
	for f in $(files tests/unit/*_test.c tests/prop/*_prop.c tests/fuzz/*_fuzz.c \
	    tests/bench/*.c tests/tools/*.c); do
		kind=$(basename "$(dirname "$f")")
		case $1-$kind in
		fuzz*-fuzz)	extra=$support ;;
		fuzz*-*)	continue ;;
		*-fuzz)		extra="$support $replay" ;;
		*)		extra=$support ;;
		esac
		target=build/$1/$kind/$(basename "$f" .c)
		make_program "$1" "$f" "$target" "$extra"
		programs="$programs $target"
	done
	echo "PROGRAMS =$programs"
}

# make_variant NAME DEP-FLAVOUR COMPILER CFLAGS LDFLAGS: build/NAME/Makefile
make_variant()
{
	name=$1
	mkdir -p "build/$name"
	make_gen
	cc=$3
	cflags=$(echo "$4" | tr '\n' ' ')
	ldflags=$5
	deplibs=
	for l in $LIBS; do
		deplibs="$deplibs build/deps/$2/lib$l.a"
	done
	# the library's settings are in system headers, which -MMD leaves out
	echo "$cc $("$cc" -dumpversion) $cflags $ldflags $(cksum src/util/mbedtls_trim.h)" |
	    put_if_changed "build/$name/flags"
	{
		cat <<-END
		# Made by build.sh.
		.RECIPEPREFIX = >
		all: build/$name/libringfence.a
		CC = $cc
		CFLAGS = $cflags
		LDFLAGS = $ldflags
		LIB = build/$name/libringfence.a
		DEPLIBS =$deplibs
		GROUP = -Wl,--start-group \$(LIB) \$(DEPLIBS) -Wl,--end-group
		SRC = build/deps/src
		SYSINC = -isystem build/deps/kernel -isystem \$(SRC)/lua5.4/src
		SYSINC += -isystem \$(SRC)/mbedtls/include -isystem \$(SRC)/yyjson/src
		SYSINC += '-DMBEDTLS_CONFIG_FILE="mbedtls_trim.h"'
		Q = @
		OBJS =
		include build/gen/embed.mk build/gen/re2c.mk
		END
		make_library "$name"
		make_tests "$name"
		if [ "${name#fuzz}" = "$name" ] && [ -f src/cli/main.c ]; then
			# libFuzzer has a main
			make_program "$name" src/cli/main.c "build/$name/ringfence"
			echo "all: build/$name/ringfence"
		fi
		cat <<-END
		build/$name/libringfence.a: \$(OBJS) build/$name/Makefile
		> @echo "  AR  \$@"
		> @rm -f \$@
		> \$(Q)ar rcsD \$@ \$(OBJS)
		tests: all \$(PROGRAMS)
		.PHONY: all tests
		.DELETE_ON_ERROR:
		-include \$(shell find build/$name/obj -name '*.d')
		END
	} | put_if_changed "build/$name/Makefile"
}

run_make()	# VARIANT TARGET
{
	make ${V:+Q=} --no-print-directory -s -j "$JOBS" -f "build/$1/Makefile" "$2"
}

variant_rel()
{
	make_variant rel musl "$CC" "$STD -O2 $WARN -static -ffunction-sections -fdata-sections
 -ffile-prefix-map=$PWD=. $CFLAGS" "-s -Wl,--gc-sections -Wl,--build-id=sha1"
}

variant_asan()
{
	make_variant asan asan clang "$STD -O1 -g -Wall -Wextra -fno-omit-frame-pointer
 -fsanitize=address,undefined -fno-sanitize-recover=all -DRF_SANITIZE=1 $CFLAGS" ""
}

variant_fuzz()
{
	make_variant fuzz asan clang "$STD -O1 -g -Wall -Wextra -fno-omit-frame-pointer
 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -DRF_SANITIZE=1 $CFLAGS" \
	    "-fsanitize=fuzzer"
}

# For counts: what is ours without sanitizers; the dependencies are those of the other two.
variant_fuzzfast()
{
	make_variant fuzzfast asan clang "$STD -O2 -g -Wall -Wextra -fsanitize=fuzzer-no-link
 $CFLAGS" "-fsanitize=fuzzer,address"
}

variant_cover()
{
	make_variant cover musl "$CC" "$STD -O0 -g --coverage -static
 -ffile-prefix-map=$PWD=. $CFLAGS" ""
}

# --- targets -----------------------------------------------------------------------------------

do_deps()
{
	mkdir -p build
	need build
	deps
}

do_all()
{
	do_deps
	variant_rel
	run_make rel all
	[ -f src/cli/main.c ] && ! cmp -s build/rel/ringfence build/ringfence || return 0
	cp build/rel/ringfence build/ringfence.new	# the old one may be running
	mv build/ringfence.new build/ringfence
}

# The firmware for a board without anything, to keep it honest: no libc, sizes below budget, and
# nothing undefined but what the board's port gives.
do_fw()
{
	mkdir -p build/fw
	need build fw
	deps
	machine=
	inc=$("$FWCC" -print-file-name=include)
	case $FWCC in
	riscv*)	machine="-march=rv32imac -mabi=ilp32" ;;
	arm*)	machine="-mcpu=cortex-m4 -mthumb" ;;
	esac
	rm -f build/fw/*.o build/fw/warnings
	for f in $(files fw/*.c fw/port/bare*.c fw/port/bare/*.c); do
		# shellcheck disable=SC2086
		"$FWCC" $machine -std=c11 -Os $WARN -Wstack-usage=256 \
		    -Wno-error=stack-usage= -ffreestanding -nostdinc \
		    -ffunction-sections -fdata-sections -isystem "$inc" -Isrc/wire -Ifw -c \
		    -o "build/fw/$(basename "$f" .c).o" "$f" 2>>build/fw/warnings ||
		    { cat build/fw/warnings; die "firmware does not compile"; }
	done
	cat build/fw/warnings 2>/dev/null || :
	[ -n "$(files build/fw/*.o)" ] || die "no firmware sources in fw/"
	# shellcheck disable=SC2086
	"$FWCC" $machine -nostdlib -r -o build/fw/ringfence-fw.elf build/fw/*.o -lgcc
	tools=${FWCC%gcc}
	undefined=$("${tools}nm" -u build/fw/ringfence-fw.elf |
	    awk '$2 !~ /^fw_port_/ { print $2 }')
	[ -z "$undefined" ] || die "firmware needs what no board gives:" "$undefined"
	# shellcheck disable=SC2046
	set -- $("${tools}size" build/fw/ringfence-fw.elf | tail -n 1)
	say "firmware ($FWCC): text $1, data $2, bss $3 bytes"
	[ $(($1 + $2)) -le "$FW_CODE_MAX" ] || die "firmware code exceeds $FW_CODE_MAX bytes"
	[ $(($2 + $3)) -le "$FW_RAM_MAX" ] || die "firmware RAM exceeds $FW_RAM_MAX bytes"
	mkdir -p build/fw/bpf
	for f in $(files fw/bpf/*.c); do
		clang -target bpf -mcpu=v3 -std=c11 -O2 -g -Wall -Wextra -ffreestanding \
		    -isystem build/deps/kernel -Isrc/wire -Ifw -c \
		    -o "build/fw/bpf/$(basename "$f" .c).o" "$f"
	done
}

do_lint()
{
	do_all
	need test
	tests/run.sh rel lint
}

do_test()
{
	do_all
	[ -z "$(files fw/*.c)" ] || do_fw
	need test net shell
	run_make rel tests
	tests/run.sh rel lint unit prop fuzz golden e2e
}

do_asan()
{
	mkdir -p build
	need build san
	deps asan
	variant_asan
	run_make asan tests
	tests/run.sh asan unit prop fuzz
}

named()	# KIND FILE...: names of those that ONLY picks as KIND/NAME
{
	kind=$1
	shift
	for f; do
		f=$(basename "$f")
		echo "$kind/${f%.*}"
	done | grep -E -e "${ONLY:-.}" | sed "s,^$kind/,," || :
}

# For findings: under sanitizers, FUZZ_SECONDS each, going on from what was found before.
fuzz_search()
{
	variant_fuzz
	run_make fuzz tests
	for name in $targets; do
		mkdir -p "build/fuzz/found/$name"
		say "fuzz $name, $FUZZ_SECONDS s"
		"build/fuzz/fuzz/${name}_fuzz" -max_total_time="$FUZZ_SECONDS" -timeout=10 \
		    -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="build/fuzz/$name-" \
		    "build/fuzz/found/$name" "tests/data/corpus/$name" \
		    2>"build/fuzz/$name.log" || { tail -n 40 "build/fuzz/$name.log" >&2
		    die "fuzz $name found something: see build/fuzz/$name-*"; }
		tail -n 8 "build/fuzz/$name.log" | grep -E 'executed|peak_rss' || :
	done
}

# For counts: FUZZ_RUNS each, JOBS processes at a time, each from the corpus anew by its own seed.
fuzz_count()
{
	variant_fuzzfast
	run_make fuzzfast tests
	seed=${SEED:-$(date +%s)}
	for name in $targets; do
		dir=build/fuzzfast/run/$name
		rm -rf "$dir"
		mkdir -p "$dir"
		start=$(date +%s)
		left=$FUZZ_RUNS
		while [ "$left" -gt 0 ]; do
			n=$((left < FUZZ_RUNS_EACH ? left : FUZZ_RUNS_EACH))
			echo "$n $seed"
			seed=$((seed + 1))
			left=$((left - n))
		done >"$dir/list"
		say "fuzz $name, $FUZZ_RUNS executions without sanitizers:" \
		    "SEED=$(sed -n '1s/.* //p' "$dir/list")"
		# shellcheck disable=SC2016 # the words are the inner shell's
		NAME=$name DIR=$dir xargs -P "$JOBS" -L 1 sh -c 'mkdir -p "$DIR/$2" &&
		    exec "build/fuzzfast/fuzz/${NAME}_fuzz" -runs="$1" -seed="$2" -timeout=10 \
		    -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$DIR/$2-" \
		    "$DIR/$2" "tests/data/corpus/$NAME" 2>"$DIR/$2.log"' sh <"$dir/list" ||
		    die "fuzz $name found something: see $dir/*-* and the log of its seed"
		awk -v took=$(($(date +%s) - start)) '/number_of_executed_units/ { n += $2; p++ }
		    END { printf "executed %.0f, no finding, %d processes, %d s\n", n, p, took }' \
		    "$dir"/*.log
	done
}

do_fuzz()
{
	mkdir -p build
	need build san
	targets=$(named fuzz tests/fuzz/*_fuzz.c | sed 's/_fuzz$//')
	[ -n "$targets" ] || die "ONLY=$ONLY: no fuzz target has such a name"
	deps asan
	if [ -n "$FUZZ_RUNS" ]; then
		fuzz_count
	else
		fuzz_search
	fi
}

# Both parts are run, whatever the first one says; the last line of each counts.
do_prove()
{
	do_all
	bad=0
	if [ -n "$(named prop tests/prop/*_prop.c)" ]; then
		run_make rel tests
		TRIES_SCALE=${TRIES_SCALE:-10} TEST_TIMEOUT_SCALE=${TEST_TIMEOUT_SCALE:-2} \
		    tests/run.sh rel prop || bad=1
		sed -n 's/^# mutants: /mutants: /p' build/rel/logs/*mutant_prop.log 2>/dev/null ||
		    :
	fi
	harnesses=$(named prove tests/prove/*.c)
	# shellcheck disable=SC2086 # one word each
	if [ -z "$harnesses" ]; then
		:
	elif cbmc_ready >build/cbmc.log; then
		CBMC=$PWD/build/cbmc WORK=$PWD/build/cbmc/work tests/prove/run.sh $harnesses ||
		    bad=1
	else
		say "0 harnesses proved, $(echo "$harnesses" | wc -l) skipped:" \
		    "$(tail -n 1 build/cbmc.log | sed 's/^.*skipped: //')"
	fi
	[ "$bad" = 0 ] || die "not all is proved"
}

# A child in its sandbox may not write what it ran: job_test and selftest_test are left out, and the
# policies of golden/ are run in one process. Seeds are fixed: the list is the same each time.
do_cover()
{
	do_deps
	variant_cover
	find build/cover -name '*.gcda' -exec rm {} +
	run_make cover tests
	bad=0
	SEED=${SEED:-1} WITHOUT='unit/(job|selftest)_test' TEST_TIMEOUT_SCALE=5 \
	    tests/run.sh cover unit prop fuzz golden || bad=1
	for room in $ROOMS fw; do
		dir=build/cover/obj/src/$room
		[ "$room" != fw ] || dir=build/cover/obj/fw
		[ -n "$(files "$dir"/*.gcda)" ] || continue
		gcov -b -n "$dir"/*.gcda 2>/dev/null | awk -v room="$room" '
		    /^File/ { ours = index($2, "/" room "/") || index($2, room "/") == 2 }
		    /^(Lines executed|Taken at least once)/ && ours {
			split($0, p, /[:%]/)
			n[$1] += $NF
			hit[$1] += p[2] * $NF
		    }
		    END { if (!n["Lines"]) exit
			printf "%-8s %5.1f %% of %5d lines, ", room, hit["Lines"] / n["Lines"],
			    n["Lines"]
			printf "%5.1f %% of %5d branches\n",
			    hit["Taken"] / (n["Taken"] + !n["Taken"]), n["Taken"] }'
	done
	tests/cover/branches.sh build/cover/obj >build/cover/branches.txt
	sed -n '/^== without a reason/,$p' build/cover/branches.txt
	say "all of them, with their reasons: build/cover/branches.txt"
	[ "$bad" = 0 ] || die "tests failed: what they would take is missing"
}

do_script()	# SCRIPT: with the binary built
{
	do_all
	need net
	RINGFENCE=$PWD/build/ringfence "$1"
}

do_bench()
{
	do_all
	need net
	run_make rel tests
	for f in $(files tests/bench/*.sh); do
		say "bench $(basename "$f" .sh)"
		RINGFENCE=$PWD/build/ringfence BUILD=$PWD/build/rel "$f"
	done
}

do_man()
{
	mkdir -p build/man
	need test
	for f in $(files man/*.[1-8]); do
		mandoc -T lint "$f"
		mandoc -T utf8 "$f" | col -b >"build/man/$(basename "$f").txt"
	done
}

install_completion()	# SHELL FILE
{
	install -d "$DESTDIR$PREFIX/share/${2%/*}"
	build/ringfence completion "$1" >"$DESTDIR$PREFIX/share/$2"
	chmod 644 "$DESTDIR$PREFIX/share/$2"
}

install_service()	# MODE SOURCE PATH: with the path of the binary in it
{
	install -d "$DESTDIR${3%/*}"
	sed "s,@BINDIR@,$PREFIX/bin," "src/agent/service/$2" >"$DESTDIR$3"
	chmod "$1" "$DESTDIR$3"
}

do_install()
{
	do_all
	install -d "$DESTDIR$PREFIX/bin" "$DESTDIR$PREFIX/share/ringfence"
	install -m 755 build/ringfence "$DESTDIR$PREFIX/bin/ringfence"
	for f in $(files man/*.[1-8]); do
		d=$DESTDIR$PREFIX/share/man/man${f##*.}
		install -d "$d"
		install -m 644 "$f" "$d/"
	done
	[ ! -d policy ] || cp -R policy "$DESTDIR$PREFIX/share/ringfence/"
	install_completion bash bash-completion/completions/ringfence
	install_completion zsh zsh/site-functions/_ringfence
	install_completion fish fish/vendor_completions.d/ringfence.fish
	etc=${SYSCONFDIR:-$PREFIX/etc}
	[ "$PREFIX" != /usr ] || etc=${SYSCONFDIR:-/etc}
	for name in ringfence ringfence-nic; do
		install_service 644 "$name.service" "$PREFIX/lib/systemd/system/$name.service"
		install_service 755 "$name.initd" "$etc/init.d/$name"
	done
}

[ $# -gt 0 ] || set -- all
for target; do
	case $target in
	deps|all|fw|test|lint|asan|fuzz|bench|man|prove|cover|install)
		"do_$target" ;;
	demo)	do_script tests/demo.sh ;;
	clean)	rm -rf build ;;
	help|-h|--help) usage ;;
	*)	usage >&2
		die "unknown target $target" ;;
	esac
done
