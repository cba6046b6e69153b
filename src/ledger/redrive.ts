/**
 * Sending dead letters back to where they came from, in bounded steps: each letter is taken here and brought there by one change,
 * which an id that lives there again refuses. What is interrupted is ended by another call.
 */
import { PAGE_KEYS } from '../core/bounds.ts'
import { type LetterOrigin, jobOfLetter } from '../core/dead-letter.ts'
import { nameOf } from '../core/evaluate.ts'
import { type Head, encodeHead, owns } from '../core/head.ts'
import { headId, partId } from '../core/keys.ts'
import { toWait } from '../core/places.ts'
import type { CheckedFilter } from '../core/finished-filter.ts'
import { ownedKeys, ownedRecords, ttlKeys } from '../core/owned.ts'
import { HoldfastError } from '../error.ts'
import { nextTurn } from '../host.ts'
import { releaseBulks } from './bulk.ts'
import { type Answer, type Block, commitBlocks, following } from './commit.ts'
import { asInterrupted } from './in-steps.ts'
import { type Ledger, openLedger, readHead } from './ledger.ts'

/** What came of it. */
export interface Redriven {
  /** Letters that are jobs of their origins again. */
  readonly redriven: number
  /** Letters that stay, as a job with their id lives there again. */
  readonly skipped: number
}

/** How often a letter is tried that somebody changes, before it is left as it is. */
const ROUNDS = 5
/** Letters of a step: each may have a payload of its own, and all are in memory at once. */
const STEP_LETTERS = Math.floor(PAGE_KEYS / 4)

interface Found {
  readonly lane: string
  readonly key: string
  readonly name: string
  readonly raw: string
  readonly head: Head & { readonly origin: LetterOrigin }
}

/** Those that wait here, or failed here too; not those that are being run, or completed. At most `count`. */
export async function redriveLetters(
  ledger: Ledger,
  count: number,
  filter: CheckedFilter,
): Promise<Redriven> {
  const { store, lanes } = ledger
  await releaseBulks(ledger)
  const began = store.now()
  /** Letters sent back in the millisecond this began in. */
  const sent = new Set<string>()
  // One that fails again at once is not sent back again and again.
  const isOld = ({ name, head: { origin } }: Found): boolean =>
    origin.at < began || (origin.at === began && !sent.has(name))
  const wanted = (letter: Found): boolean => isOld(letter) && matches(letter.head, filter)
  const came = { redriven: 0, skipped: 0 }
  try {
    for (const lane of [lanes.ready, lanes.parked, lanes.due, lanes.suspect, lanes.dead]) {
      for (let from: string | undefined; came.redriven < count; ) {
        const [keys = []] = await store.scan([{ lane, from, limit: STEP_LETTERS }])
        if (keys.length === 0) break
        from = `${keys.at(-1)}!`
        const names = await redrivePage(ledger, lane, keys, { came, most: count - came.redriven, wanted })
        if (store.now() === began) for (const name of names) sent.add(name)
        await nextTurn()
      }
    }
  } catch (error) {
    throw asInterrupted(error, came.redriven)
  }
  return came
}

/** What a page is redriven with; `came` counts along. */
interface Redriving {
  readonly came: { redriven: number; skipped: number }
  readonly most: number
  readonly wanted: (letter: Found) => boolean
}

const isError = (answer: Answer): answer is HoldfastError => answer instanceof HoldfastError

async function redrivePage(
  ledger: Ledger,
  lane: string,
  page: readonly string[],
  { came, most, wanted }: Redriving,
): Promise<readonly string[]> {
  const names: string[] = []
  let keys = page
  for (let round = 0; round < ROUNDS && keys.length > 0 && names.length < most; round++) {
    const found = (await lettersAt(ledger, lane, keys)).filter(wanted)
    const taken = await ledger.store.read(found.map(({ head }) => headId(head.origin.queue, head.origin.id)))
    const free: Found[] = []
    for (const [at, letter] of found.entries()) {
      if (free.length === most - names.length) break
      if (taken[at] === undefined) free.push(letter)
      else came.skipped++
    }
    const answers = await commitBlocks(ledger.store, await planRedrives(ledger, free))
    const refused: string[] = []
    for (const [at, answer] of answers.entries()) {
      if (isError(answer)) continue
      if (answer[0] === false) refused.push(free[at]!.key)
      else {
        names.push(free[at]!.name)
        came.redriven++
      }
    }
    for (const answer of answers) if (isError(answer)) throw answer
    keys = refused
  }
  return names
}

async function lettersAt({ store }: Ledger, lane: string, keys: readonly string[]): Promise<Found[]> {
  const records = await store.read(keys.map(nameOf))
  return keys.flatMap((key, at) => {
    const raw = records[at]
    const { head } = readHead(raw)
    if (raw === undefined || head?.origin === undefined) return []
    return [{ lane, key, name: nameOf(key), raw, head: { ...head, origin: head.origin } }]
  })
}

const matches = ({ name, origin }: Found['head'], filter: CheckedFilter): boolean =>
  (filter.name ?? name) === name &&
  (filter.code ?? origin.code) === origin.code &&
  origin.at >= (filter.from ?? 0) &&
  origin.at <= (filter.to ?? Infinity)

async function planRedrives(ledger: Ledger, letters: readonly Found[]): Promise<Block[]> {
  const { store, lanes } = ledger
  const large = letters.filter(({ head }) => owns(head, 'payload')).map(({ name }) => partId('payload', name))
  const read = large.length === 0 ? [] : await store.read(large)
  const payloads = new Map(large.map((id, at) => [id, read[at]]))
  return letters.map(({ lane, key, name, raw, head }) => {
    const job = jobOfLetter(head, payloads.get(partId('payload', name)), store.now())
    const there = openLedger(store, head.origin.queue).lanes
    const place = toWait(there, job.head.key, job.name, store.now())
    return [
      {
        expect: { equal: [[name, raw]], absent: [job.name] },
        remove: [[lane, key], ...ownedKeys(lanes, name, head)],
        add: [place.key, ...ownedKeys(there, job.name, job.head), ...ttlKeys(there, job.name, job.head)],
        set: [[job.name, encodeHead(job.head)], ...job.parts],
        delete: [name, ...ownedRecords(name, head)],
      },
      ...place.visits.map((visit) => following(visit, 0)),
    ]
  })
}
