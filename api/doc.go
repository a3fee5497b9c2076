// Package api holds the description of our own interfaces for programs of
// others. Its folders are clients in Go that import nothing of ours.
//
// OpenAPI is the listener for registries in OpenAPI 3.1; docs/REGISTRY.md says
// the same in words, and a test holds both against each other and against the
// reader of the office. Promised: what is valid against it stays valid under
// the paths /registry/v1; new optional members may come.
package api

import _ "embed"

// OpenAPI is openapi.yaml.
//
//go:embed openapi.yaml
var OpenAPI []byte
