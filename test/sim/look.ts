/** A look at everything that is stored: the invariants of every dump, and that the books say the same. */
import type { MemoryContent } from 'holdfast/memory'
import { type Dump, textOf } from '../model/dump.ts'
import { viewOf } from '../model/queue-view.ts'
import { checkPartition, checkQueue, must } from '../model/invariants.ts'
import { QUEUES } from './jobs.ts'
import { LETTERS } from './letters.ts'
import type { World } from './world.ts'

const dumpOf = (content: MemoryContent): Dump => ({
  records: content.records,
  lanes: new Map([...content.lanes].map(([lane, keys]) => [lane, keys.head(undefined, undefined, Infinity)])),
})

export function lookAtAll(world: World): void {
  const { content, books } = world
  const { options } = world.plan
  const dump = dumpOf(content)
  checkPartition(dump, [...QUEUES, LETTERS])
  const epoch = options.shape === 'own' ? String(content.opened) : undefined
  let jobs = 0
  let claims = 0
  for (const queue of [...QUEUES.slice(0, options.queues), LETTERS]) {
    const view = viewOf(dump, queue)
    checkQueue(dump, view, epoch)
    jobs += view.jobs.size
    claims += view.claims.length
    for (const { name, lane, stateKey } of view.jobs.values()) {
      const booked = books.jobs.get(name)
      must(booked?.key === stateKey, `invariant 5: ${name} is in ${lane}, and no commit put it there`)
    }
  }
  must(jobs === books.jobs.size, `invariant 5: ${jobs} jobs are stored, ${books.jobs.size} should be`)
  must(
    claims === books.claims.size,
    `invariant 5: ${claims} entries of claims are stored, ${books.claims.size} should be`,
  )
  world.count('looks at everything')
}

export const textOfAll = (content: MemoryContent): string => textOf(dumpOf(content))
