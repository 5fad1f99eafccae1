// SPDX-License-Identifier: Apache-2.0

// Package house holds the rules of the project that a compiler does not know:
// who may import whom, one description a package, a licence line in each file,
// no path of a machine, documents whose links lead somewhere. They read the
// whole repository, which Go's test cache does not see: run them with -count=1.
package house
