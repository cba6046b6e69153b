/** Groups: visited in turn, paused, and with limits of their own. */
import * as fc from 'fast-check'
import { claimName } from '../../src/core/keys.ts'
import { limitsOf } from '../../src/core/limits.ts'
import { bringToGroups } from '../../src/ledger/arrive.ts'
import { type ClaimPlan, type Grant, grantsOf, grantsOfClaim, readConfig } from '../../src/ledger/claim.ts'
import { commitBlock } from '../../src/ledger/commit.ts'
import { postpone } from '../../src/ledger/postpone.ts'
import {
  isStill,
  planAwake,
  planRotation,
  planStill,
  planVisit,
  readVisit,
  recallTurns,
  visitsOf,
} from '../../src/ledger/turns.ts'
import { counters } from './counters.ts'
import { type Command, aFaultAtOnce, aQueue, times } from './drawn.ts'
import { headNameOf } from './dump.ts'
import { bringInWorld, noteTurn, offersOf, runningIn, takeInWorld, withGroup } from './group-world.ts'
import { type Fault, QUEUES, type QueueNumber } from './harness.ts'
import { must } from './invariants.ts'
import { type Scene, Step, handOut } from './step.ts'
import { MAX_STALLS, type ModelClaim } from './world.ts'

const GROUPS = ['g', 'h/%é'] as const

interface VisitFacts {
  readonly plan: ClaimPlan & ModelClaim
  /** The group whose visit is under way, or was the last. */
  visiting: string | undefined
  grant: Grant | undefined
}

/** One for its turn; one more, as what it was told may have brought the other behind it. */
const TURNS_MOST = 2

let visits = 0

/** The next job of a group, by the way that workers go: each group in its turn, until one gives a job. */
const visit = (q: QueueNumber, leaseMs: number, fault?: Fault) =>
  new Step<VisitFacts>('visit groups', q, fault, {
    check: (model) => [...model.world(q).jobs.values()].some(({ options }) => options.group !== undefined),
    prepare: ({ real, now }) => ({
      plan: {
        claim: claimName({
          grantedAt: now,
          epoch: real.store.epoch ?? '0',
          counter: ++visits,
          worker: `g${real.opened}.abc`,
        }),
        limit: 1,
        until: now + leaseMs,
        suspect: false,
      },
      visiting: undefined,
      grant: undefined,
    }),
    act: visitGroups,
    expect: ({ plan, visiting, grant }, world, { now, q }) => {
      const head = headNameOf(QUEUES[q])
      const brought = bringInWorld(world, now)
      const offers = offersOf(brought, now, head)
      const taken = visiting === undefined ? undefined : offers.get(visiting)
      // Three, as it is several commits whether or not it gets a job: of one that fails, those before it stay.
      const end = taken === undefined ? brought : takeInWorld(brought, taken, plan, now)
      const states = [{ ...world }, { ...brought }, { ...end }]
      // None may stay away from all groups while one of them has something to give.
      const first = [...offers.values()][0]
      const out =
        grant === undefined ? (first === undefined ? [] : [`one of ${first.options.group}`]) : [taken?.id]
      return { states, out }
    },
    after: async ({ plan, grant, visiting }, scene, seen) => {
      const { model, here, real, side, now } = scene
      const world = model.world(q)
      const head = headNameOf(QUEUES[q])
      const job = [...world.jobs.values()].find((one) => one.claim === plan.claim)
      if (job === undefined) return
      counters.grouped++
      const limit = world.groups?.get(visiting!)?.concurrency ?? Infinity
      if (runningIn(world, visiting!, head) === limit) counters.groupsFull++
      const offers = offersOf(world, now, head)
      if (offers.size > 0) counters.groupsWaited++
      const most = noteTurn(side.waits, offers, visiting!, now)
      must(most <= TURNS_MOST, `the group ${visiting} was served ${most} times while another waited`)
      // A round that was cut short, or taken up by another opening, may leave out one whose turn it was.
      if (typeof seen !== 'object') side.waits.clear()
      if (!real.sides.includes(here)) return
      const [held] = grant === undefined ? await grantsOfClaim(here.ledger, plan.claim) : [grant]
      must(held !== undefined, "a lease is nobody's")
      handOut(scene, { claim: plan.claim, until: plan.until, tokens: [{ claim: plan.claim, grant: held }] })
    },
  })

const NOBODY = { alone: undefined }

async function visitGroups(facts: VisitFacts, { here: { ledger } }: Scene): Promise<string[]> {
  const { store, lanes } = ledger
  await recallTurns(ledger)
  await bringToGroups(ledger)
  let [pointers = 0] = await store.count([{ lane: lanes.turn }])
  for (let n = 1; n <= pointers; n++) {
    const seen = await readConfig(ledger)
    if (seen.config.paused === true) return []
    const { block, place } = planRotation(ledger, ++visits, 1)
    const [moved] = await commitBlock(store, block)
    const [awake] = planAwake(ledger, moved!, place)
    if (awake !== undefined) {
      await commitBlock(store, awake)
      pointers++
      continue
    }
    const [found] = visitsOf(moved!, place, {})
    if (found === undefined) return []
    if (isStill(ledger, found)) {
      await commitBlock(store, planStill(ledger, found))
      continue
    }
    facts.visiting = decodeURIComponent(found.group)
    const plan = { ...facts.plan, limits: limitsOf(seen.config, undefined) }
    const { claimed, left } = readVisit(await commitBlock(store, planVisit(ledger, seen, plan, found)), found)
    ;[facts.grant] = grantsOf(plan, claimed)
    if (facts.grant !== undefined) return [facts.grant.id]
    const { alone } = left ? NOBODY : await postpone(ledger, [found], MAX_STALLS)
    if (alone === undefined) continue
    const lone = { ...plan, suspect: true, penned: alone.penned }
    const result = await commitBlock(store, planVisit(ledger, seen, lone, found))
    ;[facts.grant] = grantsOf(lone, readVisit(result, found).claimed)
    if (facts.grant !== undefined) return [facts.grant.id]
  }
  return []
}

const pauseGroup = (q: QueueNumber, group: string, paused: boolean, fault?: Fault) =>
  new Step(`${paused ? 'pause' : 'resume'}Group(${group})`, q, fault, {
    prepare: () => undefined,
    act: (_, { here: { queue } }) => (paused ? queue.pauseGroup(group) : queue.resumeGroup(group)),
    expect: (_, world) => {
      const isPaused = world.groups?.get(group)?.paused === true
      if (isPaused === paused) return { states: [world], out: false }
      if (paused) counters.groupsPaused++
      return { states: [world, withGroup(world, group, { paused })], out: true }
    },
    after: async (_, { side }) => void side.waits.delete(group),
  })

const limitGroup = (q: QueueNumber, group: string, concurrency: number | undefined, fault?: Fault) =>
  new Step(`groupConcurrency(${group}, ${concurrency})`, q, fault, {
    prepare: () => undefined,
    act: async (_, { here: { queue } }) => {
      if (concurrency === undefined) await queue.removeGroupConcurrency(group)
      else await queue.setGroupConcurrency(group, concurrency)
      return queue.getGroupConcurrency(group)
    },
    expect: (_, world) => {
      const isSame = world.groups?.get(group)?.concurrency === concurrency
      const states = isSame ? [world] : [world, withGroup(world, group, { concurrency })]
      return { states, out: concurrency ?? null }
    },
    after: async (_, { side }) => void side.waits.delete(group),
  })

export const aGroup = fc.constantFrom(...GROUPS)

/** At any of the commits that a round is made of. */
const aFaultOnTheWay = fc
  .tuple(aFaultAtOnce, fc.nat({ max: 4 }))
  .map(([fault, call]) => fault && { ...fault, call })

export const visiting: fc.Arbitrary<Command> = fc
  .tuple(aQueue, fc.constantFrom(1000, 5000), aFaultOnTheWay)
  .map(([q, leaseMs, fault]) => visit(q, leaseMs, fault))

export const limitingGroups: fc.Arbitrary<Command> = fc
  .tuple(aQueue, aGroup, fc.constantFrom(undefined, 1, 1, 2), aFaultAtOnce)
  .map(([q, group, concurrency, fault]) => limitGroup(q, group, concurrency, fault))

export const groupCommands: fc.Arbitrary<Command>[] = [
  ...times(4, visiting),
  fc
    .tuple(aQueue, aGroup, fc.constantFrom(true, false, false), aFaultAtOnce)
    .map(([q, group, paused, fault]) => pauseGroup(q, group, paused, fault)),
  limitingGroups,
]
