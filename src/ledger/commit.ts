/**
 * Sending changes to a store: blocks that must stay whole are packed into few calls of a size that suits a server which many
 * share, sent together, and answered block by block.
 */
import { CALL_OPERATIONS, UNIT_BYTES, UNIT_OPERATIONS } from '../core/bounds.ts'
import { HoldfastError } from '../error.ts'
import type { Change, Result, Store } from '../store.ts'

/** Changes that belong into one call; `after` counts within the block. */
export type Block = readonly Change[]

/** A block's results, or why its call was rejected. */
export type Answer = readonly Result[] | HoldfastError

/** How often a plan is made anew when others keep being faster, before `STORE_CONTENDED`. */
const TRIES = 50

/**
 * Commits blocks in calls of at most `most` operations each, or of one block. Never rejects: a rejected call is the answer of each
 * of its blocks. There is no order between blocks of different calls.
 */
export async function commitBlocks(
  store: Store,
  blocks: readonly Block[],
  most = CALL_OPERATIONS,
): Promise<Answer[]> {
  const calls = pack(blocks, most)
  if (calls.length === 1) return answerCall(store, calls[0]!)
  return (await Promise.all(calls.map((call) => answerCall(store, call)))).flat()
}

/** Commits one block; rejects as the store does. */
export const commitBlock = (store: Store, block: Block): Promise<readonly Result[]> => store.commit(block)

/**
 * Calls `attempt` until it gives something else than `undefined`, which says that somebody else was faster and the plan
 * must be made anew.
 */
export async function replan<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < TRIES; tries++) {
    const done = await attempt()
    if (done !== undefined) return done
  }
  throw new HoldfastError(
    'STORE_CONTENDED',
    `others changed the job first, ${TRIES} times in a row: try again`,
  )
}

export const asHoldfastError = (error: unknown): HoldfastError =>
  error instanceof HoldfastError
    ? error
    : new HoldfastError('STORE_FAILED', `the store failed: ${(error as Error)?.message ?? String(error)}`, {
        outcome: 'unknown',
        cause: error,
      })

async function answerCall(store: Store, blocks: readonly Block[]): Promise<Answer[]> {
  try {
    const results = await store.commit(join(blocks))
    let at = 0
    return blocks.map((block) => results.slice(at, (at += block.length)))
  } catch (error) {
    const rejected = asHoldfastError(error)
    return blocks.map(() => rejected)
  }
}

/** The same change, to apply only where an earlier one did. Field by field, which is a hundred times as fast as a spread. */
export const following = (change: Change, after: number): Change => ({
  after,
  expect: change.expect,
  move: change.move,
  remove: change.remove,
  add: change.add,
  append: change.append,
  set: change.set,
  delete: change.delete,
  hint: change.hint,
})

function join(blocks: readonly Block[]): Change[] {
  const changes: Change[] = []
  for (const block of blocks) {
    const offset = changes.length
    for (const change of block) {
      changes.push(
        change.after === undefined || offset === 0 ? change : following(change, change.after + offset),
      )
    }
  }
  return changes
}

/**
 * As `commitBlocks`, in as few calls as there can be: a block is to see what those before it did. Moves in them seldom take as many
 * keys as they may.
 */
export const commitCycle = (store: Store, blocks: readonly Block[]): Promise<Answer[]> =>
  commitBlocks(store, blocks, UNIT_OPERATIONS)

function pack(blocks: readonly Block[], most: number): Block[][] {
  const calls: Block[][] = []
  let operations = most
  let bytes = UNIT_BYTES
  for (const block of blocks) {
    const size = sizeOf(block)
    operations += size.operations
    bytes += size.bytes
    if (operations > most || bytes > UNIT_BYTES) {
      calls.push([])
      operations = size.operations
      bytes = size.bytes
    }
    calls.at(-1)!.push(block)
  }
  return calls
}

/** Bytes a span, a claim's name and the like may add to a change; more than they ever do. */
const CHANGE_BYTES = 512

const NONE: readonly never[] = []

/** Operations exactly; bytes never too low: a UTF-16 unit takes at most three. */
export function sizeOf(block: Block): { operations: number; bytes: number } {
  let operations = 0
  let bytes = block.length * CHANGE_BYTES
  for (const {
    expect,
    move,
    remove = NONE,
    add = NONE,
    append = NONE,
    set = NONE,
    delete: deleted = NONE,
  } of block) {
    operations += remove.length + add.length + append.length + set.length + deleted.length
    if (move !== undefined) operations += move.from.limit * (1 + move.to.length)
    bytes += lengthOf(remove) + lengthOf(add) + lengthOf(append) + lengthOf(set, 3)
    for (const id of deleted) bytes += id.length
    if (expect === undefined) continue
    bytes += lengthOf(expect.equal ?? NONE, 3)
    for (const id of expect.absent ?? NONE) bytes += id.length
  }
  return { operations, bytes }
}

function lengthOf(pairs: readonly (readonly [string, string])[], bytesPerUnit = 1): number {
  let length = 0
  for (const pair of pairs) length += pair[0].length + pair[1].length * bytesPerUnit
  return length
}
