/** Claims, made in one call with promotions as a worker makes them. */
import * as fc from 'fast-check'
import { HoldfastError } from 'holdfast'
import { claimName } from '../../src/core/keys.ts'
import { limitsOf } from '../../src/core/limits.ts'
import {
  type ClaimPlan,
  type Grant,
  grantsOf,
  grantsOfClaim,
  planClaim,
  planPromotion,
  readConfig,
  readParts,
} from '../../src/ledger/claim.ts'
import { commitCycle } from '../../src/ledger/commit.ts'
import type { Gathering } from '../../src/ledger/gather.ts'
import { type Command, LEASE_MS, aFaultAtOnce, aQueue } from './drawn.ts'
import { headNameOf } from './dump.ts'
import { type Fault, QUEUES, type QueueNumber } from './harness.ts'
import { must } from './invariants.ts'
import { counters } from './counters.ts'
import type { Held, Seen } from './model.ts'
import { type Scene, Step, handOut } from './step.ts'
import { type ModelClaim, claimInWorld, inOrder, promoteInWorld } from './world.ts'

interface ClaimFacts {
  readonly plan: ModelClaim & ClaimPlan
  readonly promote: boolean
  readonly old: boolean
  /** Whether the settings that the claim was made under say that the queue is paused, and whether they hold no more. */
  seenPaused: boolean
  stale: boolean
  grants: Grant[]
}

interface ClaimWish {
  readonly limit: number
  readonly leaseMs: number
  readonly suspect: boolean
  readonly promote: boolean
  /** Made under settings that were read some time ago. */
  readonly old: boolean
  /** As a worker makes it that waits for a batch. */
  readonly gathering?: Gathering | undefined
}

let claims = 0
const CLAIMABLE: ReadonlySet<string> = new Set(['ready', 'due', 'suspect'])

export const claim = (q: QueueNumber, wish: ClaimWish, fault?: Fault) =>
  new Step<ClaimFacts>(`claim(${JSON.stringify(wish)})`, q, fault, {
    // Like a worker's: an empty queue is not asked often, and a suspect that is due comes first.
    check: (model) =>
      wish.old ||
      [...model.world(q).jobs.values()].some(
        ({ place, gathered }) => CLAIMABLE.has(place) || (gathered && wish.gathering?.back),
      ),
    prepare: ({ real, model, now }) => {
      const suspect =
        wish.suspect && inOrder(model.world(q), 'suspect', String).some(({ runAt }) => runAt! <= now)
      return {
        plan: {
          claim: claimName({
            grantedAt: now,
            epoch: real.store.epoch ?? '0',
            counter: ++claims,
            worker: `w${real.opened}.abc`,
          }),
          limit: suspect ? 1 : wish.limit,
          until: now + wish.leaseMs,
          suspect,
          gathering: suspect ? undefined : wish.gathering,
        },
        promote: wish.promote,
        old: wish.old,
        seenPaused: false,
        stale: false,
        grants: [],
      }
    },
    act: takeJobs,
    expect: ({ plan, promote, seenPaused, stale }, world, { now, q }) => {
      const promoted = promote ? promoteInWorld(world, now) : world
      if (seenPaused || stale || world.paused) return { states: [world, promoted], out: [] }
      const taken = claimInWorld(promoted, plan, now, headNameOf(QUEUES[q]))
      const wanted = claimInWorld({ ...promoted, concurrency: undefined, rate: undefined }, plan, now, String)
      if (plan.gathering !== undefined && wanted.ids.length > 0) counters.batches++
      if (taken.ids.length < wanted.ids.length) counters.limited++
      return { states: [world, taken.world], out: taken.ids }
    },
    after: adopt,
  })

/** One call, as the work cycle makes it: promote what is due, claim what is ready. */
async function takeJobs(facts: ClaimFacts, { here }: Scene): Promise<string[]> {
  const { ledger } = here
  const seen = facts.old && here.seen !== undefined ? here.seen : await readConfig(ledger)
  here.seen = seen
  facts.seenPaused = seen.config.paused === true
  facts.stale = facts.old && (await readConfig(ledger)).raw !== seen.raw
  const limits = limitsOf(seen.config, undefined)
  const promotions = facts.promote ? [planPromotion(ledger)] : []
  const blocks = facts.seenPaused
    ? promotions
    : [...promotions, planClaim(ledger, seen, { ...facts.plan, limits })]
  if (blocks.length === 0) return []
  const answers = await commitCycle(ledger.store, blocks)
  for (const answer of answers) if (answer instanceof HoldfastError) throw answer
  if (facts.seenPaused) return []
  const answer = answers.at(-1)!
  facts.grants = answer instanceof HoldfastError ? [] : grantsOf(facts.plan, answer.at(-1)!)
  return facts.grants.map(({ id }) => id)
}

/** A holder whose answer was lost finds out what it holds; one whose process ended holds nothing. */
async function adopt({ plan, ...facts }: ClaimFacts, scene: Scene, seen: Seen): Promise<void> {
  const { model, q, here, real } = scene
  const world = model.world(q)
  if (typeof seen !== 'object' && !real.sides.includes(here)) return
  const grants = typeof seen !== 'object' ? await grantsOfClaim(here.ledger, plan.claim) : facts.grants
  const holds = [...world.jobs.values()].filter((job) => job.claim === plan.claim).map(({ id }) => id)
  must(
    JSON.stringify(grants.map(({ id }) => id).sort()) === JSON.stringify(holds.sort()),
    "a lease is nobody's",
  )
  if (grants.length === 0) return
  counters.okClaims++
  counters.grants += grants.length
  if (plan.suspect) counters.suspectClaims++
  const parts = await readParts(here.ledger, grants)
  grants.forEach(({ id }, at) => {
    const { data, options } = world.jobs.get(id)!
    if (options.aging !== undefined) counters.aged++
    must(
      parts[at]!.data === (data === undefined ? '' : `j${JSON.stringify(data)}`),
      `the data of ${id} is another`,
    )
  })
  const held: Held = {
    claim: plan.claim,
    until: plan.until,
    tokens: grants.map((grant) => ({ claim: plan.claim, grant })),
  }
  handOut(scene, held)
}

const aWish: fc.Arbitrary<ClaimWish> = fc.record({
  limit: fc.integer({ min: 1, max: 4 }),
  leaseMs: fc.constantFrom(...LEASE_MS),
  suspect: fc.constantFrom(true, true, true, false),
  promote: fc.constantFrom(true, true, false),
  old: fc.constantFrom(false, false, false, true),
})

const claimingAs = (wish: fc.Arbitrary<ClaimWish>): fc.Arbitrary<Command> =>
  fc.tuple(aQueue, wish, aFaultAtOnce).map(([q, wanted, fault]) => claim(q, wanted, fault))

export const claiming = claimingAs(aWish)

/** Enough for a batch, or nothing. */
export const claimingBatches = claimingAs(
  fc
    .tuple(aWish, fc.integer({ min: 1, max: 3 }), fc.constantFrom(true, true, false))
    .map(([wish, least, back]) => ({
      ...wish,
      limit: Math.max(wish.limit, least),
      gathering: { least, back },
    })),
)
