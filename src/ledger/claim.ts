/**
 * Taking jobs: moves from `ready` (or `suspect`) to `lease` under a fresh claim, with the claim's entry beside them.
 * The plans here are blocks, so that a worker can send them together with its settles.
 */
import { decodeConfig, type QueueConfig } from '../core/config.ts'
import { UnreadableRecord, unseal } from '../core/codec.ts'
import { DATA, type Head, decodeHead, owns } from '../core/head.ts'
import { CALL_OPERATIONS, PAGE_KEYS, PROMOTE_JOBS } from '../core/bounds.ts'
import {
  claimName,
  claimOfLease,
  claimsKey,
  jobIdOf,
  leaseKey,
  partId,
  readyKeyOfLease,
  throughTime,
  timeOf,
  workerOfClaim,
} from '../core/keys.ts'
import type { Ending } from '../core/lifecycle.ts'
import { type Limits, NO_LIMITS } from '../core/limits.ts'
import { HoldfastError } from '../error.ts'
import { readyKeyOfPenned } from '../core/group-keys.ts'
import type { PayloadText } from '../core/payload.ts'
import { nameOf } from '../core/evaluate.ts'
import type { Change, Result } from '../store.ts'
import type { Block } from './commit.ts'
import type { JobRecord } from './inspect.ts'
import { type Gathering, planEnough } from './gather.ts'
import type { Ledger } from './ledger.ts'
import { countedAt, planTrim, roomOf, trimMost } from './rates.ts'
import { type Visit, planVisit } from './turns.ts'

/** A queue's settings as one read saw them; a claim is refused when they have changed since. */
export interface SeenConfig {
  readonly raw: string | undefined
  readonly config: QueueConfig
}

/** A job on lease. */
export interface Grant {
  /** The job's head record. */
  readonly name: string
  readonly id: string
  readonly claim: string
  readonly leaseKey: string
  /** Ready key under which it was taken. */
  readonly key: string
  /** When it was granted, ms since the epoch; also its fence unless the head's is larger. */
  readonly startedAt: number
  readonly worker: string
  /** The head record as it is known to be; rewritten by what the holder itself changes. */
  raw: string | undefined
  /** `undefined` where the record cannot be read. */
  head: Head | undefined
  unreadable: UnreadableRecord | undefined
}

/** The fence of a grant: rises over all grants of a job. */
export const fenceOf = ({ startedAt, head }: Grant): number => Math.max(head?.fence ?? 0, startedAt)

/** @throws HoldfastError `STORE_CORRUPT`: whether the queue is paused is not guessed. */
export async function readConfig(ledger: Ledger): Promise<SeenConfig> {
  const [raw] = await ledger.store.read([ledger.configId])
  try {
    return { raw, config: decodeConfig(raw) }
  } catch (cause) {
    throw new HoldfastError(
      'STORE_CORRUPT',
      `the settings of the queue ${ledger.queue} cannot be read (${(cause as Error).message}): its pause() or resume() writes them anew`,
      { cause },
    )
  }
}

/** Promotes what is due, a bounded number of jobs. */
export function planPromotion({ lanes, store }: Ledger): Block {
  return [
    {
      move: {
        from: { lane: lanes.due, until: throughTime(store.now() - store.skewMs), limit: PROMOTE_JOBS },
        to: [{ lane: lanes.ready, drop: 1 }],
      },
    },
  ]
}

export interface ClaimPlan {
  readonly claim: string
  readonly limit: number
  readonly until: number
  /** One that is to be run alone, instead of the jobs that are ready. */
  readonly suspect?: boolean | undefined
  /** Default: none. */
  readonly limits?: Limits | undefined
  /** Where it waits for enough jobs. */
  readonly gathering?: Gathering | undefined
  /** The group whose turn it is, instead of the jobs that are ready. */
  readonly visit?: Visit | undefined
  /** Of that group the job with this key in `penned`, which is due. */
  readonly penned?: string | undefined
}

/** Whoever claims: its name and a random part, escaped, and how long its leases last. */
export interface Claimant {
  readonly worker: string
  readonly leaseMs: number
}

/** What a claim is for; it is made with all of it at once, as copies would cost more than the rest of its plan. */
export type Aim = Omit<ClaimPlan, 'claim' | 'until'>

/** A claim that is to be made now; `counter` is a number that its claimant never gave before. */
export function newClaim(
  { store }: Ledger,
  { worker, leaseMs }: Claimant,
  counter: number,
  { limit, suspect, limits, gathering, visit, penned }: Aim,
): ClaimPlan {
  const now = store.now()
  const claim = claimName({ grantedAt: now, epoch: store.epoch ?? '0', counter, worker })
  return { claim, limit, until: now + leaseMs, suspect, limits, gathering, visit, penned }
}

/** A claim is refused under other settings than were seen. */
export const settingsHold = ({ configId }: Ledger, { raw }: SeenConfig): NonNullable<Change['expect']> =>
  raw === undefined ? { absent: [configId] } : { equal: [[configId, raw]] }

/** Jobs that one claim may take: a move counts two operations a key and one more for each window, and one is the claim's entry. */
export const claimMost = ({ windows }: Limits): number =>
  Math.floor((CALL_OPERATIONS - 2) / (2 + 2 * windows.length))

/**
 * One claim: all or none of it, only under the settings that were seen, never beyond `limit` nor beyond the queue's own limits.
 * Its first result says whether the settings still hold, its last what it got.
 */
export function planClaim(ledger: Ledger, seen: SeenConfig, plan: ClaimPlan): Block {
  const { lanes, store } = ledger
  const { claim, limit, until, suspect = false, limits = NO_LIMITS, visit, gathering } = plan
  if (visit !== undefined) return planVisit(ledger, seen, plan, visit)
  const at = timeOf(claim)
  const room = roomOf(ledger, limits, at)
  const trims = limits.windows.map((window) => planTrim(ledger, window, at, trimMost(plan, limits)))
  const enough =
    gathering === undefined ? [] : planEnough(ledger, gathering, { limit, room, at: 1 + trims.length })
  return [
    { expect: settingsHold(ledger, seen) },
    ...trims,
    ...enough,
    {
      after: enough.length === 0 ? 0 : trims.length + enough.length,
      move: {
        from: suspect
          ? { lane: lanes.suspect, until: throughTime(store.now() - store.skewMs), limit }
          : { lane: lanes.ready, limit },
        to: [
          { lane: lanes.lease, drop: suspect ? 1 : 0, mark: claim },
          ...countedAt(ledger, limits, claim, suspect ? 3 : 2),
        ],
        room,
      },
      add: [[lanes.claims, claimsKey(until, claim)]],
      ...(suspect ? { hint: [lanes.suspect] } : {}),
    },
  ]
}

/** The grants that a claim's result stands for. */
export function grantsOf({ claim, suspect = false, penned }: ClaimPlan, result: Result): Grant[] {
  if (result === false) return []
  const facts = claimFacts(claim)
  return result.map(({ key, record }) => {
    const name = nameOf(key)
    const inLane = key.slice(suspect ? key.indexOf('/') + 1 : 0, -name.length - 1)
    const ready = penned === undefined ? inLane : readyKeyOfPenned(key)
    return granted(facts, name, ready, leaseKey(ready, claim, name), record)
  })
}

/** The grant that a lease key and a head record stand for. */
const grant = (key: string, raw: string | undefined): Grant =>
  granted(claimFacts(claimOfLease(key)), nameOf(key), readyKeyOfLease(key), key, raw)

type ClaimFacts = Pick<Grant, 'claim' | 'startedAt' | 'worker'>

const claimFacts = (claim: string): ClaimFacts => ({
  claim,
  startedAt: timeOf(claim),
  worker: workerOfClaim(claim),
})

function granted(
  { claim, startedAt, worker }: ClaimFacts,
  name: string,
  key: string,
  lease: string,
  raw: string | undefined,
): Grant {
  const id = jobIdOf(name)
  const made: Grant = {
    name,
    id,
    claim,
    leaseKey: lease,
    key,
    startedAt,
    worker,
    raw,
    head: undefined,
    unreadable: undefined,
  }
  adoptHead(made, raw)
  return made
}

/** Takes note of a head record that was just read for a grant. */
export function adoptHead(granted: Grant, raw: string | undefined): void {
  granted.raw = raw
  granted.head = undefined
  granted.unreadable = undefined
  try {
    granted.head = decodeHead(raw)
  } catch (error) {
    const isKnown = error instanceof UnreadableRecord
    granted.unreadable = isKnown ? error : new UnreadableRecord(String(error), false)
  }
}

/** What a handler sees of a job besides its head; `problem` where its data cannot be read. */
export interface GrantedParts {
  readonly data: PayloadText
  readonly progress: PayloadText
  readonly problem?: UnreadableRecord
}

/** Data and progress of jobs, where they have records of their own in one read for all. */
export async function readParts({ store }: Ledger, grants: readonly Grant[]): Promise<GrantedParts[]> {
  const ids = grants.flatMap(({ name, head }) =>
    (['payload', 'progress'] as const)
      .filter((part) => head !== undefined && owns(head, part))
      .map((part) => partId(part, name)),
  )
  const records = ids.length === 0 ? [] : await store.read(ids)
  const read = new Map(ids.map((id, at) => [id, records[at]]))
  return grants.map(({ name, head }) => {
    if (head === undefined) return { data: '', progress: '' }
    const progress = read.get(partId('progress', name))
    try {
      const data = owns(head, 'payload') ? unsealPart(read.get(partId('payload', name))) : (head[DATA] ?? '')
      return { data, progress: progress === undefined ? '' : unseal(progress) }
    } catch (error) {
      return { data: '', progress: '', problem: error as UnreadableRecord }
    }
  })
}

/** The parts of a job that has none of its own. */
export const partsInHead = ({ head }: Pick<Grant, 'head'>): GrantedParts => ({
  data: head?.[DATA] ?? '',
  progress: '',
})

/** A job on lease as its holder sees it. */
export function recordOfGrant(
  { id, raw = '', head, startedAt, worker }: Grant,
  { data, progress }: GrantedParts,
): JobRecord {
  return { id, raw, head, data, progress, result: '', history: [], lease: { startedAt, worker } }
}

/** How a lease ends whose job's data cannot be read. */
export const endOfUnreadable = ({ message }: UnreadableRecord): Ending => ({
  kind: 'failed',
  final: true,
  code: 'UNREADABLE',
  failure: { message: `its data cannot be read: ${message}` },
})

/** Whether `readParts` has anything to read for a grant. */
export const hasParts = ({ head }: Grant): boolean =>
  head !== undefined && (owns(head, 'payload') || owns(head, 'progress'))

function unsealPart(record: string | undefined): PayloadText {
  if (record === undefined) throw new UnreadableRecord('the record of its data is missing', false)
  return unseal(record)
}

/** Grants under a claim: what the store says it holds. */
export async function grantsOfClaim(ledger: Ledger, claim: string): Promise<Grant[]> {
  const keys = (await leaseKeys(ledger)).filter((key) => claimOfLease(key) === claim)
  return readGrants(ledger, keys)
}

/** Every key of the lease lane, page by page: as many as jobs are being run. */
export async function leaseKeys({ store, lanes }: Ledger): Promise<string[]> {
  const keys: string[] = []
  for (let from: string | undefined; ; from = `${keys.at(-1)}!`) {
    const [page = []] = await store.scan([{ lane: lanes.lease, from, limit: PAGE_KEYS }])
    keys.push(...page)
    if (page.length === 0) return keys
  }
}

export async function readGrants({ store }: Ledger, keys: readonly string[]): Promise<Grant[]> {
  const records = await store.read(keys.map(nameOf))
  return keys.map((key, at) => grant(key, records[at]))
}
