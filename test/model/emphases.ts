/**
 * What runs dwell on: commands that are drawn more often in some of them, so that what takes several steps comes about without more
 * runs. A feature that ordinary runs seldom get to adds its own.
 */
import * as fc from 'fast-check'
import { gathering } from './batch-commands.ts'
import { bulkCommands } from './bulk-commands.ts'
import { claiming, claimingBatches } from './claim-commands.ts'
import { adding, addingOf, advancing, cancelling, ending, newJob, retrying, sharingJob } from './commands.ts'
import { type Command, times } from './drawn.ts'
import { editCommands } from './edit-commands.ts'
import type { ModelEnding } from './end-world.ts'
import { findCommands } from './find-commands.ts'
import { aGroup, groupCommands, limitingGroups, visiting } from './group-commands.ts'
import { identityCommands, inGroup } from './identity-commands.ts'
import { aCompletion, settlingWith } from './lease-commands.ts'
import { letterCommands } from './letter-commands.ts'
import { limiting } from './limit-commands.ts'
import { draining, massCommands } from './mass-commands.ts'
import { nameCommands } from './name-commands.ts'
import { expiring, reapCommands } from './reap-commands.ts'
import { scheduleCommands, ticking } from './schedule-commands.ts'

const aFailure = fc.constant<ModelEnding>({ kind: 'failed', final: true })
/** Few, so that a letter meets an older one, or its job anew. */
const aMortal = fc
  .tuple(newJob, fc.constantFrom('1', '1', '2', '3'), fc.constantFrom(undefined, undefined, 1000))
  .map(([job, id, ttl]) => ({
    ...job,
    id,
    options: { ...job.options, delay: 0, deadLetter: true, ttl },
  }))

/** In no hurry, so that it is there when it stalls. */
const aSturdyJob = newJob.map((job) => ({ ...job, options: { ...job.options, delay: 0, ttl: undefined } }))

/** Jobs that fail for good, and are sent back. */
const letters: readonly fc.Arbitrary<Command>[] = [
  ...times(70, addingOf(aMortal)),
  ...times(60, claiming),
  ...times(90, settlingWith(aFailure)),
  ...times(10, letterCommands).flat(),
  ...times(30, expiring),
  ...times(20, advancing),
]

/** Jobs that have something in common. */
const identity: readonly fc.Arbitrary<Command>[] = [
  ...times(50, addingOf(sharingJob)),
  ...times(25, claiming),
  ...times(20, settlingWith(aCompletion)),
  ...times(12, identityCommands).flat(),
  ...times(14, advancing),
]

/** Bulks in several units, cut off, and what is left of them. */
const bulks: readonly fc.Arbitrary<Command>[] = [
  ...times(15, bulkCommands(newJob)).flat(),
  ...times(8, advancing),
]

const aMember = fc
  .tuple(newJob, aGroup)
  .map(([job, group]) => inGroup({ ...job, options: { ...job.options, delay: 0 } }, group))

/** Groups that have more than they may run. */
const groups: readonly fc.Arbitrary<Command>[] = [
  ...times(150, addingOf(aMember)),
  ...times(120, visiting),
  ...times(50, settlingWith(aCompletion)),
  ...times(7, groupCommands).flat(),
  ...times(20, limitingGroups),
  ...times(30, advancing),
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

/** Schedules whose times come, and are missed. */
const schedules: readonly fc.Arbitrary<Command>[] = [
  ...times(12, scheduleCommands).flat(),
  ...times(60, ticking),
  ...times(30, advancing),
  ...times(12, claiming),
]

/** Leases that nobody renews, until the last stall of a job. */
const stalls: readonly fc.Arbitrary<Command>[] = [
  ...times(20, addingOf(aSturdyJob)),
  ...times(60, claiming),
  ...times(50, advancing),
  ...times(6, reapCommands).flat(),
  ...times(10, ending),
]

/** What somebody does by hand, and looks for. */
const byHand: readonly fc.Arbitrary<Command>[] = [
  ...times(50, adding),
  ...times(50, claiming),
  ...times(14, editCommands).flat(),
  ...times(12, nameCommands).flat(),
  ...times(24, findCommands).flat(),
  ...times(8, massCommands).flat(),
  ...times(12, draining),
  ...times(40, cancelling),
  ...times(10, retrying),
]

export const emphases: readonly (readonly fc.Arbitrary<Command>[])[] = [
  bulks,
  groups,
  identity,
  letters,
  batches,
  schedules,
  stalls,
  byHand,
]
