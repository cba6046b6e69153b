/**
 * Looking why a job is not running: a fixed list of looks, each of which knows the causes of one feature. A feature adds one.
 * Nothing is walked beyond a bound, and nothing is changed.
 */
import { EXPLAIN_AHEAD } from '../core/bounds.ts'
import { UnreadableRecord } from '../core/codec.ts'
import { nameOf } from '../core/evaluate.ts'
import { type Cause, type Explanation, explanation } from '../core/explain.ts'
import type { Head } from '../core/head.ts'
import { groupId } from '../core/group-keys.ts'
import {
  below,
  claimOfLease,
  claimsKey,
  exactly,
  groupOf,
  isGathered,
  jobIdOf,
  timeOf,
  unescapePart,
  workerOfClaim,
} from '../core/keys.ts'
import { limitsOf } from '../core/limits.ts'
import type { JobState } from '../core/lifecycle.ts'
import { mayTake } from '../core/presence.ts'
import type { Key } from '../store.ts'
import { hasArrived } from './bulk.ts'
import { readConfig } from './claim.ts'
import { replan } from './commit.ts'
import { countGathering } from './gather.ts'
import { readGroup } from './group.ts'
import { type Ledger, readHead } from './ledger.ts'
import { placeOf, stateIn } from './locate.ts'
import { lookAtLimits } from './rates.ts'
import { readSchedule } from './schedule.ts'
import { waitOfGroup } from './postpone.ts'
import { readWorkers } from './workers.ts'

/** A job, where it was found. */
interface Found {
  readonly name: string
  readonly head: Head
  readonly lane: string
  readonly key: string
  readonly state: JobState
  readonly now: number
}

type Look = (ledger: Ledger, found: Found) => Promise<readonly Cause[]> | readonly Cause[]

const ended: Look = ({ lanes }, { lane, head }) => {
  const at = head.finishedOn ?? 0
  if (lane === lanes.done) return [{ cause: 'completed', at }]
  if (lane !== lanes.dead) return []
  return [{ cause: 'failed', at, code: head.failedCode!, reason: head.failedReason ?? '' }]
}

const cancelling: Look = (_, { state, head }) =>
  state === 'active' && head.cancelled !== undefined ? [{ cause: 'cancelling', reason: head.cancelled }] : []

const leased: Look = async ({ store, lanes }, { lane, key }) => {
  if (lane !== lanes.lease) return []
  const claim = claimOfLease(key)
  const grantedAt = timeOf(claim)
  // The entries of claims are as many as claims; the one that is looked for is seldom far.
  const [entries = []] = await store.scan([
    { lane: lanes.claims, from: claimsKey(grantedAt, claim), limit: EXPLAIN_AHEAD },
  ])
  const entry = entries.find((one) => nameOf(one) === claim)
  const until = entry === undefined ? undefined : timeOf(entry)
  return [{ cause: 'leased', worker: workerOfClaim(claim), since: grantedAt, until }]
}

const waits = (state: JobState): boolean => state === 'waiting' || state === 'delayed'

const letter: Look = (_, { state, head: { origin } }) =>
  origin === undefined || !waits(state)
    ? []
    : [{ cause: 'dead-letter', queue: origin.queue, id: origin.id, at: origin.at, code: origin.code }]

const expiring: Look = (_, { state, head: { expiresAt, attemptsStarted } }) =>
  expiresAt === undefined || (attemptsStarted ?? 0) > 0 || !waits(state)
    ? []
    : [{ cause: 'expiring', at: expiresAt }]

const timed: Look = ({ lanes }, { lane, head, now }) => {
  if (lane !== lanes.due && lane !== lanes.suspect && lane !== lanes.arrive && lane !== lanes.penned)
    return []
  if (head.runAt === undefined) return []
  const until = head.runAt
  if (until <= now) return []
  const failed = (head.attemptsMade ?? 0) + (head.stalledCounter ?? 0)
  return failed === 0
    ? [{ cause: 'delayed', until }]
    : [{ cause: 'backing-off', until, attemptsMade: failed, reason: head.failedReason ?? 'snoozed' }]
}

const suspect: Look = ({ lanes }, { lane, head: { stalledCounter = 0 } }) =>
  lane === lanes.suspect || (lane === lanes.penned && stalledCounter > 0)
    ? [{ cause: 'suspect', stalls: stalledCounter }]
    : []

const following: Look = ({ lanes }, { lane, head }) =>
  lane === lanes.blocked ? [{ cause: 'following', deduplicationId: head.opts.deduplication?.id }] : []

const parked: Look = async (ledger, { lane, key, head }) => {
  if (lane !== ledger.lanes.parked) return []
  if (!isGathered(key)) return [{ cause: 'parked', name: head.name }]
  return [{ cause: 'gathering', jobs: (await countGathering(ledger)).gathered }]
}

const behind: Look = async ({ store, lanes }, { lane, key }) => {
  if (lane !== lanes.ready && lane !== lanes.grouped) return []
  const group = lane === lanes.grouped ? key.slice(0, key.indexOf('/') + 1) : undefined
  const [ahead = []] = await store.scan([{ lane, from: group, until: key, limit: EXPLAIN_AHEAD }])
  if (ahead.length === 0) return []
  return [{ cause: 'behind', jobs: ahead.length, orMore: ahead.length === EXPLAIN_AHEAD }]
}

const paused: Look = async (ledger, { state }) => {
  if (!waits(state)) return []
  const { config } = await readConfig(ledger)
  return config.paused === true ? [{ cause: 'paused', obliterating: config.obliterating ?? false }] : []
}

const unattended: Look = async (ledger, { state, head }) => {
  if (!waits(state)) return []
  const workers = await readWorkers(ledger)
  if (workers.length === 0) return [{ cause: 'no-worker' }]
  return workers.some((worker) => mayTake(worker, head.name))
    ? []
    : [{ cause: 'no-handler', name: head.name, workers: workers.length }]
}

/** The limits of the queue itself; those that workers bring along, only they know. */
const limited: Look = async (ledger, { state, now }) => {
  if (!waits(state)) return []
  const { config } = await readConfig(ledger)
  const { heldUntil = 0, concurrency } = config
  const { opensAt = 0 } = await lookAtLimits(ledger, limitsOf(config, undefined))
  const causes: Cause[] = []
  const until = Math.max(heldUntil, opensAt)
  if (until > now) causes.push({ cause: 'limited', until })
  if (concurrency === undefined) return causes
  const [active = 0] = await ledger.store.count([{ lane: ledger.lanes.lease }])
  return active < concurrency ? causes : [...causes, { cause: 'full', concurrency }]
}

const grouped: Look = async (ledger, { state, head, now }) => {
  const part = groupOf(head.key)
  if (part === undefined || !waits(state)) return []
  const { store, lanes, queue } = ledger
  const group = unescapePart(part)
  const known = await readGroup(ledger, group)
  if (known.paused === true) return [{ cause: 'group-paused', group }]
  const [[full] = [], [held] = []] = await store.scan([
    { ...exactly(lanes.full, groupId(queue, group)), limit: 1 },
    { ...below(lanes.penned, part), limit: 1 },
  ])
  const causes: Cause[] =
    full === undefined ? [] : [{ cause: 'group-full', group, concurrency: known.concurrency }]
  const wait = await waitOfGroup(ledger, group, known, undefined)
  const until = Math.max(now + wait, held === undefined ? 0 : timeOf(held.slice(part.length + 1)))
  return until > now ? [...causes, { cause: 'group-waits', group, until }] : causes
}

/** The nearest cause first. */
const LOOKS: readonly Look[] = [
  ended,
  cancelling,
  leased,
  timed,
  suspect,
  following,
  parked,
  paused,
  grouped,
  limited,
  unattended,
  behind,
  letter,
  expiring,
]

export async function explainJob(ledger: Ledger, name: string): Promise<Explanation> {
  const id = jobIdOf(name)
  let previous: string | undefined
  return replan<Explanation>(async () => {
    const [raw] = await ledger.store.read([name])
    if (raw === undefined) return explanation(id, 'unknown', [await missing(ledger, id)])
    const { head, problem } = readHead(raw)
    if (!(await hasArrived(ledger, name, head))) return explanation(id, 'unknown', [{ cause: 'staged' }])
    if (head === undefined) return explainUnreadable(ledger, name, problem!)
    const place = await placeOf(ledger, name, head)
    if (place === undefined) {
      // It moved between the two reads, unless the same head is seen twice.
      if (previous === raw) return explanation(id, 'unknown', [{ cause: 'unknown' }])
      previous = raw
      return undefined
    }
    return explainFound(ledger, name, head, place)
  })
}

/** There is no job of the id; it may be that of a schedule. */
async function missing(ledger: Ledger, id: string): Promise<Cause> {
  const kept = await readSchedule(ledger, id)
  if (kept === undefined) return { cause: 'unknown' }
  const { next, last, missed = 0 } = kept.schedule
  return { cause: 'schedule', next, last, missed }
}

async function explainFound(
  ledger: Ledger,
  name: string,
  head: Head,
  [lane, key]: Key,
): Promise<Explanation> {
  const now = ledger.store.now()
  const found: Found = { name, head, lane, key, state: stateIn(ledger, lane, key), now }
  const looked = await Promise.all(LOOKS.map(async (look) => look(ledger, found)))
  const causes = looked.flat()
  return explanation(jobIdOf(name), found.state, causes.length > 0 ? causes : [{ cause: 'next' }])
}

async function explainUnreadable(
  ledger: Ledger,
  name: string,
  problem: UnreadableRecord,
): Promise<Explanation> {
  const place = await placeOf(ledger, name, undefined)
  const state = place?.[0] === ledger.lanes.blocked ? 'waiting-children' : 'failed'
  const cause = problem.tooNew ? 'too-new' : 'unreadable'
  return explanation(jobIdOf(name), state, [{ cause, problem: problem.message }])
}
