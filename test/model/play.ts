/** Random commands on a store and on the model, as often as asked; throws what fast-check says of the shortest ones that differ. */
import * as fc from 'fast-check'
import { batchCommands } from './batch-commands.ts'
import { adding, commands } from './commands.ts'
import { counters } from './counters.ts'
import type { Command } from './drawn.ts'
import { type Disk, Real } from './harness.ts'
import { editCommands } from './edit-commands.ts'
import { emphases } from './emphases.ts'
import { findCommands } from './find-commands.ts'
import { groupCommands } from './group-commands.ts'
import { identityCommands } from './identity-commands.ts'
import { leaseCommands } from './lease-commands.ts'
import { letterCommands } from './letter-commands.ts'
import { massCommands } from './mass-commands.ts'
import { Model } from './model.ts'
import { nameCommands } from './name-commands.ts'
import { reapCommands } from './reap-commands.ts'
import { scheduleCommands } from './schedule-commands.ts'

/** Of a run, at most. */
export const COMMANDS = 80

// Without fast-check's bias towards short runs, in which little happens.
const prelude = fc.array(adding, { maxLength: 8, size: 'max' })
const all = [
  ...commands,
  ...leaseCommands,
  ...reapCommands,
  ...massCommands,
  ...editCommands,
  ...nameCommands,
  ...scheduleCommands,
  ...identityCommands,
  ...letterCommands,
  ...findCommands,
  ...groupCommands,
  ...batchCommands,
]
const playsOf = (maxCommands: number) =>
  fc.noBias(fc.oneof(...emphases.map((some) => fc.commands([...all, ...some], { maxCommands, size: 'max' }))))

export const playModel = (
  disk: () => Promise<Disk>,
  parameters: fc.Parameters<unknown>,
  commands = COMMANDS,
): Promise<void> =>
  fc.assert(
    fc.asyncProperty(prelude, playsOf(commands), (first, chosen) =>
      playCommands(disk, [...first, ...chosen]),
    ),
    parameters as never,
  )

/** These, one after the other. */
export async function playCommands(disk: () => Promise<Disk>, chosen: Iterable<Command>): Promise<void> {
  counters.runs++
  const real = new Real(await disk())
  try {
    await real.open()
    await fc.asyncModelRun(() => ({ model: new Model(), real }), chosen)
  } finally {
    await real.disk.dispose()
  }
}
