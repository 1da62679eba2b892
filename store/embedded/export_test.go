//go:build unix

package embedded

// BinDirs is what a nil Config.BinDirs means.
var BinDirs = binDirs
