/** What is kept of finished jobs by their bytes: the newest that fit, whoever removes them and whatever else is removed. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PAGE_KEYS, UNIT_OPERATIONS } from '../../src/core/bounds.ts'
import { tallyId } from '../../src/core/keys.ts'
import { decodeTally } from '../../src/core/tally.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { pruneTallied } from '../../src/ledger/retain-bytes.ts'
import { type Stage, lanesLeft, only, stage } from '../stage/stage.ts'

const TEN_YEARS = 10 * 365 * 86_400_000

/** The bytes of all records of each finished job, oldest first: read past everything. */
function sizes({ dump }: Stage, lane = 'done:q'): number[] {
  const { records, lanes } = dump()
  return (lanes.get(lane) ?? []).map((key) => {
    const name = key.slice(key.lastIndexOf('/') + 1)
    const own = [...records].filter(
      ([id]) => id === name || id.endsWith(`:${name}`) || id.includes(`:${name}:`),
    )
    return own.reduce((sum, [, value]) => sum + new TextEncoder().encode(value).length, 0)
  })
}

const total = (all: readonly number[]): number => all.reduce((sum, size) => sum + size, 0)
const idsOf = async ({ queue }: Stage) => (await queue.getJobs('completed', 0, -1, true)).map(({ id }) => id)

/** Jobs with results of such sizes, one a millisecond. */
async function play(
  made: Stage,
  results: readonly number[],
  removeOnComplete: object,
  from = 0,
): Promise<void> {
  for (const [n, size] of results.entries()) {
    await made.queue.add('n', size, {
      jobId: `j${String(from + n).padStart(4, '0')}`,
      removeOnComplete,
    })
    await made.host.advance(1)
  }
}
const answering = (made: Stage) =>
  made.worker(async (job) => {
    if (job.data > 5000) await job.log('é'.repeat(500))
    return 'ü'.repeat(job.data)
  })

describe('the newest that fit are kept', () => {
  test('and no more once the worker is idle, whatever sizes they have', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(1, 100, 900, 3000, 20_000), { minLength: 1, maxLength: 25 }),
        fc.integer({ min: 500, max: 60_000 }),
        async (results, maxBytes) => {
          const all = stage()
          answering(all)
          await play(all, results, { count: 1000 })
          const before = sizes(all)
          const ids = await idsOf(all)
          const made = stage()
          answering(made)
          await play(made, results, { maxBytes })
          // Times and ULIDs are of one length, so the sizes are those of the rule that removed nothing, but for what the rule is called.
          const rule = JSON.stringify({ removeOnComplete: { maxBytes } }).length
          const other = JSON.stringify({ removeOnComplete: { count: 1000 } }).length
          let fit = 0
          for (let sum = 0; fit < ids.length; fit++) {
            sum += before.at(-1 - fit)! + rule - other
            if (sum > maxBytes) break
          }
          expect(await idsOf(made)).toEqual(ids.slice(ids.length - fit))
          expect(total(sizes(made))).toBeLessThanOrEqual(maxBytes)
        },
      ),
      { numRuns: 30 },
    )
  })

  test('never fewer while jobs finish', async () => {
    const made = stage()
    answering(made)
    const maxBytes = 30_000
    for (let n = 0; n < 300; n++) {
      await play(made, [n % 7 === 0 ? 3000 : 200], { maxBytes }, n)
      const kept = sizes(made)
      // With the next older one they would not have fitted, and that one has at most so many bytes.
      if (n > 150) expect(total(kept)).toBeGreaterThan(maxBytes - 7000)
    }
    expect(total(sizes(made))).toBeLessThanOrEqual(maxBytes)
  })

  test('of failed jobs by their own rule, with what their attempts left', async () => {
    const made = stage()
    made.worker(() => {
      throw new Error('no'.repeat(400))
    })
    for (let n = 0; n < 30; n++) {
      await made.queue.add('n', 1, { removeOnFail: { maxBytes: 20_000 }, attempts: 3 })
      await made.host.advance(1)
    }
    const kept = sizes(made, 'dead:q')
    expect(total(kept)).toBeLessThanOrEqual(20_000)
    expect(total(kept)).toBeGreaterThan(20_000 - 2 * Math.max(...kept))
  })

  test('with count and age a job goes as soon as one of them says so', async () => {
    const made = stage()
    answering(made)
    const rule = { maxBytes: 100_000, count: 5, age: 60 }
    await play(
      made,
      Array.from({ length: 9 }, () => 10),
      rule,
    )
    expect(await idsOf(made)).toHaveLength(5)
    await made.host.advance(61_000)
    await play(made, [10], rule, 50)
    expect(await idsOf(made)).toEqual(['j0050'])
  })

  test('maxBytes 0 keeps none, and writes no tally', async () => {
    const made = stage()
    answering(made)
    await play(made, [1, 2], { maxBytes: 0 })
    expect(made.content.records.size).toBe(0)
  })
})

describe('what others do to the jobs', () => {
  const RULE = { maxBytes: 20_000 }

  test('removed or retried by hand, they no longer count', async () => {
    const made = stage()
    answering(made)
    await play(
      made,
      Array.from({ length: 40 }, () => 300),
      RULE,
    )
    const kept = await idsOf(made)
    for (const id of kept.slice(0, 10)) await made.queue.remove(id)
    await play(made, [300, 300, 300], RULE, 100)
    // Room was made for ten, and three came: none of the others had to go.
    expect(await idsOf(made)).toEqual([...kept.slice(10), 'j0100', 'j0101', 'j0102'])
    expect(decodeTally(made.content.records.get(tallyId('q', 'done')))).toMatchObject({
      jobs: kept.length - 7,
      bytes: total(sizes(made)),
    })
  })

  test('two that prune at once remove no more than one would', async () => {
    const made = stage()
    const w = answering(made)
    await play(
      made,
      Array.from({ length: 60 }, () => 300),
      { count: 1000 },
    )
    await w.close()
    const all = sizes(made)
    const ledger = openLedger(made.store, 'q')
    const kept = { count: Infinity, ageMs: Infinity, maxBytes: 20_000 }
    const prune = async (): Promise<void> => {
      while (await pruneTallied(ledger, 'done', kept));
    }
    await Promise.all([prune(), prune(), prune()])
    const left = sizes(made)
    expect(total(left)).toBeLessThanOrEqual(20_000)
    expect(total(left) + all[all.length - left.length - 1]!).toBeGreaterThan(20_000)
  })

  test('a tally that cannot be read is made anew', async () => {
    const made = stage()
    answering(made)
    await play(
      made,
      Array.from({ length: 30 }, () => 300),
      RULE,
    )
    made.content.records.set(tallyId('q', 'done'), 'damaged')
    const kept = await idsOf(made)
    await play(made, [300], RULE, 100)
    expect(await idsOf(made)).toEqual([...kept.slice(1), 'j0100'])
    expect(only(made.said, 'error')).toEqual([])
  })

  test('obliterated, nothing of it is left', async () => {
    const made = stage()
    answering(made)
    await play(made, [300, 300], RULE)
    await made.queue.obliterate()
    expect([made.content.records.size, lanesLeft(made.content)]).toEqual([0, []])
  })
})

describe('steps are small', () => {
  test.each([
    ['by age', { age: 3600 }],
    ['by age and bytes', { age: 3600, maxBytes: 1e9 }],
    ['by bytes', { maxBytes: 1 }],
  ])('when the clock jumps ten years: %s', async (_, removeOnComplete) => {
    const made = stage()
    const { host, queue, store, worker } = made
    const first = worker(() => 1, { concurrency: 100 })
    for (let n = 0; n < 3; n++)
      await queue.addBulk(
        Array.from({ length: 300 }, () => ({
          name: 'n',
          data: 1,
          opts: { removeOnComplete: { age: 3600 } },
        })),
      )
    await host.advance(1000)
    await first.close()
    host.jump(TEN_YEARS)
    const steps: number[] = []
    store.moodOf = (changes) => {
      const gone = changes.reduce(
        (sum, { remove = [], add }) =>
          add === undefined ? sum + remove.filter(([lane]) => lane === 'done:q').length : sum,
        0,
      )
      if (gone > 0) steps.push(gone)
      expect(
        changes.reduce((sum, change) => sum + (change.delete?.length ?? 0) + (change.remove?.length ?? 0), 0),
      ).toBeLessThanOrEqual(UNIT_OPERATIONS)
      return 'well'
    }
    await queue.add('n', 1, { jobId: 'last', removeOnComplete })
    worker(() => 1)
    await host.advance(10)
    expect(Math.max(...steps)).toBeLessThanOrEqual(PAGE_KEYS)
    expect(steps.length).toBeGreaterThanOrEqual(5)
    expect(await idsOf(made)).toEqual(
      'maxBytes' in removeOnComplete && removeOnComplete.maxBytes === 1 ? [] : ['last'],
    )
  })
})
