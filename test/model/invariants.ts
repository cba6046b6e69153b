/**
 * What must hold of every dump, whatever was done: these know the layout, but not what the commands were. Each
 * throws a sentence that names what is wrong.
 */
import { decodeDeduplication, heldId } from '../../src/core/deduplication.ts'
import { decodeIdempotency, idempotencyLapse } from '../../src/core/idempotency.ts'
import { ownedKeys, ownedRecords } from '../../src/core/owned.ts'
import { nameOf } from '../../src/core/evaluate.ts'
import { decodeHead, owns } from '../../src/core/head.ts'
import {
  blockedKey,
  configId,
  dueKey,
  escapePart,
  finishedKey,
  lanesOf,
  lapseKey,
  nextSlotKey,
  gatheredKey,
  parkedKey,
  readClaimName,
  readyKeyOfLease,
  scheduleDataId,
  tallyId,
  waitingKey,
} from '../../src/core/keys.ts'
import { bulkId, bulkLanes, lastBulkId } from '../../src/core/bulk-keys.ts'
import { dozing, pennedKey, recordOfGroup } from '../../src/core/group-keys.ts'
import type { Store } from '../../src/store.ts'
import { type Dump, queuePartOf } from './dump.ts'
import type { QueueView } from './queue-view.ts'
import type { ShownJob } from './shown-job.ts'

export class Violation extends Error {}

export function must(holds: boolean, sentence: string): asserts holds {
  if (!holds) throw new Violation(sentence)
}

/**
 * What is each queue's. Nothing in the store but what belongs to one of the queues: nothing was invented, nothing leaked between
 * queues.
 */
export function partsOf(dump: Dump, queues: readonly string[]): Dump[] {
  const parts = queues.map(() => ({ records: new Map<string, string>(), lanes: new Map<string, string[]>() }))
  const byName = new Map(queues.map((queue, at) => [escapePart(queue), parts[at]!]))
  for (const [id, record] of dump.records) {
    const part = byName.get(queuePartOf(id) ?? '')
    must(part !== undefined, `the record ${id} is no queue's`)
    part.records.set(id, record)
  }
  for (const [lane, keys] of dump.lanes) {
    const part = byName.get(lane.slice(lane.indexOf(':') + 1))
    must(part !== undefined, `the lane ${lane} is no queue's`)
    part.lanes.set(lane, keys as string[])
  }
  return parts
}

export function checkPartition(dump: Dump, queues: readonly string[]): void {
  partsOf(dump, queues)
}

/** Each group that has jobs is visited, or waits for what will have it visited; none is in line twice. */
function checkGroups({ lanes, records }: Dump, { queue, jobs }: QueueView): void {
  const own = lanesOf(queue)
  const pointers = (['turn', 'full', 'halted', 'idle'] as const).flatMap((lane) =>
    (lanes.get(own[lane]) ?? []).map(nameOf).filter((id) => dozing(id) === undefined),
  )
  must(new Set(pointers).size === pointers.length, `a group is in line twice: ${pointers.join()}`)
  const known = [...records.keys()].filter(
    (id) => id.startsWith('group:') && id.split(':')[1] === escapePart(queue),
  )
  const [says, should] = [[...pointers].sort().join(), known.sort().join()]
  must(says === should, `the groups in line are ${says}, their records ${should}`)
  for (const { lane, stateKey, name } of jobs.values()) {
    if (lane !== 'grouped' && lane !== 'penned') continue
    const id = recordOfGroup(stateKey.slice(0, stateKey.indexOf('/')), name)
    must(records.has(id), `${name} waits in ${id}, which nobody visits`)
  }
}

export function checkQueue(dump: Dump, view: QueueView, epoch: string | undefined): void {
  checkGroups(dump, view)
  checkOneKeyPerJob(view)
  checkNoOrphans(dump, view)
  checkTags(dump, view)
  checkShared(dump, view)
  for (const job of view.jobs.values()) checkPlace(job)
  checkLeases(view, epoch)
  checkBulks(dump, view)
  checkSchedules(dump, view)
}

/** Each job is in exactly one state, and each state key names a job. */
function checkOneKeyPerJob({ heads, stateKeys }: QueueView): void {
  const seen = new Map<string, string>()
  for (const { lane, key } of stateKeys) {
    const name = nameOf(key)
    must(heads.has(name), `the key ${key} in ${lane} names no record`)
    must(!seen.has(name), `${name} has a key in ${seen.get(name)} and one in ${lane}`)
    seen.set(name, lane)
  }
  for (const name of heads.keys()) must(seen.has(name), `${name} has a record but no key`)
}

/** Every record belongs to a job that lives, and the parts a job says it has are there. */
function checkNoOrphans(dump: Dump, { queue, heads, bulks, schedules, recordIds }: QueueView): void {
  const tallies = (['done', 'dead'] as const).map((lane) => tallyId(queue, lane))
  const allowed = new Set([configId(queue), lastBulkId(queue), ...tallies])
  const staged = bulks.flatMap(({ entry, keys }) => (entry === undefined ? [] : keys))
  const hidden = staged.map(({ key }) => [nameOf(key), decodeHead(dump.records.get(nameOf(key)))] as const)
  for (const { bulk, entry } of bulks) if (entry !== undefined) allowed.add(bulkId(queue, bulk))
  for (const name of schedules.keys()) allowed.add(name).add(scheduleDataId(name))
  for (const [name, head] of [...heads, ...hidden]) {
    allowed.add(name)
    for (const id of ownedRecords(name, head)) allowed.add(id)
    for (const part of ['payload', 'result', 'progress', 'origin'] as const)
      if (owns(head, part))
        must(dump.records.has(`${part}:${name}`), `${name} owns a ${part} that is missing`)
  }
  for (const id of recordIds.filter(isOwned)) must(allowed.has(id), `the record ${id} belongs to no job`)
}

/** What is held in common with others outlives a job. */
const isOwned = (id: string): boolean => !/^(idem|dedup|group):/.test(id)

/** A job has a key for each of its tags, and no tag has a key of a job that is gone. */
function checkTags({ lanes, records }: Dump, { queue, heads, bulks }: QueueView): void {
  const staged = bulks.flatMap(({ entry, keys }) => (entry === undefined ? [] : keys))
  const hidden = staged.map(({ key }) => [nameOf(key), decodeHead(records.get(nameOf(key)))] as const)
  const expected = [...heads, ...hidden].flatMap(([name, head]) =>
    ownedKeys(lanesOf(queue), name, head).map(([, key]) => key),
  )
  const found = lanes.get(lanesOf(queue).tag) ?? []
  const [says, should] = [[...found].sort().join(' '), expected.sort().join(' ')]
  must(says === should, `the tags are ${says}, the jobs say ${should}`)
}

/**
 * What jobs hold in common with others: a deduplication id is a live job's that was added with it, or lapses; an idempotency key
 * lapses; who waits for the end of a job waits for one that lives.
 */
function checkShared({ lanes, records }: Dump, { queue, heads, recordIds, stateKeys }: QueueView): void {
  const expected: string[] = []
  for (const id of recordIds) {
    if (id.startsWith('idem:')) expected.push(idempotencyLapse(id, decodeIdempotency(records.get(id)!)))
    if (!id.startsWith('dedup:')) continue
    const { job, until } = decodeDeduplication(records.get(id)!)
    if (until !== undefined) expected.push(lapseKey(until, id))
    else {
      const record = records.get(job)
      must(record !== undefined, `${id} is said to be ${job}'s, which is gone`)
      const { finishedOn, opts } = decodeHead(record)
      must(finishedOn === undefined, `${id} is said to be ${job}'s, which has finished`)
      const own = opts.deduplication && heldId(job, opts.deduplication)
      must(own === id, `${id} is said to be ${job}'s, which says ${own}`)
    }
  }
  const says = [...(lanes.get(lanesOf(queue).lapse) ?? [])].sort().join(' ')
  const should = expected.sort().join(' ')
  must(says === should, `what lapses is ${says}, the records say ${should}`)
  for (const { lane, key } of stateKeys) {
    const reason = heads.get(nameOf(key))?.blocked
    if (lane !== 'blocked' || reason === undefined) continue
    const before = heads.get(reason.slice(reason.indexOf(':') + 1, reason.indexOf('/')))
    must(before !== undefined && before.finishedOn === undefined, `${key} waits for nobody: ${reason}`)
  }
}

/** The state key is the one that the head says. */
function checkPlace({ lane, stateKey, head, name }: ShownJob): void {
  const { key, runAt, finishedOn, failedCode, failedReason } = head
  const wrong = `the key of ${name} in ${lane} is ${stateKey}, its head says otherwise: ${JSON.stringify(head)}`
  switch (lane) {
    case 'ready':
      must(stateKey === waitingKey(key, name) && finishedOn === undefined, wrong)
      break
    case 'due':
    case 'suspect':
      must(runAt !== undefined && stateKey === dueKey(runAt, key, name), wrong)
      break
    case 'grouped':
      must(stateKey === waitingKey(key, name) && finishedOn === undefined, wrong)
      break
    case 'arrive':
      must([dueKey(0, key, name), dueKey(runAt ?? 0, key, name)].includes(stateKey), wrong)
      break
    case 'penned':
      must(runAt !== undefined && stateKey === pennedKey(runAt, key, name), wrong)
      break
    case 'parked':
      must([parkedKey(head.name, key, name), gatheredKey(key, name)].includes(stateKey), wrong)
      must(finishedOn === undefined, wrong)
      break
    case 'lease':
      must(readyKeyOfLease(stateKey) === key && finishedOn === undefined, wrong)
      break
    case 'blocked':
      must(head.blocked !== undefined && stateKey === blockedKey(head.blocked, key, name), wrong)
      break
    case 'done':
    case 'dead':
      must(finishedOn !== undefined && stateKey === finishedKey(finishedOn, name), wrong)
      must((failedCode === undefined) === (lane === 'done'), wrong)
      must(lane === 'done' || failedReason !== undefined, `${name} failed for no reason`)
      break
  }
}

/** A lease ends some day: its claim has an entry that expires, or its epoch is over. */
function checkLeases({ jobs, claims }: QueueView, epoch: string | undefined): void {
  const entries = new Set(claims.map(({ claim }) => claim))
  must(entries.size === claims.length, 'a claim has two entries')
  for (const { claim, until } of claims) must(Number.isInteger(until), `the entry of ${claim} has no time`)
  for (const { claim, name } of jobs.values()) {
    if (claim === undefined) continue
    const dead = epoch !== undefined && readClaimName(claim).epoch !== epoch
    must(dead || entries.has(claim), `the lease of ${name} under ${claim} would never expire`)
  }
}

/** Jobs of a bulk are where only the bulk is known; those of one that is being stored are marked as such. */
function checkBulks({ records, lanes }: Dump, { queue, heads, bulks }: QueueView): void {
  const known = new Set(bulks.flatMap(({ bulk }) => Object.values(bulkLanes(queue, bulk))))
  const part = escapePart(queue)
  for (const [lane, keys] of lanes) {
    if (!lane.startsWith('bulk-') || lane.split(':')[1] !== part || keys.length === 0) continue
    must(known.has(lane), `the lane ${lane} belongs to no bulk`)
  }
  for (const { bulk, entry, keys } of bulks) {
    const marked = records.has(bulkId(queue, bulk))
    must(marked === (entry !== undefined), `the bulk ${bulk} is ${marked ? '' : 'not '}marked`)
    if (entry === undefined) continue
    for (const { lane, key } of keys) {
      const name = nameOf(key)
      const head = decodeHead(records.get(name))
      must(head.bulk === bulk && !heads.has(name), `${name} is staged and does not say so`)
      const expected = lane === 'ready' ? waitingKey(head.key, name) : dueKey(head.runAt ?? 0, head.key, name)
      must(key === expected, `the staged key of ${name} is ${key} instead of ${expected}`)
    }
  }
}

/** Each schedule has one key, which says when it runs next, and its data where that is not in its record. */
function checkSchedules({ records, lanes }: Dump, { queue, schedules }: QueueView): void {
  const keys = new Map((lanes.get(`schedules:${escapePart(queue)}`) ?? []).map((key) => [nameOf(key), key]))
  must(
    keys.size === schedules.size,
    `${queue} has ${keys.size} keys of schedules and ${schedules.size} records`,
  )
  for (const [name, { schedule }] of schedules) {
    const [key, expected] = [keys.get(name), nextSlotKey(schedule.next, name)]
    must(key === expected, `the key of ${name} is ${key} instead of ${expected}`)
    const apart = records.has(scheduleDataId(name))
    must(apart === (schedule.data === undefined), `the data of ${name} is ${apart ? 'twice' : 'not'} there`)
  }
}

/** The store's counts are what its lanes hold. */
export async function checkCounts(store: Store, dump: Dump): Promise<void> {
  const lanes = [...dump.lanes.keys()]
  const counts = await store.count(lanes.map((lane) => ({ lane })))
  lanes.forEach((lane, at) => {
    const held = dump.lanes.get(lane)!.length
    must(counts[at] === held, `${lane} counts ${counts[at]} and holds ${held}`)
  })
}
