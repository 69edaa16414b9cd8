// Package platform is what the adapters of all chat platforms do alike: the pace at
// which calls go out and who goes first, what is remembered for a while, tokens that
// do not print, failures of the network, presses that are kept until they can be done,
// and the words that every rendering uses.
//
// Gate promises that no lane is ever used faster than its limit, in any window, and
// that whoever waits is served by priority and then in the order of arrival, but the newest
// first of those who wait for a form. Cache
// promises nothing but the age of what it returns. Guard survives a panic and says so. Kept
// finishes a press when it was done and its answer delivered, and not before.
//
// It must not know any one platform, its limits, its codes or its layout, nor
// requests, flows or the store: a platform names its lanes and counters itself.
//
// Caveats: lanes are counted per process, so several processes rely on the platform's
// 429 between them. A platform that shares nothing of this may still be a platform;
// what only looks alike in two of them (how a card is cut to their limits, which
// codes mean what) stays with each.
package platform
