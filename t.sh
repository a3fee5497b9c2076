#!/usr/bin/env bash
# The one entry to every check of this repository.
#
#   ./t.sh              lint unit race fuzz interop e2e faults: everything that a change must pass
#   ./t.sh fast         unit tests without the race detector, vet, archtest: under two minutes
#   ./t.sh WORD...      any of: fast lint unit race fuzz interop e2e bench faults vuln interop-more
#
# Needed on the machine: Go, and for interop and e2e a Debian with apt. What is
# missing is installed: node, npm, chromium (Debian), the peers (npm, lock files).
set -euo pipefail
cd "$(dirname "$0")"
export GOFLAGS="${GOFLAGS:-} -tags=nomsgpack"
FUZZTIME=${FUZZTIME:-10s}

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
	say "gofmt"
	local bad
	bad=$(gofmt -l $(git ls-files '*.go'))
	[ -z "$bad" ] || { echo "not formatted: $bad"; return 1; }
	say "go mod tidy"
	go mod tidy -diff
	(cd tools && go mod tidy -diff)
	say "go vet"
	go vet ./...
	go vet -tags=nomsgpack,e2e,interop ./...
	say "staticcheck"
	mkdir -p bin
	(cd tools && go build -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck)
	bin/staticcheck -tags=nomsgpack,e2e,interop ./...
	say "archtest"
	go test -count=1 ./internal/archtest
}

unit() { say "unit"; go test ./...; }
race() { say "race"; go test -race -short ./...; }

fuzz() {
	say "fuzz, $FUZZTIME a target"
	local pkg target
	for pkg in $(go list ./...); do
		for target in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true); do
			echo "$pkg $target"
			go test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" "$pkg" >bin/fuzz.log 2>&1 || { cat bin/fuzz.log; return 1; }
		done
	done
}

peers() {
	need node nodejs npm
	need npm npm
	local dir
	for dir in node tsl; do
		[ "testdata/interop/$dir/node_modules" -nt "testdata/interop/$dir/package-lock.json" ] ||
			(cd "testdata/interop/$dir" && npm ci --ignore-scripts --no-audit --no-fund && touch node_modules)
	done
}

interop() {
	peers
	say "interop: independent wallet, verifier and list reader"
	go test -count=1 -tags=nomsgpack,interop ./internal/app/...
}

e2e() {
	need chromium chromium
	say "e2e: pages in a real browser"
	go test -count=1 -tags=nomsgpack,e2e ./internal/app/...
}

faults() { say "faults: kill -9 in the middle of writes"; FAULTS=ci go test -count=1 -run 'Kill|Crash|Fatal' ./internal/store/...; }

bench() {
	say "bench: beside the crypto floor of the same run"
	go run ./internal/archtest/benchtable 2>/dev/null || go test -run '^$' -bench . -benchmem -cpu 1 -benchtime "${BENCHTIME:-300ms}" ./...
}

vuln() {
	say "known vulnerabilities"
	local db=${VULNDB:?set VULNDB to a folder with the OSV files of the Go vulnerability database}
	mkdir -p bin
	(cd tools && go build -o ../bin/govulncheck golang.org/x/vuln/cmd/govulncheck)
	bin/govulncheck -db "file://$(realpath "$db")" ./...
}

interop-more() { say "interop-more: peers from other registries: none in this version"; }

mkdir -p bin
[ $# -gt 0 ] || set -- lint unit race fuzz interop e2e faults
for word in "$@"; do
	case $word in
	fast) say "vet"; go vet ./...; say "unit"; go test -short ./... ;;
	lint | unit | race | fuzz | interop | e2e | bench | faults | vuln | interop-more) "$word" ;;
	*) sed -n '2,10p' "$0"; exit 2 ;;
	esac
done
say "passed: $*"
