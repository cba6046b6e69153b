/**
 * What a worker leaves in the store while it is there: one key in `workers`, which says who it is and until when it counts as
 * there. It names no record, so nothing has to be read beside it.
 */
import { WORKER_NAMES_BYTES } from './bounds.ts'
import { escapePart, timeDigits, timeOf, unescapePart } from './keys.ts'

/** A worker, as others see it. */
export interface WorkerInfo {
  /** As in `processedBy`. */
  readonly name: string
  /** The machine it runs on, where that is known. */
  readonly host: string
  /** Handlers at once, when it started. */
  readonly concurrency: number
  /** When it started, ms since the epoch. */
  readonly startedAt: number
  /** The names of jobs it has handlers for; absent where it takes any. */
  readonly names?: readonly string[]
}

export interface Presence extends WorkerInfo {
  readonly until: number
  /** `0` where the store has none. */
  readonly epoch: string
  /** Its name and the random part of its object, escaped. */
  readonly worker: string
  /** It has more names than are told. */
  readonly namesCut: boolean
}

const ANY = '*'
const CUT = '+'

export function presenceKey(presence: Omit<Presence, 'name' | 'namesCut'>): string {
  const { until, epoch, worker, host, concurrency, startedAt, names } = presence
  const fields = [epoch, worker, escapePart(host), concurrency, startedAt, listOf(names)]
  return `${timeDigits(until)}/${fields.join(':')}`
}

/** Escaped texts have neither `,` nor `+` nor `*`. */
function listOf(names: readonly string[] | undefined): string {
  if (names === undefined) return ANY
  let list = ''
  for (const name of names) {
    const longer = list === '' ? escapePart(name) : `${list},${escapePart(name)}`
    if (longer.length > WORKER_NAMES_BYTES) return list + CUT
    list = longer
  }
  return list
}

export function readPresence(key: string): Presence {
  const fields = key.slice(key.indexOf('/') + 1).split(':')
  const [epoch = '', worker = '', host = '', concurrency, startedAt, list = ''] = fields
  const cut = list.endsWith(CUT)
  const told = cut ? list.slice(0, -CUT.length) : list
  return {
    name: unescapePart(worker.slice(0, worker.lastIndexOf('.'))),
    host: unescapePart(host),
    concurrency: Number(concurrency),
    startedAt: Number(startedAt),
    ...(list === ANY ? {} : { names: told === '' ? [] : told.split(',').map(unescapePart) }),
    until: timeOf(key),
    epoch,
    worker,
    namesCut: cut,
  }
}

/** Whether a worker may take jobs of a name, as far as its key tells. */
export const mayTake = ({ names, namesCut }: Presence, name: string): boolean =>
  names === undefined || namesCut || names.includes(name)
