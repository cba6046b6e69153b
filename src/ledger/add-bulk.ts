/** Adding many jobs at once, all of them or none: in one unit where they fit, else staged and made visible by one commit. */
import { BULK_UNITS, UNIT_BYTES, UNIT_OPERATIONS } from '../core/bounds.ts'
import { HoldfastError } from '../error.ts'
import { nextTurn } from '../host.ts'
import {
  type AddedJob,
  type AddPlan,
  type NewJob,
  type Placed,
  addTogether,
  fitsOneUnit,
  planAdd,
  planTogether,
  readExisting,
  takeAdded,
} from './add.ts'
import {
  type Staging,
  abandoned,
  beginBulk,
  commitBulk,
  planBulk,
  releaseBulk,
  renewBulk,
  stillStaging,
  sweepBulk,
  sweepBulks,
} from './bulk.ts'
import { asHoldfastError, commitBlock, following, replan, sizeOf } from './commit.ts'
import type { Ledger } from './ledger.ts'

/** Those whose id exists are left as they are and answered `deduplicated`. `bulk` names the bulk where it has to be staged. */
export async function addJobs(ledger: Ledger, jobs: readonly NewJob[], bulk: string): Promise<AddedJob[]> {
  if (jobs.length === 0) return []
  if (jobs.length * 2 <= UNIT_OPERATIONS) {
    const together = planTogether(ledger, jobs)
    if (fitsOneUnit(together.unit)) return addTogether(ledger, jobs, together)
  }
  return addStaged(ledger, jobs, bulk)
}

/** Stores jobs in units of at most `operations` each. */
export async function addStaged(
  ledger: Ledger,
  jobs: readonly NewJob[],
  bulk: string,
  operations = UNIT_OPERATIONS,
): Promise<AddedJob[]> {
  // What dead producers left may hold ids of this bulk. It may be much, so this one's time begins only then.
  await sweepBulks(ledger).catch((error: unknown) => {
    throw nothingAdded(error)
  })
  const staging = planBulk(ledger, bulk)
  let added: AddedJob[]
  try {
    await beginBulk(ledger, staging)
    added = await stage(ledger, staging, unitsOf(ledger, staging, jobs, operations))
  } catch (error) {
    // Best effort: what is left here is nobody's, and swept by whoever comes.
    await sweepBulk(ledger, staging.entry).catch(() => undefined)
    throw nothingAdded(error)
  }
  try {
    await commitBulk(ledger, staging)
  } catch (error) {
    // Where it did not arrive it never will, and its ids are free again; where it did there is nothing to take back.
    await sweepBulk(ledger, staging.entry).catch(() => undefined)
    throw asHoldfastError(error).outcome === 'failed' ? nothingAdded(error) : error
  }
  // It is stored. Whoever looks at the queue next, or works on it, moves what this leaves where it was.
  await releaseBulk(ledger, bulk).catch(() => undefined)
  return added
}

function nothingAdded(error: unknown): HoldfastError {
  const { code, message } = asHoldfastError(error)
  return new HoldfastError(code, `${message} (nothing of the bulk is added)`, { cause: error })
}

/** Stores every job where nobody looks. */
async function stage(ledger: Ledger, staging: Staging, units: Iterator<Unit>): Promise<AddedJob[]> {
  const added: AddedJob[] = []
  for (let more = true; more; ) {
    const underWay: Promise<void>[] = []
    for (const unit of take(units, BULK_UNITS)) {
      const staged = stageUnit(ledger, staging, unit, added)
      // It is looked at below; until then its rejection is not unheard.
      staged.catch(() => undefined)
      underWay.push(staged)
      await nextTurn()
    }
    // All of them: none may be under way any more when what was staged is swept.
    for (const one of await Promise.allSettled(underWay)) if (one.status === 'rejected') throw one.reason
    await renewBulk(ledger, staging)
    more = underWay.length === BULK_UNITS
  }
  return added
}

function* take<Item>(items: Iterator<Item>, count: number): Generator<Item> {
  for (let taken = 0; taken < count; taken++) {
    const next = items.next()
    if (next.done === true) return
    yield next.value
  }
}

interface Unit {
  readonly placed: readonly Placed[]
  readonly plans: readonly AddPlan[]
}

/** Jobs in units as full as can be told without measuring them exactly. */
function* unitsOf(ledger: Ledger, staging: Staging, jobs: readonly NewJob[], most: number): Generator<Unit> {
  const to = { ...staging.lanes, bulk: staging.bulk }
  const own = sizeOf([stillStaging(ledger, staging)]).bytes
  let [operations, bytes] = [0, own]
  let [placed, plans]: [Placed[], AddPlan[]] = [[], []]
  for (const [index, job] of jobs.entries()) {
    const plan = planAdd(ledger, job, to)
    const size = sizeOf([plan.change])
    operations += size.operations
    bytes += size.bytes
    if (plans.length > 0 && (operations > most || bytes > UNIT_BYTES)) {
      yield { placed, plans }
      operations = size.operations
      bytes = own + size.bytes
      placed = []
      plans = []
    }
    placed.push({ job, index })
    plans.push(plan)
  }
  yield { placed, plans }
}

/** A unit that is refused as a whole was taken for abandoned; a job that is refused has an id that exists. */
async function stageUnit(ledger: Ledger, staging: Staging, unit: Unit, added: AddedJob[]): Promise<void> {
  let { placed, plans } = unit
  await replan(async () => {
    const [alive, ...results] = await commitBlock(ledger.store, [
      stillStaging(ledger, staging),
      ...plans.map(({ change }) => following(change, 0)),
    ])
    if (alive === false) throw abandoned()
    const refused = takeAdded(placed, plans, results, added)
    if (refused.length === 0) return true
    placed = await readExisting(ledger, refused, added, staging.bulk)
    plans = placed.map(({ job }) => planAdd(ledger, job, { ...staging.lanes, bulk: staging.bulk }))
    return placed.length === 0 ? true : undefined
  })
}
