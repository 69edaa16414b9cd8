// Package config turns one YAML file, the environment and flags into a typed,
// checked Config, or into a Report of everything that is wrong with them.
//
// It promises that all problems are found in one go, each with its place
// (file:line:col), a stable code, a sentence and, where there is one, a hint;
// that a key nobody knows, a value that cannot be used and a feature that this
// version lacks are errors, so that a policy is never weaker than what is
// written; that keys and names keep their case; and that no problem quotes a
// secret.
//
// Scalars of the service (tokens, paths, intervals) are layered by viper: flag,
// then environment (BOT_ and the path of the key, as in BOT_STORE_PATH), then
// file, then default. Lists and mappings come from the file alone. Values of
// type flows.Secret are references, env:NAME or file:/path, wherever they are.
//
// It must not know what the service does with any of it. It makes connections
// through provision.Registry, which touches no network.
//
// Caveats: a Config owns its connections until Close. An empty environment
// variable counts as not set. Load reads no clock and keeps no state, so it may
// be called again whenever the file has changed; Digest tells cheaply.
package config
