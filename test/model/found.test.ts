/** What random runs of the model test found, the shortest commands that showed it: each once on every run. */
import { describe, test } from 'vitest'
import type { ModelNewJob } from './add-world.ts'
import { addInUnits } from './bulk-commands.ts'
import { addBulk, advance } from './commands.ts'
import { type Fault, memoryDisk } from './harness.ts'
import { playCommands } from './play.ts'
import type { ModelOptions } from './world.ts'

const job = (id: string, options: ModelOptions = {}): ModelNewJob => ({ id, data: { n: 1 }, options })
/** The process ends before the answer to the commit after so many. */
const crashAt = (call: number): Fault => ({ kind: 'lost', crash: true, call })

describe('an addition', () => {
  test('takes a deduplication id whose time is over, of a job that was never stored as a whole', () =>
    playCommands(memoryDisk, [
      addInUnits(0, [job('2', { deduplication: { id: 'd', ttl: 1000 } }), job('3'), job('1')], crashAt(2)),
      advance(20_000),
      addBulk(0, [job('1', { deduplication: { id: 'd' } })]),
    ]))
})
