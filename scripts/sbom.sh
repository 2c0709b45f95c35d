#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the bill of materials of an image's root (image_root.sh) as SPDX 2.3 in JSON: Cascade, the packages
# whose libraries it has, and those whose headers are compiled into the programs. SOURCE_DATE_EPOCH, in
# seconds, is the time that it names (0), so that the same root always gives the same bytes.
#
#   sbom.sh ROOT
set -eu
root=$1
version=$(sed -n 's/^project(cascade VERSION \([0-9.]*\).*/\1/p' "$(dirname "$0")/../CMakeLists.txt")
headers='libeigen3-dev libhwy-dev nlohmann-json3-dev'

# package NAME VERSION ARCHITECTURE RELATION
package() {
  id="SPDXRef-Package-$(printf '%s' "$1" | sed 's/[^A-Za-z0-9.-]/-/g')"
  printf '    {"SPDXID": "%s", "name": "%s", "versionInfo": "%s", "downloadLocation": "NOASSERTION",\n' "$id" "$1" "$2"
  printf '     "supplier": "Organization: Debian", "filesAnalyzed": false, "licenseConcluded": "NOASSERTION",\n'
  printf '     "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION", "externalRefs": [{\n'
  printf '       "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",\n'
  printf '       "referenceLocator": "pkg:deb/debian/%s@%s?arch=%s"}]},\n' \
    "$(printf '%s' "$1" | sed 's/+/%2B/g')" "$(printf '%s' "$2" | sed 's/+/%2B/g; s/:/%3A/g')" "$3"
  printf '    {"spdxElementId": "SPDXRef-Package-cascade", "relationshipType": "%s", "relatedSpdxElement": "%s"},\n' \
    "$4" "$id" >&3
}

field() { sed -n "s/^$2: //p" "$1"; }

relations=$(mktemp)
trap 'rm -f "$relations"' EXIT
{
  cat << END
{
  "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "cascade-$version",
  "documentNamespace": "https://spdx.org/spdxdocs/cascade-$version-${SOURCE_DATE_EPOCH:-0}",
  "creationInfo": {
    "created": "$(date -u -d "@${SOURCE_DATE_EPOCH:-0}" +%Y-%m-%dT%H:%M:%SZ)", "creators": ["Tool: cascade-sbom.sh"]
  },
  "packages": [
END
  for entry in "$root"/var/lib/dpkg/status.d/*; do
    package "$(field "$entry" Package)" "$(field "$entry" Version)" "$(field "$entry" Architecture)" DYNAMIC_LINK
  done
  for name in $headers; do
    package "$name" "$(dpkg-query -W -f '${Version}' "$name")" "$(dpkg-query -W -f '${Architecture}' "$name")" \
      STATIC_LINK
  done
  cat << END
    {"SPDXID": "SPDXRef-Package-cascade", "name": "cascade", "versionInfo": "$version",
     "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "licenseConcluded": "Apache-2.0",
     "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION"}
  ],
  "relationships": [
END
} 3> "$relations"
cat "$relations"
cat << END
    {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
     "relatedSpdxElement": "SPDXRef-Package-cascade"}
  ]
}
END
