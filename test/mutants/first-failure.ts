/** Loaded before the tests of a mutant: a property stops at its first failure, and draws the same each time. */
import * as fc from 'fast-check'

fc.configureGlobal({ endOnFailure: true, seed: 1 })
