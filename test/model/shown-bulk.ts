/** Bulks whose jobs are not in their places: what is there of them, and which keys and ids their jobs hold. */
import { nameOf } from '../../src/core/evaluate.ts'
import { decodeHead } from '../../src/core/head.ts'
import { jobIdOf, timeOf } from '../../src/core/keys.ts'
import type { Dump } from './dump.ts'
import type { ShownHold, ShownKey } from './shown-names.ts'

/** A bulk that is being stored, where it has an entry, else one that is stored. */
export interface ShownBulk {
  readonly bulk: string
  readonly entry?: { readonly epoch: string; readonly until: number }
  readonly keys: readonly { readonly lane: 'ready' | 'due' | 'arrive'; readonly key: string }[]
  /** The idempotency keys and deduplication ids that its jobs have, where it is being stored. */
  readonly idempotencyKeys: readonly string[]
  readonly deduplicationIds: readonly { readonly id: string; readonly until: number | undefined }[]
}

export function bulksOf(
  { lanes, records }: Dump,
  part: string,
  known: ReadonlyMap<string, ShownKey>,
  holds: ReadonlyMap<string, ShownHold>,
): ShownBulk[] {
  const placesOf = (bulk: string): ShownBulk['keys'] =>
    (['ready', 'due', 'arrive'] as const).flatMap((lane) =>
      (lanes.get(`bulk-${lane}.${bulk}:${part}`) ?? []).map((key) => ({ lane, key })),
    )
  const staged = (lanes.get(`staged:${part}`) ?? []).map((key): ShownBulk => {
    const [epoch = '', bulk = ''] = nameOf(key).split('.')
    const keys = placesOf(bulk)
    const heads = keys
      .map((place) => nameOf(place.key))
      .map((name) => [jobIdOf(name), decodeHead(records.get(name))] as const)
    const idempotencyKeys = heads.flatMap(([id, { opts }]) => {
      const own = opts.idempotencyKey
      return own !== undefined && known.get(own)?.id === id ? [own] : []
    })
    const deduplicationIds = heads.flatMap(([id, { opts, heldUntil }]) => {
      const own = opts.deduplication?.id
      const hold = own === undefined ? undefined : holds.get(own)
      return own !== undefined && hold?.job === id && hold.until === heldUntil
        ? [{ id: own, until: heldUntil }]
        : []
    })
    return { bulk, entry: { epoch, until: timeOf(key) }, keys, idempotencyKeys, deduplicationIds }
  })
  const stored = (lanes.get(`release:${part}`) ?? []).map((bulk) => ({
    bulk,
    keys: placesOf(bulk),
    idempotencyKeys: [],
    deduplicationIds: [],
  }))
  return [...staged, ...stored]
}
