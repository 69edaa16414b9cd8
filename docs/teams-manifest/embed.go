// Package manifest holds the files of the Teams app, which `bot teams manifest` packs.
package manifest

import "embed"

// Files are manifest.json and its icons. The ids in the manifest are zeros.
//
//go:embed manifest.json color.png outline.png
var Files embed.FS
