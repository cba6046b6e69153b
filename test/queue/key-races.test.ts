/** One key under everything at once: adds in every mode, ends, removals, cancels and time, in any order that the store allows. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Queue } from 'holdfast'
import { gate, stage } from '../stage/stage.ts'

const MODES = [
  { id: 'd' },
  { id: 'd', ttl: 50 },
  { id: 'd', ttl: 50, extend: true, replace: true },
  { id: 'd', replace: true },
  { id: 'd', keepLastIfActive: true },
] as const

const aDeed = fc.oneof(
  fc.record({ add: fc.constantFrom(...MODES), delay: fc.constantFrom(0, 0, 20), fails: fc.boolean() }),
  fc.constantFrom(
    'remove',
    'remove by force',
    'cancel',
    'take the id',
    'end the handlers',
    'let time pass',
    'drain',
  ),
)

test('nothing is orphaned, nothing is stuck, and what was answered as added is there or has ended', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(aDeed, { minLength: 1, maxLength: 5 }), { maxLength: 5 }),
      async (rounds) => {
        const { host, queue, worker, dump } = stage()
        let hold = gate()
        worker(
          async (job) => {
            await hold.promise
            if (job.data === 'fails') throw new Error('no')
          },
          { concurrency: 3 },
        )
        const end = (): void => {
          hold.open()
          hold = gate()
        }
        for (const deeds of rounds) {
          const begun = deeds.map(async (deed) => {
            if (typeof deed === 'object') {
              const opts = {
                deduplication: deed.add,
                delay: deed.delay,
                deadLetter: 'dead',
                removeOnComplete: deed.fails,
              }
              return queue.add('n', deed.fails ? 'fails' : 1, opts)
            }
            const id = await queue.getDeduplicationJobId('d')
            if (deed === 'take the id') return queue.removeDeduplicationKey('d')
            if (deed === 'drain') return queue.drain(true)
            if (deed === 'end the handlers') return end()
            if (deed === 'let time pass') return host.advance(30)
            if (id === null) return undefined
            if (deed === 'cancel') return queue.cancel(id)
            return queue.remove(id, { force: deed === 'remove by force' }).catch(() => 0)
          })
          await Promise.all(begun)
        }
        for (let round = 0; round < 10; round++) {
          end()
          await host.advance(1000)
        }
        const { active, waiting, delayed, 'waiting-children': blocked } = await queue.getJobCounts()
        expect({ active, waiting, delayed, blocked }).toEqual({
          active: 0,
          waiting: 0,
          delayed: 0,
          blocked: 0,
        })
        expect([...dump().records.keys()].filter((id) => id.startsWith('dedup:'))).toEqual([])
        const { store } = (
          queue as unknown as { ledger: { store: ConstructorParameters<typeof Queue>[1]['store'] } }
        ).ledger
        for (const name of ['q', 'dead'])
          expect((await new Queue(name, { store }).verify()).problems).toEqual([])
      },
    ),
    { numRuns: 60 },
  )
})
