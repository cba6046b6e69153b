/** Adding many jobs at once, all of them or none: in one unit where they fit, else staged and made visible by one commit. */
import { BULK_UNITS, CALL_OPERATIONS, UNIT_BYTES, UNIT_OPERATIONS } from '../core/bounds.ts'
import { fingerprint } from '../core/fingerprint.ts'
import { refuseOption } from '../core/check.ts'
import { HoldfastError } from '../error.ts'
import { nextTurn } from '../host.ts'
import { inTurns, paceOf } from '../pace.ts'
import {
  type Answers,
  type Placed,
  addTogether,
  answerMet,
  notWithoutEffect,
  fitsOneUnit,
  joinAll,
  placed,
  planTogether,
  takeAdded,
} from './add.ts'
import { type AddPlan, type AddedJob, type NewJob, planAdd } from './addition.ts'
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
import { keyConflict } from './meet.ts'

/** Those that exist are left as they are and answered `deduplicated`. `bulk` names the bulk where it has to be staged. */
export async function addJobs(ledger: Ledger, jobs: readonly NewJob[], bulk: string): Promise<AddedJob[]> {
  if (jobs.length === 0) return []
  assertAgreeing(jobs)
  if (jobs.length * 2 <= UNIT_OPERATIONS) {
    const all = placed(jobs)
    const plans = await inTurns(paceOf(ledger.store.host), all, ({ job }) =>
      planAdd(ledger, job, ledger.lanes),
    )
    const together = planTogether(ledger, all, plans)
    const added = fitsOneUnit(together.unit) ? await addTogether(ledger, jobs, together) : undefined
    if (added !== undefined) return added
  }
  const counted = jobs.find(({ options }) => options.group?.maxSize !== undefined)
  if (counted !== undefined)
    refuseOption(
      'group.maxSize',
      counted.options.group?.maxSize,
      'left out in a bulk that one write cannot hold',
    )
  return addStaged(ledger, jobs, bulk)
}

/** @throws HoldfastError `IDEMPOTENCY_CONFLICT` where one key names two things in one call. */
function assertAgreeing(jobs: readonly NewJob[]): void {
  const prints = new Map<string, string>()
  for (const { name, data, options } of jobs) {
    if (options.idempotencyKey === undefined) continue
    const print = fingerprint(name, data)
    const other = prints.get(options.idempotencyKey) ?? print
    if (other !== print) throw keyConflict(options.idempotencyKey, 'another job of the bulk')
    prints.set(options.idempotencyKey, print)
  }
}

/** Stores jobs in units of at most `operations` each. */
export async function addStaged(
  ledger: Ledger,
  jobs: readonly NewJob[],
  bulk: string,
  operations = CALL_OPERATIONS,
): Promise<AddedJob[]> {
  // What dead producers left may hold ids of this bulk. It may be much, so this one's time begins only then.
  await sweepBulks(ledger).catch((error: unknown) => {
    throw nothingAdded(error)
  })
  const staging = planBulk(ledger, bulk)
  const answers: Answers = { added: [], joining: [] }
  try {
    await beginBulk(ledger, staging)
    await stage(ledger, staging, unitsOf(ledger, staging, placedEach(jobs), operations), answers)
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
  return joinAll(ledger, answers).catch((error: unknown) => {
    throw notWithoutEffect(error, answers.added)
  })
}

function nothingAdded(error: unknown): HoldfastError {
  const { code, message } = asHoldfastError(error)
  return new HoldfastError(code, `${message} (nothing of the bulk is added)`, { cause: error })
}

/** Stores every job where nobody looks. */
async function stage(
  ledger: Ledger,
  staging: Staging,
  units: Iterator<Unit>,
  answers: Answers,
): Promise<void> {
  for (let more = true; more; ) {
    const underWay: Promise<void>[] = []
    for (const unit of take(units, BULK_UNITS)) {
      const staged = stageUnit(ledger, staging, unit, answers)
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
}

function* take<Item>(items: Iterator<Item>, count: number): Generator<Item> {
  for (let taken = 0; taken < count; taken++) {
    const next = items.next()
    if (next.done === true) return
    yield next.value
  }
}

interface Unit {
  readonly jobs: readonly Placed[]
  readonly plans: readonly AddPlan[]
}

/** As `placed`, one after the other: the jobs may be very many. */
function* placedEach(jobs: readonly NewJob[]): Generator<Placed> {
  for (let index = 0; index < jobs.length; index++) yield { job: jobs[index]!, index }
}

/** Jobs in units as full as can be told without measuring them exactly. */
function* unitsOf(
  ledger: Ledger,
  staging: Staging,
  all: Iterable<Placed>,
  most = CALL_OPERATIONS,
): Generator<Unit> {
  const to = { ...ledger.lanes, ...staging.lanes, bulk: staging.bulk }
  const own = sizeOf([stillStaging(ledger, staging)]).bytes
  let [operations, bytes] = [0, own]
  let [jobs, plans]: [Placed[], AddPlan[]] = [[], []]
  for (const one of all) {
    const plan = planAdd(ledger, one.job, to, one.over)
    const size = sizeOf([plan.change])
    operations += size.operations
    bytes += size.bytes
    if (plans.length > 0 && (operations > most || bytes > UNIT_BYTES)) {
      yield { jobs, plans }
      operations = size.operations
      bytes = own + size.bytes
      jobs = []
      plans = []
    }
    jobs.push(one)
    plans.push(plan)
  }
  if (plans.length > 0) yield { jobs, plans }
}

/** A unit that is refused as a whole was taken for abandoned; a job that is refused exists. */
async function stageUnit(ledger: Ledger, staging: Staging, unit: Unit, answers: Answers): Promise<void> {
  let units: readonly Unit[] = [unit]
  await replan(async () => {
    const refused: Placed[] = []
    for (const { jobs, plans } of units) {
      const [alive, ...results] = await commitBlock(ledger.store, [
        stillStaging(ledger, staging),
        ...plans.map(({ change }) => following(change, 0)),
      ])
      if (alive === false) throw abandoned()
      refused.push(...takeAdded(jobs, plans, results, answers.added))
    }
    const missing = refused.length === 0 ? [] : await answerMet(ledger, refused, answers, staging.bulk)
    units = [...unitsOf(ledger, staging, missing)]
    return units.length === 0 ? true : undefined
  })
}
