/** The commands of those who hold leases. Any lease ever handed out may be used, whatever became of it. */
import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { HoldfastError, retryHttp } from 'holdfast'
import { type Circumstances, type Ending, expiry, hasExpired } from '../../src/core/lifecycle.ts'
import { encodeResult } from '../../src/core/payload.ts'
import type { Grant } from '../../src/ledger/claim.ts'
import { writeLogLine, writeProgress } from '../../src/ledger/annotate.ts'
import { planRenewal, planRetirement } from '../../src/ledger/lease.ts'
import { type SettlePlan, joinSettles, judgeRefusal, planSettleReading } from '../../src/ledger/settle.ts'
import { endOfFailure } from '../../src/loops/judge.ts'
import { type Command, LEASE_MS, aFault, aQueue, times } from './drawn.ts'
import { type ModelEnding, endInWorld } from './end-world.ts'
import type { Fault, QueueNumber } from './harness.ts'
import { counters } from './counters.ts'
import type { Held, Model, Token } from './model.ts'
import { type Scene, Step } from './step.ts'
import { MAX_STALLS, type ModelJob, type World, logInWorld, withClaim, withJob } from './world.ts'

const holdsSome =
  (q: QueueNumber) =>
  (model: Model): boolean =>
    model.heldClaims(q) > 0
/** Counted from the newest. */
const pick = <T>(all: readonly T[], at: number): T => all[all.length - 1 - (at % all.length)]!

/** The job that a lease is on, where it still is. */
function leased(world: World, { grant, claim }: Token): ModelJob | undefined {
  const job = world.jobs.get(grant.id)
  return job?.place === 'lease' && job.claim === claim ? job : undefined
}

/** A failure comes from an error, which is judged as a worker judges it. */
const endingOf = async (ending: ModelEnding, { head }: Grant, now: number): Promise<Ending> => {
  switch (ending.kind) {
    case 'completed':
      return { kind: 'completed', result: encodeResult(ending.result) }
    case 'failed': {
      const error = (): never => assert.fail('there is nothing to complain about')
      const judgement = {
        now: () => now,
        retryIf: retryHttp,
        strategyOf: () => undefined,
        hold: async () => undefined,
        schemasOf: () => undefined,
        error,
      }
      return endOfFailure(errorOf(ending), head!, undefined as never, judgement)
    }
    case 'snoozed':
      return ending
    case 'expired':
      // What a worker looks at before it calls a handler.
      if (!hasExpired(head!, now)) return { kind: 'released' }
      counters.expiredOnLease++
      return { kind: 'expired', failure: expiry(head!) }
    default:
      return { kind: 'released' }
  }
}

/** As HTTP clients throw them. */
const errorOf = ({ final, wait }: ModelEnding & { kind: 'failed' }): object => ({
  message: 'no',
  status: final ? 404 : 503,
  headers: wait === undefined ? {} : { 'Retry-After': String(wait / 1000) },
})

/** Ends a lease as the settling loop does: the same plan again where the answer was lost, a new one where the head changed. */
async function settleOne({ here, real, now }: Scene, { grant }: Token, ending: Ending): Promise<string> {
  const { ledger } = here
  const at: Circumstances = { now, random: 0.5, maxStalledCount: MAX_STALLS }
  let plan: SettlePlan | undefined
  let unknown = false
  for (;;) {
    plan ??= await planSettleReading(ledger, grant, ending, at)
    try {
      const [applied] = await ledger.store.commit(plan.changes)
      if (applied !== false) return 'applied'
    } catch (error) {
      if (!(error instanceof HoldfastError) || real.store.dead) throw error
      if (error.outcome === 'unknown') unknown = true
      continue
    }
    const verdict = await judgeRefusal(ledger, grant, plan.raw, unknown)
    if (verdict !== 'again') return verdict
    plan = undefined
  }
}

interface SettleFacts {
  readonly token: Token
  lost: boolean
}

const settle = (q: QueueNumber, at: number, ending: ModelEnding, fault?: Fault) =>
  new Step<SettleFacts>(`settle(#${at} ${JSON.stringify(ending)})`, q, fault, {
    check: holdsSome(q),
    prepare: ({ model }) => ({ token: pick(model.tokens(q), at), lost: false }),
    act: async (facts, scene) => {
      const judged = await endingOf(ending, facts.token.grant, scene.now)
      const verdict = await settleOne(scene, facts.token, judged)
      facts.lost = scene.real.tripped?.kind === 'after' || scene.real.tripped?.kind === 'lost'
      // A repeat of a settle that had been applied before cannot be told from it once an answer was lost.
      return facts.lost ? 'resolved' : verdict
    },
    expect: ({ token, lost }, world, { now }) => {
      const job = leased(world, token)
      if (job === undefined) return { states: [world], out: lost ? 'resolved' : 'lost' }
      return { states: [world, endInWorld(world, job, ending, now)], out: lost ? 'resolved' : 'applied' }
    },
    after: async ({ token }, { model }, seen) => {
      counters.settles++
      if (typeof seen === 'object' && seen.out === 'lost') counters.staleSettles++
      if (model.world(q).jobs.get(token.grant.id)?.place === 'suspect') counters.suspects++
    },
  })

/** All leases of one claim in one unit, with the claim's entry; what that refuses is settled one by one. */
const settleClaim = (q: QueueNumber, at: number, ending: ModelEnding, fault?: Fault) =>
  new Step<{ readonly held: Held; current: boolean }>(`settle claim(#${at} ${ending.kind})`, q, fault, {
    check: holdsSome(q),
    prepare: ({ model }) => ({ held: pick(model.side(q).held, at), current: false }),
    act: async (facts, scene) => {
      const { held } = facts
      const { ledger } = scene.here
      const records = await ledger.store.read(held.tokens.map(({ grant }) => grant.name))
      facts.current = held.tokens.every(({ grant }, which) => grant.raw === records[which])
      const circumstances: Circumstances = { now: scene.now, random: 0.5, maxStalledCount: MAX_STALLS }
      const endings = await inTurn(held.tokens, ({ grant }) => endingOf(ending, grant, scene.now))
      const plans = await inTurn([...held.tokens.entries()], ([which, { grant }]) =>
        planSettleReading(ledger, grant, endings[which]!, circumstances),
      )
      const block = joinSettles(
        ledger,
        plans.map(({ changes }) => changes),
        { claim: held.claim, until: held.until },
      )
      const results = await ledger.store.commit(block)
      let index = 0
      const refused: Token[] = []
      plans.forEach(({ changes }, which) => {
        if (results[index] === false) refused.push(held.tokens[which]!)
        index += changes.length
      })
      const verdicts = await inTurn(refused, async (token) => {
        const verdict = await judgeRefusal(ledger, token.grant, undefined, false)
        return verdict === 'again' ? settleOne(scene, token, endings[held.tokens.indexOf(token)]!) : verdict
      })
      return verdicts.filter((verdict) => verdict === 'lost').length
    },
    expect: ({ held, current }, world, { now }) => {
      const states = [world]
      const live = held.tokens.filter((token) => leased(world, token) !== undefined)
      for (const token of live) states.push(endInWorld(states.at(-1)!, leased(world, token)!, ending, now))
      const entry = world.claims.get(held.claim)
      const removesEntry =
        live.length === held.tokens.length &&
        entry?.lane === 'claims' &&
        entry.until === held.until &&
        current
      if (removesEntry) states.push(withClaim(states.at(-1)!, held.claim, undefined))
      return { states, out: held.tokens.length - live.length }
    },
  })

async function inTurn<Item, Result>(
  items: readonly Item[],
  act: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  for (const item of items) results.push(await act(item))
  return results
}

const renew = (q: QueueNumber, at: number, leaseMs: number, fault?: Fault) =>
  new Step<{ readonly held: Held; readonly until: number }>(`renew(#${at})`, q, fault, {
    check: holdsSome(q),
    prepare: ({ model, now }) => {
      const held = pick(model.side(q).held, at)
      return { held, until: now + leaseMs }
    },
    act: async ({ held, until }, { here }) => {
      const [applied] = await here.ledger.store.commit(
        planRenewal(here.ledger, held.claim, held.until, until),
      )
      return applied !== false
    },
    expect: ({ held, until }, world) => {
      const entry = world.claims.get(held.claim)
      if (entry?.lane !== 'claims' || entry.until !== held.until) return { states: [world], out: false }
      return { states: [world, withClaim(world, held.claim, { lane: 'claims', until })], out: true }
    },
    after: async ({ held }, { model }) => {
      const entry = model.world(q).claims.get(held.claim)
      if (entry?.lane === 'claims') held.until = entry.until
    },
  })

/** The entry of a claim that has no leases left goes. */
const retire = (q: QueueNumber, at: number, fault?: Fault) =>
  new Step<{ readonly held: Held }>(`retire(#${at})`, q, fault, {
    check: (model) =>
      holdsSome(q)(model) &&
      pick(model.side(q).held, at).tokens.every((token) => leased(model.world(q), token) === undefined),
    prepare: ({ model }) => ({ held: pick(model.side(q).held, at) }),
    act: async ({ held }, { here }) => {
      const [applied] = await here.ledger.store.commit(planRetirement(here.ledger, held.claim, held.until))
      return applied !== false
    },
    expect: ({ held }, world) => {
      const entry = world.claims.get(held.claim)
      if (entry?.lane !== 'claims' || entry.until !== held.until) return { states: [world], out: false }
      return { states: [world, withClaim(world, held.claim, undefined)], out: true }
    },
  })

/** Progress and log lines, of a holder or of anyone. */
const annotate = (
  q: QueueNumber,
  at: number,
  as: 'holder' | 'anyone',
  what: 'progress' | 'log',
  fault?: Fault,
) =>
  new Step<{ readonly token: Token; readonly value: string }>(`${what}(#${at} by ${as})`, q, fault, {
    check: holdsSome(q),
    prepare: ({ model, now }) => ({ token: pick(model.tokens(q), at), value: `at ${now}` }),
    act: async ({ token: { grant }, value }, { here }) => {
      const author = as === 'holder' ? { name: grant.name, grant } : { name: grant.name }
      if (what === 'log') await writeLogLine(here.ledger, author, value)
      else await writeProgress(here.ledger, author, encodeResult(value))
      return null
    },
    expect: ({ token, value }, world) => {
      const job = as === 'holder' ? leased(world, token) : world.jobs.get(token.grant.id)
      if (job === undefined)
        return { states: [world], out: { error: as === 'holder' ? 'LOCK_LOST' : 'JOB_NOT_FOUND' } }
      const noted =
        what === 'log' ? logInWorld(world, job, value) : withJob(world, { ...job, progress: value })
      return { states: [world, noted], out: null }
    },
  })

const aPick = fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 60 }))
export const aCompletion = fc.record({
  kind: fc.constant('completed' as const),
  result: fc.constantFrom<unknown>(undefined, 7, { text: 'x'.repeat(2000) }),
})
const anEnding: fc.Arbitrary<ModelEnding> = fc.oneof(
  aCompletion,
  aCompletion,
  fc.record({
    kind: fc.constant('failed' as const),
    final: fc.constantFrom(false, false, true),
    wait: fc.constantFrom(undefined, undefined, 0, 1234),
  }),
  fc.constant<ModelEnding>({ kind: 'released' }),
  fc.constant<ModelEnding>({ kind: 'snoozed', ms: 800 }),
  fc.constant<ModelEnding>({ kind: 'expired' }),
)

export const settlingWith = (ending: fc.Arbitrary<ModelEnding>): fc.Arbitrary<Command> =>
  fc.tuple(aQueue, aPick, ending, aFault).map(([q, at, one, fault]) => settle(q, at, one, fault))

const annotations = fc
  .tuple(
    aQueue,
    aPick,
    fc.constantFrom('holder' as const, 'anyone' as const),
    fc.constantFrom('progress' as const, 'log' as const),
    aFault,
  )
  .map(([q, at, as, what, fault]) => annotate(q, at, as, what, fault))

export const leaseCommands: fc.Arbitrary<Command>[] = [
  ...times(7, settlingWith(anEnding)),
  fc
    .tuple(aQueue, aPick, anEnding, aFault)
    .map(([q, at, ending, fault]) => settleClaim(q, at, ending, fault)),
  fc
    .tuple(aQueue, aPick, fc.constantFrom(...LEASE_MS), aFault)
    .map(([q, at, leaseMs, fault]) => renew(q, at, leaseMs, fault)),
  fc.tuple(aQueue, aPick, aFault).map(([q, at, fault]) => retire(q, at, fault)),
  ...times(3, annotations),
]
