/** The fault store itself: each fault does what it says, no more and no less, and is written down. */
import { memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Change } from '../../src/store.ts'
import { FaultStore } from './fault-store.ts'
import { FAULT_KINDS, type Fault, type FaultPlan, LOOK_FAULT_KINDS, aPlan } from './plan.ts'

const host = () => virtualHost()

const put = (id: string): Change => ({ expect: { absent: [id] }, add: [['lane', id]], set: [[id, 'v']] })

function storeWith(plan: FaultPlan = {}) {
  const clock = host()
  const inner = memoryStore({ host: clock })
  const store = new FaultStore(inner, plan)
  const there = async (id: string): Promise<boolean> => (await inner.read([id]))[0] !== undefined
  return { clock, inner, store, there }
}

/** A promise's outcome once it has one. */
function followed(promise: Promise<unknown>): { end: string } {
  const seen = { end: 'open' }
  promise.then(
    () => (seen.end = 'ok'),
    (error: { outcome: string }) => (seen.end = error.outcome),
  )
  return seen
}

test.each<[Fault['kind'], number | undefined, string, boolean, string, boolean, string]>([
  ['before', undefined, 'failed', false, 'failed', false, 'failed'],
  ['after', undefined, 'unknown', true, 'unknown', true, 'unknown applied'],
  ['lost', undefined, 'unknown', false, 'unknown', false, 'unknown not applied'],
  ['ghost', 50, 'unknown', false, 'unknown', true, 'ghost applied'],
  ['double', undefined, 'ok', true, 'ok', true, 'double refused'],
  ['double', 50, 'ok', true, 'ok', true, 'double refused'],
  ['delay', 50, 'open', false, 'ok', true, 'delayed'],
  ['late', 50, 'open', true, 'ok', true, 'answered late'],
  ['hang', 50, 'open', false, 'unknown', false, 'unknown not applied'],
])('%s (%s ms)', async (kind, ms, outcome, applied, finally_, finallyApplied, effect) => {
  const { clock, store, there } = storeWith({ commits: [{ call: 1, kind, ms }] })
  await store.commit([put('a')])
  const seen = followed(store.commit([put('b')]))
  await clock.idle()
  expect([seen.end, await there('b')]).toEqual([outcome, applied])
  await clock.advance(50)
  expect([seen.end, await there('b')]).toEqual([finally_, finallyApplied])
  expect(store.happened).toEqual([{ kind, call: 1, effect }])
  expect(await followedEnd(store.commit([put('c')]))).toBe('ok')
  expect(clock.timers).toBe(0)
})

const followedEnd = async (promise: Promise<unknown>): Promise<string> => {
  const seen = followed(promise)
  await promise.catch(() => undefined)
  return seen.end
}

test('a unit that would do something twice does, where the fault says so', async () => {
  const { store } = storeWith({ commits: () => ({ kind: 'double' }) })
  await store.commit([{ append: [['lane', 'a']] }])
  expect(store.tally()).toEqual(new Map([['double applied', 1]]))
  expect((await store.scan([{ lane: 'lane', limit: 9 }]))[0]).toHaveLength(2)
})

test('looks fail, come late, and hang', async () => {
  for (const kind of LOOK_FAULT_KINDS) {
    const { clock, store } = storeWith({ looks: [{ call: 2, kind, ms: 50 }] })
    await store.ready()
    await store.count([{ lane: 'lane' }])
    const seen = followed(store.read(['a']))
    await clock.idle()
    expect(seen.end).toBe(kind === 'fail' ? 'failed' : 'open')
    await clock.advance(50)
    expect(seen.end).toBe(kind === 'delay' ? 'ok' : 'failed')
    expect(await store.scan([{ lane: 'lane', limit: 1 }])).toEqual([[]])
  }
})

test('hints are dropped until the store is healed, doubled, and stormed', async () => {
  const { clock, store } = storeWith()
  let wakes = 0
  const end = store.watch(['lane'], () => wakes++)
  const wakesOf = async (hints: FaultPlan['hints']): Promise<number> => {
    store.arm({ hints })
    wakes = 0
    await store.commit([{ hint: ['lane'] }])
    await clock.idle()
    return wakes
  }
  expect(await wakesOf(undefined)).toBe(1)
  expect(await wakesOf('double')).toBe(2)
  expect(await wakesOf('storm')).toBe(100)
  expect(await wakesOf('drop')).toBe(0)
  store.heal()
  await clock.idle()
  expect(wakes).toBe(1)
  end()
})

test('what waits without end goes on once the store is healed', async () => {
  const { clock, store, there } = storeWith({ commits: () => ({ kind: 'delay', ms: Infinity }) })
  const seen = followed(store.commit([put('a')]))
  await clock.advance(1e9)
  expect(seen.end).toBe('open')
  store.heal()
  await clock.idle()
  expect([seen.end, await there('a')]).toEqual(['ok', true])
})

test('a process that is gone gets no answers and applies nothing new, but what it sent arrives', async () => {
  const { clock, store, there } = storeWith({ commits: [{ call: 0, kind: 'ghost', ms: 50 }] })
  await store.commit([put('a')]).catch(() => undefined)
  let woken = 0
  store.watch(['lane'], () => woken++)
  const open = followed(store.commit([put('b')]))
  store.die()
  const late = [store.commit([put('c')]), store.read(['a']), store.ready(), store.close()].map(followed)
  await clock.advance(1000)
  expect([open, ...late].map(({ end }) => end)).toEqual(['open', 'open', 'open', 'open', 'open'])
  expect([await there('a'), await there('b'), await there('c'), woken]).toEqual([true, true, false, 0])
})

test('its timers end with a process, those of others and of its faults do not', async () => {
  const { clock, store } = storeWith({ commits: [{ call: 0, kind: 'ghost', ms: 50 }] })
  const rung: string[] = []
  store.host.timer(10, () => rung.push('before'))
  store.host.timer(30, () => rung.push('its own'))
  clock.timer(30, () => rung.push('another'))
  await store.commit([put('a')]).catch(() => undefined)
  await clock.advance(20)
  store.die()
  store.host.timer(10, () => rung.push('after'))
  expect(clock.timers).toBe(2)
  await clock.advance(100)
  expect(rung).toEqual(['before', 'another'])
  expect([...store.tally().keys()]).toEqual(['ghost applied'])
})

test('a plan is drawn with at most one fault for each commit, and shrinks', () => {
  const plans = aPlan({ calls: 12, faults: 4 })
  fc.assert(fc.property(plans, (plan) => new Set(plan.map(({ call }) => call)).size === plan.length))
  const { counterexample } = fc.check(
    fc.property(plans, (plan) => plan.every(({ kind }) => kind !== 'ghost')),
    { seed: 1 },
  )
  expect(counterexample?.[0]).toEqual([{ call: 0, kind: 'ghost', ms: 1 }])
  expect(
    new Set(
      fc
        .sample(plans, 500)
        .flat()
        .map(({ kind }) => kind),
    ).size,
  ).toBe(FAULT_KINDS.length)
})
