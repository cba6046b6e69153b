/** Workers that wait for a batch beside others that want the same jobs: nobody passes jobs to and fro, and nobody is left without. */
import { describe, expect, test } from 'vitest'
import type { JobOptions, WorkerOptions } from 'holdfast'
import { gate, only, stage, type Stage } from '../stage/stage.ts'

const many = (count: number, opts: JobOptions = {}) =>
  Array.from({ length: count }, (_, n) => ({ name: 'n', data: n, opts: { jobId: `j${n}`, ...opts } }))

/** A worker that writes down what it starts. */
function working(made: Stage, options: Partial<WorkerOptions>, work: () => unknown = () => 1) {
  const ids: string[][] = []
  const worker = made.worker((job) => {
    ids.push(job.getBatch().map(({ id }) => id))
    return work()
  }, options)
  return { ids, worker }
}

const PATIENT: Partial<WorkerOptions> = { batch: { size: 5, minSize: 5 } }

/** Hangs the store after so many commits, so that work without end is seen as such. */
function atMost(made: Stage, commits: number) {
  let count = 0
  made.store.moodOf = () => (++count > commits ? 'hung' : 'well')
}

describe('a worker that waits for no batch', () => {
  test.each([
    ['a rate of the queue', { max: 1, duration: 1000 }, true],
    ['a rate of its own', { max: 1, duration: 1000 }, false],
  ])('leaves jobs that gather where they are for as long as %s holds them', async (_, limiter, isShared) => {
    const made = stage()
    const { host, queue } = made
    atMost(made, 100)
    const patient = working(made, isShared ? { ...PATIENT, limiter } : PATIENT)
    const plain = working(made, { limiter, concurrency: 2 })
    await queue.addBulk(many(3))
    await host.advance(900)
    expect(plain.ids).toEqual([['j0']])
    await host.advance(2000)
    expect(plain.ids).toEqual([['j0'], ['j1'], ['j2']])
    expect(patient.ids).toEqual([])
  })

  test('or that does, forgets the starts that its limit counted', async () => {
    const made = stage()
    const { host, queue, dump } = made
    const patient = working(made, { ...PATIENT, limiter: { max: 10, duration: 1000 } })
    await queue.addBulk(many(5))
    await host.advance(20_000)
    expect(patient.ids).toHaveLength(1)
    expect([...dump().lanes].filter(([lane, keys]) => lane.startsWith('win.') && keys.length > 0)).toEqual([])
    const before = made.store.calls
    await host.advance(600_000)
    expect(made.store.calls - before).toBeLessThan(5)
  })

  test('leaves them for as long as others run as many as the queue lets, and is told of room', async () => {
    const made = stage()
    const { host, queue, said } = made
    await queue.setGlobalConcurrency(1)
    atMost(made, 100)
    const hold = gate()
    working(made, PATIENT)
    const plain = working(made, { concurrency: 2 }, () => hold.promise)
    await queue.addBulk(many(3))
    await host.advance(900)
    expect(plain.ids).toEqual([['j0']])
    hold.open()
    await host.advance(100)
    expect(plain.ids).toEqual([['j0'], ['j1'], ['j2']])
    expect(only(said, 'drained')).toEqual(['drained'])
  })

  test('leaves them for as long as it waits to run a job alone', async () => {
    const before = stage()
    const { host } = before
    working(before, { maxStalledCount: 1 }, () => new Promise(() => undefined))
    await before.queue.addBulk(many(1, { group: { id: 'g' } }))
    await host.idle()
    const made = stage({ content: before.content, host })
    const hold = gate()
    await made.queue.add('n', 1, { jobId: 'first', group: { id: 'g' } })
    const plain = working(made, { concurrency: 3, maxStalledCount: 1 }, () => hold.promise)
    await host.advance(5000)
    // The group is full for this one.
    working(made, { ...PATIENT, group: { concurrency: 1 } })
    atMost(made, 100)
    await made.queue.addBulk(many(2).map((job) => ({ ...job, opts: {} })))
    await host.advance(100)
    expect(plain.ids).toEqual([['first']])
    hold.open()
    await host.advance(5000)
    expect(plain.ids).toHaveLength(4)
  })

  test('takes what gathered while it was paused', async () => {
    const made = stage()
    const { host, queue } = made
    const plain = working(made, {})
    await host.idle()
    await plain.worker.pause()
    working(made, PATIENT)
    await queue.addBulk(many(2))
    await host.idle()
    plain.worker.resume()
    await host.idle()
    expect(plain.ids).toEqual([['j0'], ['j1']])
  })

  test('takes it in the order of the queue, the most urgent first', async () => {
    const made = stage()
    const { host, queue } = made
    const hold = gate()
    working(made, PATIENT)
    const plain = working(made, {}, () => hold.promise)
    await queue.addBulk(many(3, { priority: 5 }))
    await host.idle()
    await queue.add('n', 1, { jobId: 'urgent' })
    await host.idle()
    hold.open()
    await host.idle()
    expect(plain.ids.flat()).toEqual(['j0', 'urgent', 'j1', 'j2'])
  })
})

describe('jobs that gather', () => {
  const TWO_OF_FIVE: Partial<WorkerOptions> = { batch: { size: 5, minSize: 3 } }

  test.each<[string, (made: Stage) => unknown]>([
    ['taken by another worker', (made) => working(made, {})],
    ['taken for a smaller batch', (made) => working(made, { batch: { size: 2, minSize: 2 } })],
    ['removed', ({ queue }) => Promise.all(['j5', 'j6'].map((id) => queue.remove(id)))],
    ['cancelled', ({ queue }) => Promise.all(['j5', 'j6'].map((id) => queue.cancel(id)))],
    ['drained', ({ queue }) => queue.drain()],
    ['too late', ({ host }) => host.advance(5000)],
  ])('and are %s leave a worker that took others with a queue that is drained', async (_, act) => {
    const made = stage()
    const { host, queue } = made
    let drained = 0
    working(made, TWO_OF_FIVE).worker.on('drained', () => drained++)
    await queue.addBulk(many(7, { ttl: 3000 }))
    await host.advance(100)
    expect(drained).toBe(0)
    await act(made)
    await host.advance(500)
    expect(await queue.count()).toBe(0)
    expect(drained).toBe(1)
  })

  test('come back in the unit of the claim that takes them, however much is settled with it', async () => {
    const made = stage()
    const { host, queue, store } = made
    const hold = gate()
    const full: Partial<WorkerOptions> = { batch: { size: 100, minSize: 100 } }
    const { ids } = working(made, full, () => hold.promise)
    await queue.addBulk(many(100, { removeOnComplete: true, tags: ['a', 'b', 'c', 'd'] }))
    await host.idle()
    const other = working(made, full)
    await queue.addBulk(Array.from({ length: 60 }, () => ({ name: 'n', data: 1 })))
    await host.idle()
    await made.passing(100, other.worker.close())
    await queue.addBulk(Array.from({ length: 40 }, () => ({ name: 'n', data: 1 })))
    const units: string[][] = []
    store.moodOf = (changes) => {
      const moves = changes.flatMap(({ move }) =>
        move === undefined ? [] : `${move.from.lane} ${move.from.from}`,
      )
      if (moves.includes('parked:q */')) units.push(moves.slice(-2))
      return 'well'
    }
    hold.open()
    await host.idle()
    expect(ids.map(({ length }) => length)).toEqual([100, 100])
    expect(units).toEqual([['parked:q */', 'ready:q undefined']])
  })
})

describe('workers that wait for batches', () => {
  test('of unlike sizes do not gather what another one takes', async () => {
    const made = stage()
    const { host, queue } = made
    atMost(made, 100)
    const five = working(made, PATIENT)
    const three = working(made, { batch: { size: 5, minSize: 3 } })
    for (const { name, data, opts } of many(3)) {
      await queue.add(name, data, opts)
      await host.advance(10)
    }
    expect(three.ids).toEqual([['j0', 'j1', 'j2']])
    expect(five.ids).toEqual([])
  })

  test.each([1, 2])('of unlike sizes do so in a queue that has room for %s', async (room) => {
    const made = stage()
    const { host, queue } = made
    await queue.setGlobalConcurrency(room)
    atMost(made, 150)
    const hold = gate()
    working(made, PATIENT)
    const three = working(made, { batch: { size: 3, minSize: 3 } }, () => hold.promise)
    await queue.addBulk(many(4))
    await host.advance(100)
    expect(three.ids.flat()).toHaveLength(room)
    hold.open()
    await host.advance(100)
    // Two are left, which are too few.
    expect(three.ids.flat()).toHaveLength(2)
  })

  test('that are paused in the midst of a look leave no timer', async () => {
    const made = stage()
    const { host, queue } = made
    const { worker } = working(made, { batch: { size: 5, minSize: 5, timeout: 5000 } })
    await host.idle()
    const before = host.timers
    const count = made.store.count.bind(made.store)
    made.store.count = async (spans) => {
      void worker.pause()
      return count(spans)
    }
    await queue.addBulk(many(1))
    await host.idle()
    expect(host.timers).toBe(before)
  })
})
