/** The lifecycle: every end of a lease under all circumstances, held against the table and against the rules in words. */
import { describe, expect, test } from 'vitest'
import { consequencesOf } from '../../src/core/consequences.ts'
import type { Head, HeadDraft } from '../../src/core/head.ts'
import { historyIds } from '../../src/core/history.ts'
import {
  type Departure,
  type Ending,
  JOB_STATES,
  LIFECYCLE,
  type LifecycleEvent,
  type LifecycleState,
  endOfLease,
  stateOfLane,
} from '../../src/core/lifecycle.ts'
import { STATE_LANES, lanesOf } from '../../src/core/keys.ts'
import { ownedRecords } from '../../src/core/owned.ts'

const NOW = 1_790_000_000_000
const grant = { startedAt: NOW - 100, worker: 'w', fence: NOW - 100 }

const endings: readonly Ending[] = [
  { kind: 'completed', result: 'j1' },
  { kind: 'failed', failure: { message: 'no' }, code: 'ATTEMPTS_EXHAUSTED' },
  { kind: 'failed', failure: { message: 'no' }, code: 'TIMEOUT', wait: 0 },
  { kind: 'failed', failure: { message: 'no' }, code: 'TIMEOUT', wait: 1234 },
  { kind: 'failed', failure: { message: 'no' }, code: 'UNRECOVERABLE', final: true },
  { kind: 'stalled', failure: { message: 'gone' } },
  { kind: 'released' },
  { kind: 'snoozed', ms: 0 },
  { kind: 'snoozed', ms: 500 },
  { kind: 'cancelled', failure: { message: 'no more' } },
  { kind: 'expired', failure: { message: 'too late' } },
]

interface Circumstance {
  readonly ending: Ending
  readonly head: Head
  readonly maxStalledCount: number
}

const heads: Head[] = [0, 1, 4].flatMap((attemptsMade) =>
  [0, 1, 2, 3].flatMap((stalledCounter) =>
    [undefined, { type: 'fixed', delay: 5000 }, { type: 'fixed', delay: 10 }].flatMap((backoff) =>
      [undefined, true, false, { count: 3 }].map(
        (remove): Head => ({
          name: 'n',
          key: 'k',
          timestamp: 1,
          fence: 5,
          attemptsMade,
          attemptsStarted: attemptsMade + stalledCounter,
          stalledCounter,
          opts: { attempts: 5, backoff, removeOnComplete: remove, removeOnFail: remove },
        }),
      ),
    ),
  ),
)
const all: Circumstance[] = endings.flatMap((ending) =>
  heads.flatMap((head) => [0, 1, 3].map((maxStalledCount) => ({ ending, head, maxStalledCount }))),
)

const endOf = ({ head, ending, maxStalledCount }: Circumstance): Departure =>
  endOfLease(head, grant, ending, { now: NOW, random: 0.5, maxStalledCount })

const stateAfter = ({ lane, head }: Departure): LifecycleState =>
  lane === 'gone' || lane === 'moved' ? 'gone' : stateOfLane(lane, lane === 'suspect' && head.runAt! <= NOW)

test('every departure is one that the table allows', () => {
  for (const circumstance of all) {
    const event: LifecycleEvent = circumstance.ending.kind
    expect(LIFECYCLE[event].from).toContain('active')
    const state = stateAfter(endOf(circumstance))
    // A suspect that snoozes nothing, or is released, is due at once: it waits, though to be run alone.
    expect(LIFECYCLE[event].to, JSON.stringify(circumstance)).toContain(state)
  }
})

test('each other departure the table allows does happen', () => {
  const seen = new Set(all.map((one) => `${one.ending.kind} ${stateAfter(endOf(one))}`))
  const table = (
    ['completed', 'failed', 'stalled', 'released', 'snoozed', 'cancelled', 'expired'] as const
  ).flatMap((event) => LIFECYCLE[event].to.map((state) => `${event} ${state}`))
  expect([...seen].sort()).toEqual(table.sort())
})

test('counters rise as the table says, and by nothing else', () => {
  for (const one of all) {
    const { head } = endOf(one)
    const counts = LIFECYCLE[one.ending.kind].counts
    for (const counter of ['attemptsMade', 'stalledCounter', 'generation'] as const)
      expect((head[counter] ?? 0) - (one.head[counter] ?? 0)).toBe(counts === counter ? 1 : 0)
    expect(head.attemptsStarted! - one.head.attemptsStarted!).toBe(1)
  }
})

test('the fence rises past the grant and past the clock', () => {
  for (const one of all) expect(endOf(one).head.fence).toBe(NOW)
  const future = { ...grant, fence: NOW + 77 }
  const { head } = endOfLease(
    heads[0]!,
    future,
    { kind: 'released' },
    { now: NOW, random: 0, maxStalledCount: 1 },
  )
  expect(head.fence).toBe(NOW + 78)
})

test('a job waits with a time exactly where its lane has times, and is finished exactly where it ended', () => {
  for (const one of all) {
    const { head, lane } = endOf(one)
    expect(head.runAt !== undefined).toBe(lane === 'due' || lane === 'suspect')
    expect(head.finishedOn !== undefined).toBe(lane === 'done' || lane === 'dead')
    if (lane === 'dead') expect(head.failedCode).toBeDefined()
    if (head.failedCode !== undefined) expect(['dead', 'gone']).toContain(lane)
  }
})

test('a job whose next stall would end it is a suspect, whatever ended this lease', () => {
  for (const one of all) {
    const { head, lane } = endOf(one)
    const stalls = head.stalledCounter ?? 0
    if (['done', 'dead', 'gone'].includes(lane)) continue
    expect(lane === 'suspect', JSON.stringify(one)).toBe(stalls > 0 && stalls >= one.maxStalledCount)
  }
})

test('the end of the input is not altered', () => {
  for (const one of all) {
    const before = JSON.stringify(one.head)
    endOf(one)
    expect(JSON.stringify(one.head)).toBe(before)
  }
})

describe('waits', () => {
  const job: Head = { ...heads[0]!, opts: { attempts: 3, backoff: { type: 'exponential', delay: 100 } } }
  const waitOf = (head: Head, ending: Ending): number | undefined => {
    const { head: after } = endOfLease(head, grant, ending, { now: NOW, random: 0.5, maxStalledCount: 9 })
    return after.runAt === undefined ? undefined : after.runAt - NOW
  }
  const failed: Ending = { kind: 'failed', failure: { message: 'no' }, code: 'TIMEOUT' }

  test('of failures grow with attempts, those of stalls with stalls and are a second at least', () => {
    expect(waitOf(job, failed)).toBe(100)
    expect(waitOf({ ...job, attemptsMade: 1 }, failed)).toBe(200)
    expect(waitOf(job, { kind: 'stalled', failure: { message: '' } })).toBe(1000)
    expect(waitOf({ ...job, stalledCounter: 6 }, { kind: 'stalled', failure: { message: '' } })).toBe(6400)
  })

  test('that are given come before the backoff', () => {
    expect(waitOf(job, { ...failed, wait: 7 })).toBe(7)
    expect(waitOf(job, { ...failed, wait: 0 })).toBeUndefined()
    expect(waitOf(job, { kind: 'snoozed', ms: 60 })).toBe(60)
    expect(waitOf(job, { kind: 'released' })).toBeUndefined()
  })
})

describe('what is left of a lease', () => {
  const end = (head: Head, ending: Ending) => ({
    lanes: lanesOf('q'),
    name: 'q:1',
    before: head,
    departure: endOfLease(head, grant, ending, { now: NOW, random: 0, maxStalledCount: 9 }),
    grant,
    ending,
    now: NOW,
    records: new Map(),
  })

  test('is an entry of the history, but for a completion and for a job that is gone', () => {
    for (const ending of endings) {
      const entries = consequencesOf(end({ ...heads[0]!, opts: { attempts: 9 } }, ending))
      expect(entries).toHaveLength(ending.kind === 'completed' ? 0 : 1)
      if (ending.kind !== 'completed') expect(entries[0]!.set![0]![0]).toBe('history:q:1:1')
    }
    expect(consequencesOf(end({ ...heads[0]!, opts: { removeOnFail: true } }, endings[4]!))).toEqual([])
  })

  test('is among the records that go with the job', () => {
    for (const one of all) {
      const departure = endOf(one)
      if (departure.lane === 'gone') continue
      const owned = new Set(ownedRecords('q:1', departure.head))
      for (const { set = [] } of consequencesOf({ ...end(one.head, one.ending), departure }))
        for (const [id] of set) expect(owned.has(id)).toBe(true)
    }
  })
})

describe('records of a job', () => {
  const bare: HeadDraft = { name: 'n', key: 'k', timestamp: 1, fence: 1, opts: { keepLogs: 2 } }

  test('history is a ring of twenty', () => {
    expect(historyIds('q:1', 0)).toEqual([])
    expect(historyIds('q:1', 2)).toEqual(['history:q:1:1', 'history:q:1:2'])
    expect(new Set(historyIds('q:1', 1_000_003)).size).toBe(20)
    expect(historyIds('q:1', 21).at(-1)).toBe('history:q:1:1')
  })

  test('a plain job that completed at once owns none', () => {
    expect(ownedRecords('q:1', { ...bare, attemptsStarted: 1, attemptsMade: 1, finishedOn: NOW })).toEqual([])
  })

  test('a job owns what its head says', () => {
    expect(ownedRecords('q:1', { ...bare, owns: ['payload', 'logs'] })).toEqual([
      'payload:q:1',
      'logs:q:1',
      'log:q:1:0',
      'log:q:1:1',
    ])
  })

  test('a job whose head cannot be read may own all there is', () => {
    const most: Head = {
      ...bare,
      opts: { keepLogs: 200 },
      attemptsStarted: 99,
      owns: ['payload', 'result', 'progress', 'logs', 'origin'],
    }
    expect(new Set(ownedRecords('q:1', undefined))).toEqual(new Set(ownedRecords('q:1', most)))
  })
})

test('each lane has a public state', () => {
  for (const lane of STATE_LANES) expect(JOB_STATES).toContain(stateOfLane(lane))
  expect([stateOfLane('suspect', false), stateOfLane('suspect', true)]).toEqual(['delayed', 'waiting'])
})

test('a finished job leaves only by retry, removal or pruning, and nothing else leads into one', () => {
  const leaving = Object.entries(LIFECYCLE).filter(
    ([, { from }]) => from.includes('completed') || from.includes('failed'),
  )
  expect(leaving.map(([event]) => event).sort()).toEqual(['pruned', 'removed', 'retried'])
})
