#!/usr/bin/env bash
# The one entry to every check of this repository.
#
#   ./t.sh              lint unit race fuzz release interop e2e hsm faults: everything that a change must pass,
#                       each test once, with the race detector where it is of use; 20 to 25 minutes on two cores
#   ./t.sh fast         unit tests without the race detector, vet, archtest: under two minutes
#   ./t.sh WORD...      any of: fast lint unit rest race fuzz interop e2e bench bench-office bench-issuance ble chaos hsm faults release vuln interop-more
#
# Needed on the machine: Go, and for interop and e2e a Debian with apt. What is
# missing is installed: dbus-daemon, node, npm, chromium, and for interop-more python3, java,
# maven and cargo (Debian), the peers (npm, PyPI, Maven Central, crates.io).
set -euo pipefail
cd "$(dirname "$0")"
export GOFLAGS="${GOFLAGS:-} -tags=nomsgpack"
# A target gets 10 s; 1 s in the plain run, which has 22 minutes for everything.
[ $# -gt 0 ] && FUZZTIME=${FUZZTIME:-10s} || FUZZTIME=${FUZZTIME:-1s}
[ $# -gt 0 ] && FAULTS=${FAULTS:-full} || FAULTS=${FAULTS:-ci}
[ $# -gt 0 ] && HSM=${HSM:-full} || HSM=${HSM:-ci}
[ $# -gt 0 ] && RELEASE=${RELEASE:-full} || RELEASE=${RELEASE:-ci}

say() { printf '\n== %s\n' "$*"; }

# need COMMAND PACKAGE...: installs the Debian packages when COMMAND is missing.
need() {
	local command=$1
	shift
	command -v "$command" >/dev/null && return
	say "installing $*"
	local sudo=""
	[ "$(id -u)" = 0 ] || sudo=sudo
	$sudo apt-get update -qq
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

lint() {
	need gcc gcc libc6-dev
	say "gofmt"
	local bad
	bad=$(gofmt -l $(git ls-files '*.go'))
	[ -z "$bad" ] || { echo "not formatted: $bad"; return 1; }
	say "go mod tidy"
	go mod tidy -diff
	(cd tools && go mod tidy -diff)
	say "go vet"
	go vet ./internal/faults ./internal/publication ./internal/keys/pkcs11 # what the tags below leave out
	go vet -tags=nomsgpack,e2e,interop,more,faults,release,bluez,pkcs11 ./...
	say "staticcheck"
	mkdir -p bin
	(cd tools && go build -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck)
	bin/staticcheck -tags=nomsgpack,e2e,interop,more,faults,release,bluez,pkcs11 ./...
	say "archtest"
	go test -count=1 ./internal/archtest
}

# A bus for the stand-in of bluetoothd, with which Bluetooth is tested everywhere, and
# what docs/CEREMONY.md has witnesses check with.
bus() { need dbus-daemon dbus-daemon; need openssl openssl; }

# Tests wait for a disk thousands of times: their databases are in memory, where
# there is room for that and programs may run. What a disk keeps is for faults.
tmp() {
	local room probe
	room=$(df --output=avail -B1M /dev/shm 2>/dev/null | tail -n 1) || room=0
	if [ "$room" -ge 4096 ] && probe=$(mktemp -p /dev/shm); then
		install -m 700 "$(type -P true)" "$probe" && "$probe" 2>/dev/null && TMPDIR=/dev/shm
		rm "$probe"
	fi
	echo "${TMPDIR:-/tmp}"
}

# A test program that hangs says where after this time, on a slow machine too.
unit() { bus; say "unit"; TMPDIR=$(tmp) go test -timeout 20m ./...; }

# What walks a large space in one goroutine, builds programs or measures: for
# unit, and of no use or too long under the race detector and in fast. (TestRestored
# and those below it go through whole databases; that stores are used by many at
# once is for TestStore/Race and its like.)
LONG='(TestEverySequence|TestHistories|TestUnlinkable.*|TestPermutationIsBijective|TestFlipped.*|TestCrash|TestDiskFullThenFreed|TestReleaseHasNone|TestEveryByte|TestImport|TestIndices|TestPush|TestSparseAgainstZlib|TestRestored|TestDraws|TestEmptiedPages|TestStartWithManyLists|TestIssuance.*|TestWycheproof.*|TestConformance.*|TestNothingSecretIsLogged|TestFloodOfCodes|TestNoNonceTwice|TestRandomSources|TestClones|TestConstantTime)'
SKIP="^$LONG\$|^TestStore\$/^Lists\$/^Full\$"
# Rooms in which nothing runs beside anything else, and the commands, which run
# what the tests of internal/app run: unit is enough for them.
ALONE='/(cmd/.*|api|internal/(cbor|cose|qr|problem|i18n|portrait|elements|policy|oauth|document|statuslist|archtest|app/command|app/officebench|app/issuancebench))$'
# lint vets everything: to do it again for each way of building costs a minute.
# TestChaos takes fewer seeds here, and all of its own in rest; nothing else is smaller.
race() { bus; say "race"; TRANSPORT_SEEDS=${TRANSPORT_SEEDS:-60} TMPDIR=$(tmp) go test -vet=off -race -timeout 30m -skip "$SKIP" $(go list ./... | grep -vE "$ALONE"); }

# What race leaves out, so that the plain run has every test once.
rest() {
	bus
	say "unit, without what race runs"
	local rooms
	rooms=$(grep -rlE "^func ($LONG|TestStore|TestChaos)\(" --include='*_test.go' api cmd internal | xargs -n 1 dirname | sort -ru | sed 's,^,./,' | grep -vE "$ALONE")
	TMPDIR=$(tmp) go test -vet=off -timeout 20m $(go list ./... | grep -E "$ALONE")
	TMPDIR=$(tmp) go test -vet=off -timeout 20m -run "$SKIP|^TestChaos\$" $rooms
}

# Two rooms at a time, one worker each: as many as the smallest machine has cores.
# A room is built once for all its targets; one that imports much comes first and
# alone, or two would both build what they share. On a busy machine Go 1.26 now and
# then takes the end of the time for a failure: that is tried again, a failing input
# is not.
fuzz() {
	say "fuzz, $FUZZTIME a target"
	grep -rlE '^func Fuzz' --include='*_test.go' api cmd internal | xargs -n 1 dirname | sort | uniq -c | sort -rn | awk '{ print $2 }' >bin/fuzz.rooms
	[ -s bin/fuzz.rooms ] || { echo "no fuzz targets found"; return 1; }
	local cache
	cache=$(go env GOCACHE)/fuzz/vidimus
	go test -vet=off -c -fuzz Fuzz -o bin/first.fuzz ./internal/wallet && rm bin/first.fuzz
	FUZZTIME=$FUZZTIME CACHE=$cache TOP=$PWD xargs -P 2 -n 1 bash -c '
		program=$TOP/bin/$(echo "$0" | tr / -).fuzz
		go test -vet=off -c -fuzz Fuzz -o "$program" "./$0" || exit 255
		cd "$0"
		for target in $("$program" -test.list "^Fuzz"); do
			for try in 1 2 3; do
				out=$("$program" -test.run "^$" -test.fuzz "^$target\$" -test.fuzztime "$FUZZTIME" -test.fuzzminimizetime 1x \
					-test.parallel 1 -test.fuzzcachedir "$CACHE/$0" 2>&1) && break
				case $try$out in
				*"Failing input"* | 3*) ;;
				*"    context deadline exceeded"*) continue ;;
				esac
				printf "%s\n" "$out"
				exit 255
			done
			printf "%s %s: %s\n" "$0" "$target" "$(printf "%s\n" "$out" | grep -o "execs: [0-9]*" | tail -1)"
		done
		rm -f "$program"' <bin/fuzz.rooms
}

# modules FOLDER...: installs the npm packages that lock files name.
modules() {
	need node nodejs npm
	need npm npm
	local dir
	for dir in "$@"; do
		[ "$dir/node_modules" -nt "$dir/package-lock.json" ] ||
			(cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund && touch node_modules)
	done
}

# together WORD...: runs words that wait a good deal beside each other, and shows
# what each said when it is done. When one fails the others still come to their end.
together() {
	say "$* at the same time; what they say follows"
	local word failed=
	local -A group
	set -m # a process group each, to be stopped whole
	for word in "$@"; do
		("$word") </dev/null >"bin/$word.out" 2>&1 &
		group[$word]=$!
	done
	set +m
	trap "kill -- ${group[*]/#/-} 2>/dev/null || true" EXIT
	for word in "$@"; do
		wait "${group[$word]}" || failed="$failed $word"
		cat "bin/$word.out"
	done
	trap - EXIT
	[ -z "$failed" ] || { echo "failed:$failed"; return 1; }
}

interop_needs() { need openssl openssl; modules testdata/interop/node testdata/interop/credo testdata/interop/tsl testdata/interop/oidc; }
interop() {
	interop_needs
	say "interop: independent wallets, verifier, list reader and login"
	# One more at a time than there are cores: wallets wait for the office.
	go test -count=1 -v -vet=off -timeout 30m -parallel "$(($(nproc) + 1))" -tags=nomsgpack,interop ./internal/app/interop | grep -v "^{"
}

e2e_needs() {
	need chromium chromium
	modules testdata/axe
}
e2e() {
	e2e_needs
	say "e2e: pages in a real browser"
	go test -count=1 -vet=off -timeout 30m -tags=nomsgpack,e2e ./internal/app/consoletest ./internal/app/readertest ./internal/app/citizentest ./internal/app/demo
}

# Keys in tokens: SoftHSM2 itself, behind a p11-kit server, and behind a module that
# lies. The rate is measured without the race detector, which slows us alone.
hsm_needs() {
	need gcc gcc libc6-dev
	need openssl openssl
	need softhsm2-util softhsm2
	need p11-kit p11-kit
	[ -e /usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so ] || need p11-kit-client.so p11-kit-modules
	modules testdata/interop/node
}
hsm() {
	hsm_needs
	say "hsm: tokens that fail, hang and lie"
	go test -count=1 -v -vet=off -race -timeout 20m -tags=nomsgpack,pkcs11 -skip "^(TestRate|TestHundredKeys$([ "$HSM" = ci ] && echo '|TestKit'))\$" ./internal/keys/pkcs11 | grep -v "^=== "
	go test -count=1 -v -vet=off -timeout 20m -tags=nomsgpack,pkcs11 -run '^(TestRate|TestHundredKeys)$' ./internal/keys/pkcs11 | grep -v "^=== "
	say "hsm: a ceremony, and offices, whose keys are in tokens"
	[ "$HSM" = ci ] || go test -count=1 -v -vet=off -timeout 20m -tags=nomsgpack,pkcs11 ./internal/app/hsmtest | grep -v "^=== "
	go test -count=1 -v -vet=off -timeout 20m -tags=nomsgpack,pkcs11 -run '^TestCeremonyInToken$' ./cmd/signer
	go test -count=1 -v -vet=off -timeout 20m -tags=nomsgpack,interop,pkcs11 -run '^TestForeignWalletToken$' ./internal/app/interop | grep -v "^{"
}

# Counts of a commit in the plain run (FAULTS=ci), those of a release by word:
# 1,000 kills at random and at points, every system call, 20 power cuts.
faults_needs() {
	need qemu-system-x86_64 qemu-system-x86
	need mkfs.ext4 e2fsprogs
	need mount mount
	compgen -G "/boot/vmlinuz-*-cloud-amd64" >/dev/null || need a-guest-kernel linux-image-cloud-amd64
}
faults() {
	faults_needs
	say "faults ($FAULTS): kill -9, points, system calls, a full disk, two offices, power cuts"
	go test -count=1 -v -vet=off -timeout 30m -run 'Kill|Crash|Fatal' ./internal/store/bolt
	go test -count=1 -vet=off -timeout 30m -tags nomsgpack,faults ./internal/faults
	FAULTS=$FAULTS go test -count=1 -v -vet=off -timeout 180m -tags nomsgpack,faults ./internal/app/faulttest
}

# What goes out: the units of systemd and what they start, two builds that are one, bills
# of materials, FIPS 140-3 mode. By word also with nothing in a cache, and a million signatures.
release_needs() {
	need systemd-analyze systemd
	need openssl openssl
	need strace strace
}
release() {
	release_needs
	say "release ($RELEASE): units, builds, bills, FIPS 140-3"
	RELEASE=$RELEASE go test -count=1 -v -vet=off -timeout 30m -tags nomsgpack,release ./internal/app/release
	RELEASE=$RELEASE go test -count=1 -v -vet=off -timeout 30m -tags nomsgpack,release -run '^TestNoNonceTwiceInAMillion$' ./internal/keys/soft
}

# Reader and holder over a real bluetoothd and the kernel's Bluetooth, between two
# virtual controllers (btvirt) in a guest without KVM; five minutes, on a busy machine fifteen. The kernel for
# it is unpacked, not installed: the one for clouds has no Bluetooth.
ble() {
	need qemu-system-x86_64 qemu-system-x86
	need dbus-daemon dbus-daemon
	need btvirt bluez bluez-test-tools
	local kernel=$PWD/bin/ble-kernel
	if ! compgen -G "$kernel/boot/vmlinuz-*-amd64" >/dev/null; then
		say "unpacking a kernel with Bluetooth"
		rm -rf "$kernel"
		mkdir -p "$kernel"
		local package
		package=$(apt-cache depends linux-image-amd64 | awk '/Depends:/ { print $2; exit }')
		(cd "$kernel" && apt-get download -qq "$package" && dpkg-deb -x ./*.deb . && rm ./*.deb)
	fi
	say "ble: a real bluetoothd"
	BLE_KERNEL=$kernel go test -count=1 -v -timeout 40m -tags nomsgpack,bluez -run '^TestGuest$' ./internal/ble
}

# Sessions between a reader and a holder over radios that cut, lose, repeat and
# reorder, in made-up time; without a number some hundreds run with the unit tests.
chaos() {
	say "chaos: ${TRANSPORT_SEEDS:=10000} drawn sessions"
	TRANSPORT_SEEDS=$TRANSPORT_SEEDS go test -count=1 -v -timeout 60m -run '^TestChaos$' ./internal/proximity/gatt
}

# The figures of the office at the sizes of a state: sustained pushes, a load of
# 1.4 million records, 40 million indices. Half an hour on a quiet machine; without
# OFFICEBENCH=full the same tests run small, with the unit tests.
bench-office() {
	say "bench-office: sustained pushes, loads, lists, a large database"
	OFFICEBENCH=${OFFICEBENCH:-full} go test -count=1 -v -timeout 180m ./internal/app/officebench
}

# What issuance costs beside the bare cryptography, and beside an issuer of other
# people's libraries; memory and latency over ISSUANCEBENCH_MINUTES. A quarter of
# an hour on a quiet machine; without ISSUANCEBENCH=full the same tests run small,
# with the unit tests.
bench-issuance() {
	modules testdata/interop/node
	say "bench-issuance: batches, the whole flow, memory, overload, a peer"
	ISSUANCEBENCH=${ISSUANCEBENCH:-full} go test -count=1 -v -timeout 60m -tags nomsgpack,interop ./internal/app/issuancebench
}

# One core, floors interleaved with their cases in the same process.
# SPEED=strict makes bounds of what is only told else: 100 keys of a token within a second
# (./t.sh hsm), a batch over the socket at most 1.15 times that in one process.
bench() {
	say "bench: one core, beside the crypto floor of the same run"
	go test -run '^$' -bench "${BENCH:-.}" -benchmem -cpu 1 -benchtime "${BENCHTIME:-300ms}" ./... >bin/bench.txt
	awk '
		BEGIN { printf "%-52s %14s %12s %10s %10s\n", "benchmark", "cpu ns/op", "B/op", "allocs/op", "x-floor" }
		/^pkg:/ { sub("vidimus/", "", $2); sub("internal/", "", $2); pkg = $2 }
		/^Benchmark/ {
			ns = cpu = bytes = allocs = floor = "-"
			for (i = 3; i < NF; i += 2) {
				if ($(i+1) == "ns/op") ns = $i
				if ($(i+1) ~ /^cpu-ns/) cpu = $i
				if ($(i+1) == "B/op") bytes = $i
				if ($(i+1) == "allocs/op") allocs = $i
				if ($(i+1) == "x-floor") floor = $i
			}
			sub("^Benchmark", "", $1)
			printf "%-52s %14s %12s %10s %10s\n", pkg " " $1, cpu == "-" ? ns : cpu, bytes, allocs, floor
		}' bin/bench.txt
}

# VULNDB is a copy of the Go vulnerability database: a folder with its OSV files, or an
# archive (.tar.gz) of one. One older than 30 days knows nothing of what was found since,
# and is refused unless VULN_OLD=1. Its age is that of its index; in a copy without one, as
# its authors keep it, entries have no dates, and the newest file counts: VULNDB_DATE
# (2026-08-21) says it where files were copied later.
vuln() {
	say "known vulnerabilities"
	local db=${VULNDB:?set VULNDB to a folder with the OSV files of the Go vulnerability database, or a .tar.gz of it} newest age
	mkdir -p bin
	if [ -f "$db" ]; then
		rm -rf bin/vulndb && mkdir bin/vulndb
		tar -xzf "$db" -C bin/vulndb --no-same-owner
		db=bin/vulndb
	fi
	newest=${VULNDB_DATE:-}
	[ -n "$newest" ] || newest=$(grep -oE '[0-9]{4}-[0-9]{2}-[0-9]{2}' "$db/index/db.json" 2>/dev/null) ||
		newest=$(find "$db" -name 'GO-*.json' -printf '%TY-%Tm-%Td\n' | sort | tail -n 1)
	[ -n "$newest" ] || { echo "$VULNDB holds no entry GO-*.json of the database" >&2; return 1; }
	[ -d "$db/index" ] || [ ! -d "$db/osv" ] || db=$db/osv
	age=$((($(date +%s) - $(date -d "$newest" +%s)) / 86400))
	echo "database of $newest, $age days old, $(find "$db" -name 'GO-*.json' | wc -l) entries; $(go version)"
	if [ "$age" -gt 30 ]; then
		[ "${VULN_OLD:-}" = 1 ] || { echo "what was found in the last $age days is not in it: get a newer one, or say VULN_OLD=1" >&2; return 1; }
		echo "older than 30 days, and taken all the same (VULN_OLD=1): it knows nothing of these $age days"
	fi
	(cd tools && go build -o ../bin/govulncheck golang.org/x/vuln/cmd/govulncheck)
	local found=
	bin/govulncheck -db "file://$(realpath "$db")" -tags nomsgpack ./... || found=yes
	say "known vulnerabilities of the signer with PKCS#11"
	bin/govulncheck -db "file://$(realpath "$db")" -tags nomsgpack,pkcs11 ./cmd/signer || found=yes
	[ -z "$found" ]
}

# registry WHAT COMMAND...: builds a peer from what a package registry has; says so
# when that cannot be reached.
registry() {
	local what=$1
	shift
	"$@" || { echo "$what: not built. Is its package registry reached from here? Without it this peer cannot run." >&2; return 1; }
}

# Programs of our own that call libraries of other registries, pinned by lock files
# or exact versions, against the real issuer: PyPI, Maven Central, crates.io.
interop-more() {
	modules testdata/interop/node
	need python3 python3 python3-venv
	need java default-jre-headless
	need mvn maven default-jdk-headless
	need cargo cargo
	say "interop-more: building the peers"
	local lock=testdata/interop/python/requirements.txt
	if [ ! bin/python/built -nt "$lock" ]; then
		rm -rf bin/python
		python3 -m venv bin/python
		registry python bin/python/bin/pip install -q --disable-pip-version-check --only-binary :all: --require-hashes -r "$lock"
		touch bin/python/built
	fi
	registry jvm mvn -B -q -f testdata/interop/jvm/pom.xml "-Dpeer.target=$PWD/bin/jvm" package
	registry rust cargo build -q --locked --manifest-path testdata/interop/rust/Cargo.toml --target-dir bin/rust
	say "interop-more: wallets and readers of Python, the JVM and Rust"
	go test -count=1 -v -tags=nomsgpack,interop,more -run '^Test(Python|PythonCertificates|JVM|Rust)$' ./internal/app/interop | grep -v "^{"
}

# What is installed is installed before anything runs beside it.
plain() {
	interop_needs
	e2e_needs
	faults_needs
	release_needs
	hsm_needs
	lint
	rest
	race
	fuzz
	release
	hsm # alone: what is late counts as away; the cuts of p11-kit are for the word
	together interop e2e faults # none of them has work for two cores
}

mkdir -p bin
trap 'exit 130' INT TERM # with what together started
if [ $# = 0 ]; then
	plain
	set -- lint unit race fuzz release interop e2e hsm faults
else
	for word in "$@"; do
		case $word in
		fast) bus; say "vet"; go vet ./...; say "unit"; TMPDIR=$(tmp) go test -short -skip "$SKIP" ./... ;;
		lint | unit | rest | race | fuzz | interop | e2e | bench | bench-office | bench-issuance | ble | chaos | hsm | faults | release | vuln | interop-more) "$word" ;;
		*) sed -n '2,11p' "$0"; exit 2 ;;
		esac
	done
fi
say "passed: $*"
[ "$*" = interop-more ] || echo "$# passed, 0 failed"
