// SPDX-License-Identifier: Apache-2.0

// Package account knows who may do what: users with roles and passwords, their
// sessions, tokens for programs, and links that work once. Of every secret it keeps
// only a hash.
package account
