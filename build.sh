#!/usr/bin/env bash
# Builds a release: the same source and Go give the same bytes, in whatever folder, on
# whatever machine.
#
#   ./build.sh FOLDER            programs, a bill of materials for each (SPDX), SHA256SUMS
#   ./build.sh FOLDER KEY.pem    and SHA256SUMS.sig, by a P-256 or P-384 key in PKCS#8
#
# FOLDER is made anew. Variables that change what is built: GOOS, GOARCH; GOFIPS140=v1.0.0
# for programs in FIPS 140-3 mode; VERSION (default: git describe) and SOURCE_DATE_EPOCH
# (default: the commit), which stand in the bills alone; SIGNER=soft for a signer without
# PKCS#11, as it is also built where no C compiler is (it says so). docs/KEYS.md tells more.
set -euo pipefail
out=${1:?usage: ./build.sh FOLDER [KEY.pem]}
key=${2:-}
[ ! -e "$out" ] || [ -z "$(ls -A "$out")" ] || { echo "$out is not empty: name a new folder" >&2; exit 1; }
mkdir -p "$out"
out=$(realpath "$out")
[ -z "$key" ] || key=$(realpath "$key")
cd "$(dirname "$0")"

# Nothing of the machine, of the user's settings and of the checkout goes in. No VCS stamp:
# an archive of the source gives what a clone gives.
export GOFLAGS="-trimpath -mod=readonly -buildvcs=false" GOTOOLCHAIN=local GOAMD64=v1 GOEXPERIMENT= CGO_ENABLED=0
export LC_ALL=C TZ=UTC
unset CGO_CFLAGS CGO_CPPFLAGS CGO_CXXFLAGS CGO_LDFLAGS
VERSION=${VERSION:-$(git describe --always --dirty 2>/dev/null || echo unknown)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
umask 022

go build -tags nomsgpack -ldflags '-buildid=' -o "$out/" ./cmd/issuer ./cmd/verifier ./cmd/wallet

# The signer has the only C, to talk to PKCS#11 modules, and overwrites what it computed
# with (package runtime/secret, an experiment of Go that this release of it has).
target=$(go env GOOS)/$(go env GOARCH)
if [ "${SIGNER:-}" != soft ] && [ "$target" = "$(go env GOHOSTOS)/$(go env GOHOSTARCH)" ] && command -v "$(go env CC)" >/dev/null; then
	GOEXPERIMENT=runtimesecret CGO_ENABLED=1 go build -tags nomsgpack,pkcs11 -ldflags '-buildid= -linkmode=external -extldflags=-Wl,--build-id=none' -o "$out/" ./cmd/signer
else
	echo "the signer is built without PKCS#11: it opens soft keys alone" >&2
	GOEXPERIMENT=runtimesecret go build -tags nomsgpack -ldflags '-buildid=' -o "$out/" ./cmd/signer
fi

tool=$(mktemp)
trap 'rm -f "$tool"' EXIT
GOOS= GOARCH= GOFIPS140=off go build -tags nomsgpack -o "$tool" ./cmd/release
for program in issuer signer verifier wallet; do
	"$tool" bill --version "$VERSION" --created "$SOURCE_DATE_EPOCH" -o "$out/$program.spdx.json" "$out/$program"
done
"$tool" seal ${key:+--key "soft:path=$key"} "$out"
