/** Looking for jobs: pages of what is found are what a look at each job finds. */
import * as fc from 'fast-check'
import type { FindOptions, JobFilter } from 'holdfast'
import { counters } from './counters.ts'
import { type Command, aQueue, times } from './drawn.ts'
import type { QueueNumber } from './harness.ts'
import { must } from './invariants.ts'
import { Step } from './step.ts'
import { type ModelJob, isPrioritized } from './world.ts'

interface Question {
  readonly state: JobFilter | undefined
  readonly tags: readonly string[]
  /** Added so many ms ago, or earlier. */
  readonly ago: number | undefined
  readonly limit: number
  readonly order: 'newest' | 'oldest'
}

/** In which state a job is, whatever its lane. */
function stateOf({ place, runAt }: ModelJob, now: number): JobFilter {
  switch (place) {
    case 'ready':
    case 'grouped':
    case 'parked':
      return 'waiting'
    case 'due':
    case 'penned':
      return 'delayed'
    case 'suspect':
    case 'arrive':
      return runAt! <= now ? 'waiting' : 'delayed'
    case 'lease':
      return 'active'
    case 'blocked':
      return 'waiting-children'
    case 'done':
      return 'completed'
    default:
      return 'failed'
  }
}

function isMeant(job: ModelJob, { state, tags, ago }: Question, now: number): boolean {
  const { options, addedAt } = job
  if (ago !== undefined && addedAt > now - ago) return false
  if (!tags.every((tag) => options.tags?.includes(tag))) return false
  if (state === undefined) return true
  const is = stateOf(job, now)
  return state === 'prioritized' ? is === 'waiting' && isPrioritized(job) : is === state
}

/** Page after page. By tags they come in the order in which they were added. */
const find = (q: QueueNumber, question: Question) =>
  new Step(`find(${JSON.stringify(question)})`, q, undefined, {
    check: (model) => model.world(q).jobs.size > 0,
    prepare: () => undefined,
    act: async (_, { here: { queue }, now }) => {
      const { state, tags, ago, limit, order } = question
      const options: FindOptions = {
        state,
        tags,
        limit,
        order,
        to: ago === undefined ? undefined : now - ago,
      }
      const ids: string[] = []
      const times: number[] = []
      for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
        const page = await queue.find({ ...options, cursor })
        cursor = page.cursor
        ids.push(...page.jobs.map(({ id }) => id))
        times.push(...page.jobs.map(({ timestamp }) => timestamp))
      }
      const sorted = times.toSorted((a, b) => (order === 'oldest' ? a - b : b - a))
      must(tags.length === 0 || sorted.join() === times.join(), `found in the order ${times.join()}`)
      return ids.sort()
    },
    expect: (_, world, { now }) => {
      const out = [...world.jobs.values()].filter((job) => isMeant(job, question, now)).map(({ id }) => id)
      counters.found += out.length
      return { states: [world], out: out.sort() }
    },
  })

/** The audit as it is read: the newest first. */
const audit = (q: QueueNumber) =>
  new Step('audit', q, undefined, {
    check: (model) => (model.world(q).audit?.length ?? 0) > 0,
    prepare: () => undefined,
    act: async (_, { here: { queue } }) => {
      const lines = await queue.audit({ limit: 1000 })
      return lines
        .filter(({ count }) => count === undefined)
        .flatMap(({ at, action, id = '' }) => (action === 'obliterate' ? [] : `${at} ${action} ${id}`))
    },
    expect: (_, world) => {
      const out = world.audit!.toReversed()
      counters.lines += out.length
      return { states: [world], out }
    },
  })

const aQuestion: fc.Arbitrary<Question> = fc.record({
  state: fc.constantFrom<JobFilter | undefined>(
    undefined,
    undefined,
    undefined,
    'waiting',
    'delayed',
    'active',
    'waiting-children',
    'completed',
    'failed',
    'prioritized',
  ),
  tags: fc.constantFrom<readonly string[]>([], [], [], ['red'], ['a/b'], ['red', 'a/b']),
  ago: fc.constantFrom(undefined, undefined, 500),
  limit: fc.constantFrom(1, 2, 100),
  order: fc.constantFrom('newest' as const, 'oldest' as const),
})

export const findCommands: fc.Arbitrary<Command>[] = [
  ...times(
    4,
    fc.tuple(aQueue, aQuestion).map(([q, question]) => find(q, question)),
  ),
  ...times(
    3,
    aQueue.map((q) => audit(q)),
  ),
]
