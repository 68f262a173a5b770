// Package demo holds the catalogue and the customers of the demonstration, in the form that `portal import` reads.
package demo

import "embed"

// Files are the import files, in the order of their names: the catalogue first.
//
//go:embed *.json
var Files embed.FS
