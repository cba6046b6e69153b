/**
 * What runs dwell on: commands that are drawn more often in some of them, so that what takes several steps comes about without more
 * runs. A feature that ordinary runs seldom get to adds its own.
 */
import * as fc from 'fast-check'
import { gathering } from './batch-commands.ts'
import { bulkCommands } from './bulk-commands.ts'
import { claiming, claimingBatches } from './claim-commands.ts'
import { adding, addingOf, advancing, newJob, sharingJob } from './commands.ts'
import { type Command, times } from './drawn.ts'
import { editCommands } from './edit-commands.ts'
import type { ModelEnding } from './end-world.ts'
import { aGroup, groupCommands, visiting } from './group-commands.ts'
import { identityCommands, inGroup } from './identity-commands.ts'
import { aCompletion, settlingWith } from './lease-commands.ts'
import { letterCommands } from './letter-commands.ts'
import { limiting } from './limit-commands.ts'
import { expiring } from './reap-commands.ts'

const aFailure = fc.constant<ModelEnding>({ kind: 'failed', final: true })
/** Few, so that a letter meets an older one, or its job anew. */
const aMortal = fc.tuple(newJob, fc.constantFrom('1', '1', '2', '3')).map(([job, id]) => ({
  ...job,
  id,
  options: { ...job.options, delay: 0, deadLetter: true },
}))

/** Jobs that fail for good, and are sent back. */
const letters: readonly fc.Arbitrary<Command>[] = [
  ...times(30, addingOf(aMortal)),
  ...times(30, claiming),
  ...times(40, settlingWith(aFailure)),
  ...times(3, letterCommands).flat(),
  ...times(6, expiring),
  ...times(3, advancing),
]

/** Jobs that have something in common. */
const identity: readonly fc.Arbitrary<Command>[] = [
  ...times(20, addingOf(sharingJob)),
  ...times(10, claiming),
  ...times(8, settlingWith(aCompletion)),
  ...times(4, identityCommands).flat(),
  ...times(4, advancing),
]

/** Bulks in several units, cut off, and what is left of them. */
const bulks: readonly fc.Arbitrary<Command>[] = [
  ...times(10, bulkCommands(newJob)).flat(),
  ...times(4, advancing),
]

const aMember = fc
  .tuple(newJob, aGroup)
  .map(([job, group]) => inGroup({ ...job, options: { ...job.options, delay: 0 } }, group))

/** Groups that have more than they may run. */
const groups: readonly fc.Arbitrary<Command>[] = [
  ...times(60, addingOf(aMember)),
  ...times(40, visiting),
  ...times(20, settlingWith(aCompletion)),
  ...times(4, groupCommands).flat(),
  ...times(12, advancing),
]

/** Jobs that are too few, until there are enough. */
const batches: readonly fc.Arbitrary<Command>[] = [
  ...times(20, adding),
  ...times(12, gathering),
  ...times(30, claimingBatches),
  ...times(8, settlingWith(aCompletion)),
  ...times(8, limiting),
  ...times(6, editCommands).flat(),
]

export const emphases: readonly (readonly fc.Arbitrary<Command>[])[] = [
  bulks,
  groups,
  identity,
  letters,
  batches,
]
