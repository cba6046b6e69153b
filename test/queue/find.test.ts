/** Finding jobs: by tag, name, state and age, against what a look through everything finds; page by page, and by bounded work. */
import { describe, expect, test } from 'vitest'
import type { FindOptions, Queue } from 'holdfast'
import { gate, stage } from '../stage/stage.ts'

const ids = (jobs: readonly { readonly id: string }[]): string[] => jobs.map(({ id }) => id)

/** All pages of an answer. */
async function all(queue: Queue, options: FindOptions): Promise<string[]> {
  const found: string[] = []
  for (let cursor: string | undefined, page = 0; ; page++) {
    const answer = await queue.find({ ...options, cursor })
    found.push(...ids(answer.jobs))
    cursor = answer.cursor
    if (cursor === undefined) return found
    expect(page).toBeLessThan(1000)
  }
}

const TAGS = [['red'], ['blue'], ['red', 'blue'], []]

/** Jobs of two names in all states, one a second; the number of each says its name, its tags and its state. */
async function mixed() {
  const made = stage()
  const { host, queue, worker } = made
  const hold = gate()
  const began = host.wall()
  worker(
    (job) => {
      if (job.data === 'fails') throw new Error('no')
      return job.data === 'runs' ? hold.promise : 1
    },
    { concurrency: 100 },
  )
  const add = async (at: number, data: string, delay = 0): Promise<void> => {
    await queue.add(at % 3 === 0 ? 'a' : 'b', data, {
      jobId: `${at}`,
      tags: TAGS[at % 4],
      delay,
      priority: at % 2,
    })
    await host.advance(1000)
  }
  for (let at = 0; at < 8; at++) await add(at, 'completes')
  for (let at = 8; at < 16; at++) await add(at, 'fails')
  for (let at = 16; at < 24; at++) await add(at, 'runs')
  for (let at = 24; at < 32; at++) await add(at, 'completes', 3_600_000)
  await queue.pause()
  for (let at = 32; at < 40; at++) await add(at, 'completes')
  return { ...made, began }
}

const STATES = ['completed', 'failed', 'active', 'delayed', 'waiting'] as const
const numbers = Array.from({ length: 40 }, (_, at) => at)
const idsOf = (holds: (at: number) => boolean): string[] => numbers.filter(holds).map(String)

test('what it finds is what a look at each job finds', async () => {
  const { queue, began } = await mixed()
  const inOrder = (found: string[]): string[] => found.toSorted((a, b) => Number(a) - Number(b))
  for (const tags of [[], ['red'], ['blue'], ['red', 'blue']]) {
    for (const name of [undefined, 'a', 'b']) {
      for (const state of [undefined, ...STATES]) {
        for (const [from, to] of [
          [0, 99],
          [7, 35],
        ] as const) {
          const options = { tags, name, state, from: began + from * 1000, to: new Date(began + to * 1000) }
          const expected = idsOf(
            (at) =>
              tags.every((tag) => TAGS[at % 4]!.includes(tag)) &&
              (name === undefined || (name === 'a') === (at % 3 === 0)) &&
              (state === undefined || STATES[at >> 3] === state) &&
              at >= from &&
              at <= to,
          )
          const found = await all(queue, { ...options, limit: 3, order: 'oldest' })
          if (tags.length > 0) expect(found).toEqual(expected)
          else expect(inOrder(found)).toEqual(expected)
          if (tags.length > 0) expect((await all(queue, options)).toReversed()).toEqual(expected)
        }
      }
    }
  }
})

test('states may be several, and prioritized as in lists', async () => {
  const { queue } = await mixed()
  const both = { tags: 'red', order: 'oldest' } as const
  expect(await all(queue, { ...both, state: ['failed', 'waiting'] })).toEqual(
    idsOf((at) => at % 4 === 0 || at % 4 === 2).filter((id) => (+id >= 8 && +id < 16) || +id >= 32),
  )
  expect(await all(queue, { state: 'prioritized', order: 'oldest' })).toEqual(['33', '35', '37', '39'])
  expect(await all(queue, { tags: 'blue', state: 'prioritized', order: 'oldest' })).toEqual(['33', '37'])
})

test('a job that is found is as a list shows it', async () => {
  const { queue } = await mixed()
  const { jobs } = await queue.find({ tags: 'red', state: 'active', limit: 1 })
  expect(jobs[0]).toMatchObject({ attemptsStarted: 1, processedBy: 'w', tags: ['red', 'blue'], data: 'runs' })
  expect((await queue.find()).jobs).toHaveLength(40)
})

describe('a page', () => {
  test('looks at a bounded number of keys, and the next goes on', async () => {
    const { queue, store } = stage()
    const bulk = Array.from({ length: 5000 }, (_, n) => ({
      name: n === 4999 ? 'rare' : 'n',
      data: 1,
      opts: { tags: n % 2500 === 0 ? ['many', 'few'] : ['many'] },
    }))
    await queue.addBulk(bulk)
    const first = await queue.find({ name: 'rare', order: 'oldest' })
    expect(first.jobs).toHaveLength(0)
    const second = await queue.find({ name: 'rare', order: 'oldest', cursor: first.cursor })
    expect(second.jobs).toHaveLength(1)
    const before = store.calls
    expect((await queue.find({ tags: ['many', 'few'] })).jobs).toHaveLength(2)
    expect(store.calls - before).toBeLessThan(16)
  })

  test('goes on where jobs were added and removed meanwhile', async () => {
    const { host, queue } = stage()
    for (let at = 0; at < 6; at++) {
      await queue.add('n', at, { tags: ['t'], jobId: `${at}` })
      await host.advance(1)
    }
    const first = await queue.find({ tags: 't', limit: 2 })
    await queue.add('n', 6, { tags: ['t'] })
    await queue.remove('4')
    await queue.remove('2')
    const second = await queue.find({ tags: 't', limit: 2, cursor: first.cursor })
    expect([...ids(first.jobs), ...ids(second.jobs)]).toEqual(['5', '4', '3', '1'])
  })

  test('takes no cursor but one of the same question', async () => {
    const { queue } = stage()
    await queue.addBulk(Array.from({ length: 3 }, () => ({ name: 'n', data: 1, opts: { tags: ['t', 'u'] } })))
    const { cursor } = await queue.find({ tags: 't', limit: 1 })
    for (const wrong of [
      { tags: 'u', cursor },
      { tags: 't', order: 'oldest', cursor },
      { tags: 't', cursor: `${cursor}0` },
      { tags: 't', cursor: '' },
      { tags: 't', cursor: 'x.y.%' },
    ] as const)
      await expect(queue.find(wrong)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect((await queue.find({ tags: ['t'], limit: 5, cursor })).jobs).toHaveLength(2)
  })
})

test('what it refuses names the field', async () => {
  const { queue } = stage()
  for (const [field, value] of [
    ['state', 'done'],
    ['state', []],
    ['name', ''],
    ['tags', 7],
    ['tags', ['']],
    ['from', 'yesterday'],
    ['limit', 0],
    ['limit', 1001],
    ['order', 'up'],
    ['group', 'g'],
  ] as const)
    await expect(queue.find({ [field]: value })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining(field),
    })
})

test('what waits until its group hears of it is prioritized as anywhere else', async () => {
  const { host, queue } = stage()
  const priorities = [0, 2, 3, 0, 1]
  await queue.addBulk(
    priorities.map((priority, at) => ({
      name: 'n',
      data: at,
      opts: { jobId: `${at}`, priority, delay: 1000, group: { id: `${at % 2}` } },
    })),
  )
  expect(await all(queue, { state: 'prioritized', order: 'oldest' })).toEqual([])
  await host.advance(1000)
  expect(await queue.getJobCounts('waiting', 'prioritized')).toEqual({ waiting: 5, prioritized: 3 })
  expect(await all(queue, { state: 'prioritized', order: 'oldest' })).toEqual(['4', '2', '1'])
  expect((await queue.getPrioritized()).map(({ id }) => id)).toEqual(['4', '2', '1'])
})
