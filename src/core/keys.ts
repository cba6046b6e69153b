/**
 * How things are named in a store: records, lanes and keys, and the way back from each name to what it means. The
 * one place that knows the layout.
 *
 *     ready:<q>     <priority>/<order>/<job>                 runnable now
 *     due:<q>       <runAt>/<priority>/<order>/<job>         delayed or backing off
 *     suspect:<q>   <runAt>/<priority>/<order>/<job>         its next stall would end it: to be run alone; of no group
 *     lease:<q>     <priority>/<order>/<claim>/<job>         being run
 *     claims:<q>    <until>/<claim>                          when the leases of one claim call expire
 *     reap:<q>      <until>/<claim>                          a reaper's verdict on a claim, itself expiring
 *     blocked:<q>   <reason>/<priority>/<order>/<job>        waiting for something else; a reason may have a `/`
 *     parked:<q>    <name>/<priority>/<order>/<job>          runnable, but its worker runs enough jobs of this name; `*` for
 *                                                          a name: too few so far for the batch that workers wait for
 *     grouped:<q>   <group>/<priority>/<order>/<job>         runnable, in its group
 *     arrive:<q>    <runAt>/<group>/<priority>/<order>/<job> delayed, backing off, or on its way into its group (runAt 0)
 *     penned:<q>    <group>/<runAt>/<priority>/<order>/<job> its group waits for it: it is to be run alone, or backs off where
 *                                                          order is strict
 *     turn:<q>      <eligibleAt>.<n>/<group's record>        groups to be visited, each once, the next first; and when those are
 *                                                          that are in `idle`, as `doze:...`, which may outlive that
 *     full:<q>      <group's record>                         groups that have all they may have running
 *     halted:<q> idle:<q>  <group's record>                  groups that are paused; that have nothing to run now
 *     turns.<ms>:<q>  <group>/<startedAt>/<claim>/<job>      starts of a group, where its rate is limited
 *     done:<q> dead:<q>  <finishedAt>/<job>                  completed, failed
 *     tag:<q>       <tag>/<added at>/<job>                   jobs that have a tag, as long as they are there
 *     lapse:<q>     <until>/<record>                         idempotency keys and deduplication ids that lapse
 *     ttl:<q>       <expires>.<ULID>.<generation>/<job>      when jobs fail that have not begun; may outlive them
 *     audit:<q>     <number>/<line>                          who intervened, and why: the line is the key
 *     evicted:<q>   (no keys)                                named in hints: a lease was ended by force
 *     settings:<q>  (no keys)                                named in hints: the queue's settings changed
 *     win.<ms>:<q>  <startedAt>/<claim>/<job>                starts of the last so many ms, where a rate is limited
 *     workers:<q>   <until>/<worker>                         a worker that is there: see presence.ts
 *     staged:<q>    <until>/<bulk>                           a bulk that is being stored, in more than one unit
 *     release:<q>   <bulk>                                   a bulk that is stored, on its way into `ready` and `due`:
 *     bulk-ready.<bulk>:<q>, bulk-due.<bulk>:<q>             its jobs, with the keys they will have there
 *     schedules:<q> <next>/<schedule>                        when each schedule runs next
 *
 * `<priority>/<order>` is a job's *ready key*: the total order of a queue. With its group before it, it is what a grouped job has
 * instead, also in `lease` and `blocked`; where such a job goes is in `places.ts`. `<job>` is the id of the job's head record.
 */
import { TIME_MOST } from './bounds.ts'

const SAFE = /^[A-Za-z0-9._-]+$/
/** What `encodeURIComponent` leaves alone and our alphabet does not have. */
const LEFT_ALONE = /[!~*'()]/g

/** Any well-formed text as letters, digits, `.`, `_`, `-` and `%XX`. Throws `URIError` on a lone surrogate. */
export function escapePart(text: string): string {
  if (SAFE.test(text)) return text
  return encodeURIComponent(text).replace(
    LEFT_ALONE,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

export const unescapePart = (part: string): string => (part.includes('%') ? decodeURIComponent(part) : part)

/** The head record of a job. */
export const headId = (queue: string, id: string): string => `${escapePart(queue)}:${escapePart(id)}`

/** The user's id of a job from its head record's. */
export const jobIdOf = (head: string): string => unescapePart(head.slice(head.indexOf(':') + 1))

/** The queue of a job from its head record's id. */
export const queueOf = (head: string): string => unescapePart(head.slice(0, head.indexOf(':')))

export type PartKind = 'payload' | 'result' | 'progress' | 'history' | 'log' | 'logs' | 'origin'

/** A part of a job that has a record of its own; `n` where there are several. */
export const partId = (kind: PartKind, head: string, n?: number): string =>
  n === undefined ? `${kind}:${head}` : `${kind}:${head}:${n}`

/** The queue's own record: paused, limits. */
export const configId = (queue: string): string => `queue:${escapePart(queue)}:config`

/** What became of an idempotency key. */
export const idempotencyId = (queue: string, key: string): string =>
  `idem:${escapePart(queue)}:${escapePart(key)}`

/** Whether a record is an idempotency key's. */
export const isIdempotency = (record: string): boolean => record.startsWith('idem:')

/** Who has a deduplication id; of the queue whose name is escaped already. */
export const deduplicationIdOf = (queuePart: string, id: string): string =>
  `dedup:${queuePart}:${escapePart(id)}`

/** The escaped name of the queue whose job has this head record. */
export const queuePartOf = (head: string): string => head.slice(0, head.indexOf(':'))

/** How many finished jobs of a lane there are, and their bytes, where those are bounded. */
export const tallyId = (queue: string, lane: 'done' | 'dead'): string =>
  `queue:${escapePart(queue)}:tally.${lane}`

/** A schedule's record. */
export const scheduleId = (queue: string, key: string): string =>
  `sched:${escapePart(queue)}:${escapePart(key)}`

/** The data of its jobs, where that is not in its record. */
export const scheduleDataId = (name: string): string => `${name}:data`

/** The user's id of a schedule from its record's. */
export const scheduleKeyOf = (name: string): string => unescapePart(name.slice(name.lastIndexOf(':') + 1))

/** The key of a schedule in `schedules`; one that has no next slot comes last. */
export const nextSlotKey = (next: number | undefined, name: string): string =>
  `${timeDigits(next ?? TIME_MOST)}/${name}`

type LaneName =
  | 'ready'
  | 'due'
  | 'suspect'
  | 'lease'
  | 'claims'
  | 'reap'
  | 'blocked'
  | 'parked'
  | 'done'
  | 'dead'
  | 'tag'
  | 'lapse'
  | 'ttl'
  | 'audit'
  | 'evicted'
  | 'settings'
  | 'grouped'
  | 'arrive'
  | 'penned'
  | 'turn'
  | 'full'
  | 'halted'
  | 'idle'
  | 'staged'
  | 'release'
  | 'schedules'
  | 'workers'
export type Lanes = Readonly<Record<LaneName, string>>

/** In which a job has exactly one key: its state key. */
export const STATE_LANES = [
  'ready',
  'grouped',
  'due',
  'arrive',
  'penned',
  'suspect',
  'lease',
  'blocked',
  'parked',
  'done',
  'dead',
] as const
export type StateLane = (typeof STATE_LANES)[number]

export function lanesOf(queue: string): Lanes {
  const part = escapePart(queue)
  const lane = (name: LaneName): string => `${name}:${part}`
  return {
    ready: lane('ready'),
    due: lane('due'),
    suspect: lane('suspect'),
    lease: lane('lease'),
    claims: lane('claims'),
    reap: lane('reap'),
    blocked: lane('blocked'),
    parked: lane('parked'),
    done: lane('done'),
    dead: lane('dead'),
    tag: lane('tag'),
    lapse: lane('lapse'),
    ttl: lane('ttl'),
    audit: lane('audit'),
    evicted: lane('evicted'),
    settings: lane('settings'),
    grouped: lane('grouped'),
    arrive: lane('arrive'),
    penned: lane('penned'),
    turn: lane('turn'),
    full: lane('full'),
    halted: lane('halted'),
    idle: lane('idle'),
    staged: lane('staged'),
    release: lane('release'),
    schedules: lane('schedules'),
    workers: lane('workers'),
  }
}

/** The group of a job by its ready key, as keys have it. */
export function groupOf(key: string): string | undefined {
  const end = key.indexOf('/')
  return end === key.lastIndexOf('/') ? undefined : key.slice(0, end)
}

/** A point in time as 13 digits; what lies outside of them is moved to their ends. */
export const timeDigits = (at: number): string =>
  String(Math.min(Math.max(0, Math.floor(at)), TIME_MOST)).padStart(13, '0')

/** When a job expires: with its ULID and generation no two say so with the same key, be it of one id at one time. */
export const expiryKey = (at: number, ulid: string, generation: number, head: string): string =>
  `${timeDigits(at)}.${ulid}.${generation}/${head}`

export const waitingKey = (ready: string, head: string): string => `${ready}/${head}`
export const dueKey = (runAt: number, ready: string, head: string): string =>
  `${timeDigits(runAt)}/${ready}/${head}`
export const leaseKey = (ready: string, claim: string, head: string): string => `${ready}/${claim}/${head}`
export const blockedKey = (reason: string, ready: string, head: string): string =>
  `${reason}/${ready}/${head}`
export const parkedKey = (jobName: string, ready: string, head: string): string =>
  `${escapePart(jobName)}/${ready}/${head}`
/** What stands in `parked` instead of a job's name where jobs gather for a batch; no escaped name has it. */
export const GATHERED = '*'
export const gatheredKey = (ready: string, head: string): string => `${GATHERED}/${ready}/${head}`
export const isGathered = (parked: string): boolean => parked.startsWith(`${GATHERED}/`)
export const finishedKey = (at: number, head: string): string => `${timeDigits(at)}/${head}`
export const tagKey = (tag: string, addedAt: number, head: string): string =>
  `${escapePart(tag)}/${timeDigits(addedAt)}/${head}`
export const lapseKey = (until: number, record: string): string => `${timeDigits(until)}/${record}`
export const claimsKey = (until: number, claim: string): string => `${timeDigits(until)}/${claim}`

/** The time that a claim's name, or a key of `due`, `suspect`, `claims`, `reap`, `ttl`, `lapse`, `done` or `dead`, begins with. */
export const timeOf = (key: string): number => Number(key.slice(0, 13))

/** Bound for keys whose time is at or before `at`: the first text that is above all of them. */
export const throughTime = (at: number): string => timeDigits(at + 1)

/** The claim that holds a lease key. */
export function claimOfLease(key: string): string {
  const end = key.lastIndexOf('/')
  return key.slice(key.lastIndexOf('/', end - 1) + 1, end)
}

/** The ready key inside a lease key. */
export function readyKeyOfLease(key: string): string {
  const end = key.lastIndexOf('/')
  return key.slice(0, key.lastIndexOf('/', end - 1))
}

/** Everything below one path of segments: `from` is the path, `until` the first text above it. */
export const below = (lane: string, path: string): { lane: string; from: string; until: string } => ({
  lane,
  from: `${path}/`,
  until: `${path}0`,
})

/** The span that holds this one key. */
export const exactly = (lane: string, key: string): { lane: string; from: string; until: string } => ({
  lane,
  from: key,
  until: `${key}!`,
})

/** What a claim's name says: when it was granted, in which epoch, by whom. */
export interface ClaimName {
  readonly grantedAt: number
  /** `0` where the store has none. */
  readonly epoch: string
  readonly counter: number
  /** The worker's name and its object's random part, escaped. */
  readonly worker: string
}

export const claimName = ({ grantedAt, epoch, counter, worker }: ClaimName): string =>
  `${timeDigits(grantedAt)}.${epoch}.${counter}.${worker}`

/** Of a claim's name: time, epoch and counter. */
const PARTS_BEFORE_WORKER = 3

export function readClaimName(claim: string): ClaimName {
  const [, epoch = '', counter = '', ...worker] = claim.split('.')
  return { grantedAt: timeOf(claim), epoch, counter: Number(counter), worker: worker.join('.') }
}

/** The public name of the worker that made a claim; none of what is no claim. */
export const workerOfClaim = (claim: string): string => {
  let start = 0
  for (let part = 0; part < PARTS_BEFORE_WORKER; part++) {
    const dot = claim.indexOf('.', start)
    if (dot === -1) return ''
    start = dot + 1
  }
  return unescapePart(claim.slice(start, claim.lastIndexOf('.')))
}
