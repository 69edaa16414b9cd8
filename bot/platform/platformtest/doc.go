// Package platformtest is what the tests of all chat platforms need: golden files, an
// inbox, a meter and a log that can be read. Everything is safe for concurrent use.
//
// It must not know any one platform. It is for tests alone: importing it adds the
// flag -update.
package platformtest
