/** What differs between a world of the model and what the store shows of a queue, told so that a failure explains itself. */
import type { Head } from '../../src/core/head.ts'
import { isGathered, jobIdOf, scheduleKeyOf } from '../../src/core/keys.ts'
import type { QueueView, ShownSchedule } from './queue-view.ts'
import type { ModelSchedule } from './schedule-world.ts'
import type { ShownJob } from './shown-job.ts'
import type { ShownHold, ShownKey } from './shown-names.ts'
import { type ModelGroup, type ModelJob, type World, same } from './world.ts'

/** How a world differs from what the store holds, as a sentence. */
export function difference(world: World, view: QueueView): string | undefined {
  if (world.paused !== view.paused) return `paused is ${view.paused}`
  if ((world.obliterating ?? false) !== view.obliterating) return `obliterating is ${view.obliterating}`
  if (world.concurrency !== view.concurrency) return `the global concurrency is ${view.concurrency}`
  if (world.rate !== view.rate) return `the rate limit is ${view.rate}`
  const starts = (world.starts ?? []).toSorted((a, b) => a - b)
  if (!same(starts, view.starts)) return `starts are ${view.starts.join()} instead of ${starts.join()}`
  const expected = [...world.jobs.keys()].sort()
  const found = [...view.jobs.keys()].sort()
  if (!same(expected, found)) return `jobs are ${found.join()} instead of ${expected.join()}`
  for (const job of world.jobs.values()) {
    const [want, have] = [wanted(job), shown(view.jobs.get(job.id)!)]
    for (const [field, value] of Object.entries(want)) {
      const got = (have as Record<string, unknown>)[field]
      if (!same(value, got))
        return `${field} of ${job.id} is ${JSON.stringify(got)} instead of ${JSON.stringify(value)}`
    }
  }
  const schedules = [...(world.schedules ?? [])].map(([key, schedule]) => wantedSchedule(key, schedule))
  const kept = [...view.schedules].map(([name, schedule]) => shownSchedule(name, schedule))
  if (!same(schedules.toSorted(), kept.toSorted()))
    return `schedules are ${kept.join()} instead of ${schedules.join()}`
  const wantedKeys = [...(world.keys ?? [])].map(shownKey).sort()
  const foundKeys = [...view.keys].map(shownKey).sort()
  if (!same(wantedKeys, foundKeys))
    return `idempotency keys are ${foundKeys.join()} instead of ${wantedKeys.join()}`
  const wantedIds = [...(world.ids ?? [])].map(shownHold).sort()
  const foundIds = [...view.ids].map(shownHold).sort()
  if (!same(wantedIds, foundIds))
    return `deduplication ids are ${foundIds.join()} instead of ${wantedIds.join()}`
  if (!same(world.audit ?? [], view.audit))
    return `the audit says ${view.audit.join()} instead of ${(world.audit ?? []).join()}`
  const wantedGroups = [...(world.groups ?? [])].map(shownGroup).sort()
  const foundGroups = [...view.groups].map(shownGroup).sort()
  if (!same(wantedGroups, foundGroups))
    return `groups are ${foundGroups.join()} instead of ${wantedGroups.join()}`
  // Those of jobs that a bulk had which was given up are there too.
  const missing = world.expiries?.find(({ id, at }) => !view.expiries.has(`${at}/${id}`))
  if (missing !== undefined) return `nobody looks at ${missing.id} at ${missing.at}`
  const entries = [...world.claims].map(([claim, { lane, until }]) => `${lane} ${claim} ${until}`).sort()
  const seen = view.claims.map(({ lane, claim, until }) => `${lane} ${claim} ${until}`).sort()
  return same(entries, seen) ? undefined : `claims are ${seen.join()} instead of ${entries.join()}`
}

const text = (value: unknown): string => (value === undefined ? '' : `j${JSON.stringify(value)}`)

const shownKey = ([name, { id, born, until, lapsesAt }]: readonly [string, ShownKey]): string =>
  `${name} of ${id} of ${born} until ${until}, looked at ${lapsesAt}`

const shownGroup = ([id, { paused = false, concurrency }]: readonly [string, ModelGroup]): string =>
  `${id} ${paused} ${concurrency}`

const shownHold = ([id, { job, until }]: readonly [string, ShownHold]): string =>
  `${id} of ${job} until ${until}`

const wantedSchedule = (key: string, schedule: ModelSchedule): string => {
  const { every, missed, limit, next, last, runs, passed, data } = schedule
  return JSON.stringify([key, every, missed, limit, next, last, runs, passed, text(data)])
}

const shownSchedule = (name: string, { schedule, data }: ShownSchedule): string => {
  const { timing, next, last, runs = 0, missed: passed = 0 } = schedule
  const { every, missed = 'one', limit } = timing
  return JSON.stringify([scheduleKeyOf(name), every, missed, limit, next, last, runs, passed, data])
}

const wanted = (job: ModelJob) => ({
  lane: job.place,
  addedAt: job.addedAt,
  key: job.key,
  claim: job.claim,
  gathered: job.place === 'parked' ? (job.gathered ?? false) : undefined,
  after: job.after,
  heldUntil: job.heldUntil,
  expiresAt: job.expiresAt,
  attemptsMade: job.attemptsMade,
  attemptsStarted: job.attemptsStarted,
  stalledCounter: job.stalledCounter,
  generation: job.generation,
  runAt: job.runAt,
  finishedOn: job.finishedOn,
  failedCode: job.failedCode,
  cancelled: job.cancelled,
  fence: job.fence,
  data: text(job.data),
  result: text(job.result),
  progress: text(job.progress),
  logs: job.logs,
  origin: job.origin && {
    id: job.origin.job.id,
    code: job.origin.code,
    at: job.origin.at,
    addedAt: job.origin.job.addedAt,
    generation: job.origin.job.generation,
    logs: job.origin.job.logs,
  },
})

/** Whose end it waits for. */
const leaderOf = ({ blocked = '' }: Head): string =>
  jobIdOf(blocked.slice(blocked.indexOf(':') + 1, blocked.indexOf('/')))

function shown(job: ShownJob): ReturnType<typeof wanted> {
  const { lane, claim, head, data, result, progress, logs, originLogs } = job
  const timed = ['due', 'suspect', 'arrive', 'penned'].includes(lane)
  return {
    lane,
    addedAt: head.timestamp,
    key: head.key,
    claim,
    gathered: lane === 'parked' ? isGathered(job.stateKey) : undefined,
    after: lane === 'blocked' ? leaderOf(head) : undefined,
    heldUntil: head.heldUntil,
    expiresAt: head.expiresAt,
    attemptsMade: head.attemptsMade ?? 0,
    attemptsStarted: head.attemptsStarted ?? 0,
    stalledCounter: head.stalledCounter ?? 0,
    generation: head.generation ?? 0,
    runAt: timed ? head.runAt : undefined,
    finishedOn: head.finishedOn,
    failedCode: head.failedCode,
    cancelled: head.cancelled === undefined ? undefined : true,
    fence: head.fence,
    data,
    result,
    progress,
    logs: [...logs],
    origin: head.origin && {
      id: head.origin.id,
      code: head.origin.code,
      at: head.origin.at,
      addedAt: head.origin.timestamp,
      generation: head.origin.generation,
      logs: [...originLogs],
    },
  }
}
