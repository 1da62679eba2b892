// Package spicedbtest is a module of its own, so that the weight of a SpiceDB
// stays out of the product: its go.mod says which SpiceDB the tests run, and
// internal/access/spicedb/spicetest builds and starts it.
//
// v1.56.2 is the newest that builds with the Go of this repository: v1.57.1
// asks for a newer one.
package spicedbtest
