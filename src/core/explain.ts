/**
 * Why a job is where it is, as data and as a sentence. A feature that can keep a job from running adds its cause to the table;
 * `ledger/explain.ts` finds out which of them hold.
 */
import { EXPLAIN_AHEAD } from './bounds.ts'
import type { FailedCode } from './head.ts'
import type { JobState } from './lifecycle.ts'

/** What each cause says of itself. Times are ms since the epoch. */
export interface CauseFacts {
  /** No such job: it was never added, or is gone. */
  unknown: object
  /** It is the id of a schedule, which makes jobs of its own; `next` is absent where it has ended. */
  schedule: { readonly next: number | undefined; readonly last: number | undefined; readonly missed: number }
  /** It belongs to a bulk that is not stored whole yet. */
  staged: object
  /** Its record cannot be read. */
  unreadable: { readonly problem: string }
  /** A newer version of Holdfast wrote it. */
  'too-new': { readonly problem: string }
  /** It is done. */
  completed: { readonly at: number }
  /** It is over, and why. */
  failed: { readonly at: number; readonly code: FailedCode; readonly reason: string }
  /** A worker has it; `until` is absent where the lease is being ended. */
  leased: { readonly worker: string; readonly since: number; readonly until: number | undefined }
  /** It was cancelled, and its handler has not ended yet. */
  cancelling: { readonly reason: string }
  /** It is here because it failed for good elsewhere. */
  'dead-letter': {
    readonly queue: string
    readonly id: string
    readonly at: number
    readonly code: FailedCode
  }
  /** Unless it has begun by then it fails. */
  expiring: { readonly at: number }
  /** Its time has not come. */
  delayed: { readonly until: number }
  /** It failed or stalled, and waits before it is tried again. */
  'backing-off': { readonly until: number; readonly attemptsMade: number; readonly reason: string }
  /** Its next stall would be its last: it is run alone. */
  suspect: { readonly stalls: number }
  /** It was added while the job before it of its deduplication id was running, and waits for that to end. */
  following: { readonly deduplicationId: string | undefined }
  /** The worker that took it runs enough jobs of this name. */
  parked: { readonly name: string }
  /** It waits with so many others, itself included, for more of them to make a batch. */
  gathering: { readonly jobs: number }
  /** Others come first; with `orMore` there may be more of them. */
  behind: { readonly jobs: number; readonly orMore: boolean }
  /** No job of the queue is claimed; with `obliterating` it is being removed. */
  paused: { readonly obliterating: boolean }
  /** The queue was told to wait (`rateLimit`), or has started as many jobs as its rate allows. */
  limited: { readonly until: number }
  /** As many jobs of the queue run as may. */
  full: { readonly concurrency: number }
  /** No job of its group is claimed until it is resumed. */
  'group-paused': { readonly group: string }
  /** As many jobs of its group run as it allows itself; what workers allow, only they know. */
  'group-full': { readonly group: string; readonly concurrency: number | undefined }
  /** Its group was told to wait, has started as many jobs as its rate allows, or waits for one of its jobs that is tried again. */
  'group-waits': { readonly group: string; readonly until: number }
  /** Nobody works on the queue. */
  'no-worker': object
  /** The workers there are have no handler for its name. */
  'no-handler': { readonly name: string; readonly workers: number }
  /** Nothing holds it: a worker takes it next. */
  next: object
}
/** The name of a cause. */
export type CauseName = keyof CauseFacts
/** One reason for which a job does not run. */
export type Cause = { [N in CauseName]: { readonly cause: N } & CauseFacts[N] }[CauseName]

/** Why a job is not running, and when it next could. */
export interface Explanation {
  /** As it was asked for. */
  readonly id: string
  /** `unknown` where there is no such job. */
  readonly state: JobState | 'unknown'
  /** What holds it, the nearest first; there may be several. */
  readonly causes: readonly Cause[]
  /** When it next could be run, ms since the epoch; absent where time alone does not bring it about. */
  readonly nextAt?: number
  /** All of it in words. */
  readonly sentence: string
}

const at = (ms: number): string => new Date(ms).toISOString()
const several = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

const SENTENCES: { readonly [N in CauseName]: (facts: CauseFacts[N]) => string } = {
  unknown: () => 'there is no such job: it was not added, or was removed since',
  schedule: ({ next, last, missed }) =>
    `it is a schedule, ${next === undefined ? 'which has ended' : `next run at ${at(next)}`}, ${last === undefined ? 'not run so far' : `last run at ${at(last)}`}, ${several(missed, 'missed run')}`,
  staged: () => 'it belongs to a bulk that is still being stored',
  unreadable: ({ problem }) => `its record cannot be read (${problem}), so it was set aside`,
  'too-new': ({ problem }) => `it waits for a worker of a newer version of Holdfast (${problem})`,
  completed: ({ at: ms }) => `it completed at ${at(ms)}`,
  failed: ({ at: ms, code, reason }) => `it failed for good at ${at(ms)} with ${code}: ${reason}`,
  leased: ({ worker, since, until }) =>
    `the worker ${worker} runs it since ${at(since)}, ${until === undefined ? 'on a lease that is being ended' : `on a lease until ${at(until)} unless renewed`}`,
  cancelling: ({ reason }) => `it was cancelled (${reason}) and ends when its handler does`,
  'dead-letter': ({ queue, id, at: ms, code }) =>
    `it is the dead letter of job ${id} of ${queue}, which failed for good at ${at(ms)} with ${code}`,
  expiring: ({ at: ms }) => `it expires at ${at(ms)} unless it has begun by then`,
  delayed: ({ until }) => `it is delayed until ${at(until)}`,
  'backing-off': ({ until, attemptsMade, reason }) =>
    `it waits until ${at(until)} to be tried again after ${several(attemptsMade, 'failed attempt')} (${reason})`,
  suspect: ({ stalls }) =>
    `it stalled ${stalls === 1 ? 'once' : `${stalls} times`} and the next stall would end it, so it waits for a worker with empty slots to run it alone`,
  following: ({ deduplicationId }) =>
    `it waits for the end of the job that runs under its deduplication id ${JSON.stringify(deduplicationId)} (keepLastIfActive)`,
  parked: ({ name }) =>
    `it waits for room among jobs named ${JSON.stringify(name)}, of which its worker runs enough (perName)`,
  gathering: ({ jobs }) =>
    `it waits for the batch that its worker wants to make, of which there ${jobs === 1 ? 'is' : 'are'} ${several(jobs, 'job')} so far`,
  behind: ({ jobs, orMore }) =>
    `${orMore ? `${EXPLAIN_AHEAD} or more jobs` : several(jobs, 'job')} ${jobs === 1 ? 'is' : 'are'} before it`,
  paused: ({ obliterating }) => (obliterating ? 'the queue is being obliterated' : 'the queue is paused'),
  limited: ({ until }) => `the queue starts no job before ${at(until)}, for the sake of its rate`,
  full: ({ concurrency }) => `the queue runs all it may: ${several(concurrency, 'job')} at once`,
  'group-paused': ({ group }) => `its group ${JSON.stringify(group)} is paused`,
  'group-full': ({ group, concurrency }) =>
    `its group ${JSON.stringify(group)} runs all it may${concurrency === undefined ? '' : `: ${several(concurrency, 'job')} at once`}`,
  'group-waits': ({ group, until }) => `its group ${JSON.stringify(group)} starts no job before ${at(until)}`,
  'no-worker': () => 'no worker of this queue is there',
  'no-handler': ({ name, workers }) =>
    `${workers === 1 ? 'the one worker there is has no' : `none of the ${workers} workers there are has a`} handler for jobs named ${JSON.stringify(name)}`,
  next: () => 'it is next: a worker that has a free slot takes it',
}

const sentenceOf = ({ cause, ...facts }: Cause): string =>
  (SENTENCES[cause] as (facts: object) => string)(facts)

/** What was found, in words. `nextAt` is when time ends the last of the causes that time ends, where it ends all of them. */
export function explanation(id: string, state: JobState | 'unknown', causes: readonly Cause[]): Explanation {
  const ends = causes.map(endOf)
  const latest = Math.max(...ends)
  const next = causes.length > 0 && Number.isFinite(latest) ? { nextAt: latest } : {}
  return {
    id,
    state,
    causes,
    ...next,
    sentence: `Job ${id} is ${state}: ${causes.map(sentenceOf).join('; ')}.`,
  }
}

/** When time alone ends a cause. */
const endOf = (cause: Cause): number =>
  'until' in cause && cause.cause !== 'leased' ? (cause.until ?? Infinity) : Infinity
