/**
 * An audit of a queue: recounts its lanes, holds each state key against its job's head, and looks for jobs with two
 * state keys. It only reads; jobs that move while it looks are looked at again before they are called a problem.
 */
import { nameOf } from '../core/evaluate.ts'
import { type Head, decodeHead } from '../core/head.ts'
import {
  type Lanes,
  STATE_LANES,
  type StateLane,
  jobIdOf,
  nextSlotKey,
  readyKeyOfLease,
  scheduleDataId,
  scheduleKeyOf,
} from '../core/keys.ts'
import { placesInLine } from '../core/places.ts'
import { releaseBulks } from './bulk.ts'
import type { Ledger } from './ledger.ts'
import { keep } from './schedule.ts'
import { verifyTags } from './verify-tags.ts'

/** What a recount of a queue found. */
export interface Verification {
  /** No problems. */
  readonly ok: boolean
  /** Jobs that were looked at. */
  readonly jobs: number
  /** At most the first hundred, as sentences. */
  readonly problems: readonly string[]
}

/** Lanes that are walked. */
type Audited = StateLane | 'schedules'

const PROBLEMS_MOST = 100
const PAGE = 500

export async function verifyQueue(ledger: Ledger): Promise<Verification> {
  const { store, lanes } = ledger
  await releaseBulks(ledger)
  const seen = new Map<string, StateLane>()
  const problems: string[] = []
  const report = (problem: string): void => {
    if (problems.length < PROBLEMS_MOST) problems.push(problem)
  }
  for (const lane of STATE_LANES) {
    let counted = 0
    for await (const keys of pagesOf(ledger, lane)) {
      counted += keys.length
      const records = await store.read(keys.map(nameOf))
      for (const [at, key] of keys.entries()) {
        const name = nameOf(key)
        const other = seen.get(name)
        const problem =
          other === undefined
            ? mismatch(lanes, lane, key, records[at])
            : `its key is in ${other} and in ${lane}`
        seen.set(name, lane)
        if (problem !== undefined && (await stillThere(ledger, lane, key))) {
          if (other === undefined || (await anyThere(ledger, other, name)))
            report(`job ${jobIdOf(name)}: ${problem}`)
        }
      }
    }
    const [size = 0] = await store.count([{ lane: lanes[lane] }])
    if (size !== counted) {
      const recount = await recountLane(ledger, lane)
      if (recount !== undefined) report(`lane ${lanes[lane]}: ${recount}`)
    }
  }
  await verifySchedules(ledger, report)
  await verifyTags(ledger, report)
  return { ok: problems.length === 0, jobs: seen.size, problems }
}

async function* pagesOf({ store, lanes }: Ledger, lane: Audited): AsyncGenerator<readonly string[]> {
  for (let from: string | undefined; ; ) {
    const [keys = []] = await store.scan([{ lane: lanes[lane], from, limit: PAGE }])
    if (keys.length === 0) return
    yield keys
    from = `${keys.at(-1)}!`
  }
}

/** Each key of a schedule is the one that its record says. */
async function verifySchedules(ledger: Ledger, report: (problem: string) => void): Promise<void> {
  const { store, lanes } = ledger
  for await (const keys of pagesOf(ledger, 'schedules')) {
    const records = await store.read(keys.flatMap((key) => [nameOf(key), scheduleDataId(nameOf(key))]))
    for (const [at, key] of keys.entries()) {
      const problem = scheduleMismatch(key, records[at * 2], records[at * 2 + 1])
      if (problem !== undefined && (await stillThere(ledger, 'schedules', key)))
        report(`schedule ${scheduleKeyOf(nameOf(key))}: ${problem}`)
    }
  }
  const problem = await recountLane(ledger, 'schedules')
  if (problem !== undefined) report(`lane ${lanes.schedules}: ${problem}`)
}

function scheduleMismatch(
  key: string,
  record: string | undefined,
  data: string | undefined,
): string | undefined {
  if (record === undefined) return 'its record is missing'
  try {
    const { schedule } = keep(nameOf(key), record, data)
    const expected = nextSlotKey(schedule.next, nameOf(key))
    if (key !== expected) return `its key is ${key}, its record says ${expected}`
    return schedule.data === undefined && data === undefined ? 'the record of its data is missing' : undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** A lane that is being used changes between count and walk; only a quiet one can be called wrong. */
async function recountLane(ledger: Ledger, lane: Audited): Promise<string | undefined> {
  const { store, lanes } = ledger
  const [before = 0] = await store.count([{ lane: lanes[lane] }])
  let counted = 0
  for await (const keys of pagesOf(ledger, lane)) counted += keys.length
  const [after = 0] = await store.count([{ lane: lanes[lane] }])
  return before === after && counted !== after ? `its count is ${after}, it holds ${counted}` : undefined
}

async function stillThere({ store, lanes }: Ledger, lane: Audited, key: string): Promise<boolean> {
  const [found = []] = await store.scan([{ lane: lanes[lane], from: key, until: `${key}!`, limit: 1 }])
  return found.length > 0
}

async function anyThere(ledger: Ledger, lane: StateLane, name: string): Promise<boolean> {
  for await (const keys of pagesOf(ledger, lane)) if (keys.some((key) => nameOf(key) === name)) return true
  return false
}

/** How a state key and its job's head disagree. */
function mismatch(
  lanes: Lanes,
  lane: StateLane,
  key: string,
  record: string | undefined,
): string | undefined {
  const name = nameOf(key)
  if (record === undefined) return `its key is in ${lane} but its record is missing`
  let head: Head
  try {
    head = decodeHead(record)
  } catch (error) {
    return lane === 'dead' || lane === 'blocked'
      ? undefined
      : `its record cannot be read: ${(error as Error).message}`
  }
  if (lane === 'lease' || lane === 'blocked') {
    const fits = lane === 'lease' ? readyKeyOfLease(key) === head.key : key.endsWith(`/${head.key}/${name}`)
    return fits ? undefined : `its key in ${lane} has another place than its head`
  }
  const finished = head.finishedOn !== undefined
  const places = placesInLine(lanes, name, head).filter(
    ([place]) => finished === (place === lanes.done || place === lanes.dead),
  )
  const expected = places.filter(([place]) => place === lanes[lane]).map(([, there]) => there)
  return expected.includes(key)
    ? undefined
    : `its key in ${lane} is ${key}, its head says ${expected[0] ?? 'it is elsewhere'}`
}
