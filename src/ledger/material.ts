/**
 * What the end of a job is decided with besides its head: records that are read before, for the few jobs that ask for some, many
 * in one read. Where one of them has changed when the end is stored, the end is refused and they are read again.
 */
import { materialOf } from '../core/consequences.ts'
import { type Records, letterName } from '../core/dead-letter.ts'
import type { Head } from '../core/head.ts'
import { queueOf } from '../core/keys.ts'
import type { Departure } from '../core/lifecycle.ts'
import type { Key } from '../store.ts'
import { replan } from './commit.ts'
import { type Ledger, openLedger, readHead } from './ledger.ts'
import { placeOf } from './locate.ts'

export interface Material {
  readonly records: Records
  /** Where a job has its key whose id the job will have among the dead letters. */
  readonly displaced?: Key | undefined
}

/** What is known without reading anything: enough for all but jobs that ask for more. */
export const NO_MATERIAL: Material = { records: new Map() }

/** A job that ends. */
export interface Ending {
  readonly name: string
  readonly before: Head
  readonly departure: Departure
}

/** Whether a job, with the end it is to have, needs any. */
export const needsMaterial = ({ name, before, departure }: Ending): boolean =>
  materialOf(name, before, departure).length > 0

export async function readMaterial(ledger: Ledger, endings: readonly Ending[]): Promise<Material[]> {
  const { store } = ledger
  return replan(async () => {
    const wanted = endings.map(({ name, before, departure }) => materialOf(name, before, departure))
    const read = await store.read(wanted.flat())
    let at = 0
    const all: Material[] = []
    for (const [index, ids] of wanted.entries()) {
      const records = new Map(ids.map((id) => [id, read[at++]]))
      const { name, departure } = endings[index]!
      const letter =
        departure.lane === 'moved' ? letterName(name, departure.head.opts.deadLetter!) : undefined
      const raw = letter === undefined ? undefined : records.get(letter)
      if (letter === undefined || raw === undefined) all.push({ records })
      else {
        const displaced = await placeOf(openLedger(store, queueOf(letter)), letter, readHead(raw).head)
        if (displaced === undefined) return undefined
        all.push({ records, displaced })
      }
    }
    return all
  })
}
