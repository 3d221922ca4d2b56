// Package build says which version of secr this is. secr and its helper secr-kms
// must agree on it.
package build

import "runtime/debug"

// Version is the module's version for an installed release; for a build from a
// checkout it is the revision, with "+dirty" if files were changed; without either
// it is "devel".
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return devel
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	if revision == "" {
		return devel
	}
	if settings["vcs.modified"] == "true" {
		revision += "+dirty"
	}
	return revision
}

const devel = "devel"
