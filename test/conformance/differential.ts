/**
 * The differential property: a store answers every unit of a random script as the reference evaluator does on a
 * naive state, and holds the same in the end. Units issued at once are expected to be judged in the order of their calls, and
 * hints to have come a turn of the event loop after the answer, or, where they cross a network, once something sent after
 * them has.
 */
import { evaluate } from '../../src/core/evaluate.ts'
import { checkUnit } from '../../src/core/unit.ts'
import type { Change, Key, Result, Span, Store } from '../../src/store.ts'
import { check, equal } from './assert.ts'
import { NaiveState } from './naive-state.ts'
import { IDS, LANES, type Step, type UnitPlan, unitOf } from './random-units.ts'
import { fill } from './stage.ts'

/** What the scripts played so far came to, so that a test can tell whether they said anything. */
export class Tally {
  units = 0
  unitsAtOnce = 0
  rejectedUnits = 0
  changes = 0
  applied = 0
  moves = 0
  keysMoved = 0
  movesLimitedByRoom = 0
  movesToSeveralPlaces = 0
  refusedAfters = 0
  followedAfters = 0
  sizesJudged = 0
  appends = 0
  hintsDue = 0
  reopenings = 0

  count(changes: readonly Change[], results: readonly Result[] | undefined): void {
    this.units++
    if (results === undefined) {
      this.rejectedUnits++
      return
    }
    changes.forEach(({ after, move, expect, append }, index) => {
      const result = results[index]!
      this.changes++
      if (after !== undefined && results[after] === false) this.refusedAfters++
      if (after !== undefined && results[after] !== false) this.followedAfters++
      this.sizesJudged += expect?.size?.length ?? 0
      if (result === false) return
      this.applied++
      this.appends += append?.length ?? 0
      if (move === undefined) return
      this.moves++
      this.keysMoved += result.length
      if (move.to.length > 1) this.movesToSeveralPlaces++
    })
  }
}

/** The reference: it judges units as the contract says, and notices when room has cut a move short. */
class Reference extends NaiveState {
  readonly tally: Tally

  constructor(tally: Tally) {
    super()
    this.tally = tally
  }

  /** The evaluator asks with the range of a move, which has its limit, and with what room has left of it. */
  override head(span: Span & { limit?: number }, limit: number): string[] {
    const found = super.head(span, limit)
    if (span.limit !== undefined && limit < span.limit && found.length === limit)
      this.tally.movesLimitedByRoom++
    return found
  }

  /** The results, or `undefined` where the unit is refused; the state is then as before, by a copy and not by undoing. */
  judge(changes: readonly Change[]): Result[] | undefined {
    const before = this.copy()
    let results: Result[] | undefined
    try {
      checkUnit(changes)
      results = evaluate(this, changes)
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'UNIT_INVALID') throw error
      this.take(before)
    }
    this.tally.count(changes, results)
    return results
  }
}

export interface Script {
  readonly steps: readonly Step[]
  /** Keys that lanes hold before the script begins. */
  readonly begin?: Readonly<Record<string, readonly string[]>>
}

/** Plays a script on the reference and on the store that `open` opens; rejects at the first difference. */
export async function play(
  script: Script,
  open: () => Promise<Store>,
  tally: Tally,
  hintsCame: (store: Store) => Promise<void> = turn,
): Promise<void> {
  const state = new Reference(tally)
  let player = await Player.on(open, state, hintsCame)
  try {
    for (const [lane, keys] of Object.entries(script.begin ?? {})) {
      await fill(player.store, lane, keys)
      state.lanes.set(lane, keys.toSorted())
    }
    for (const step of script.steps) {
      if (step.kind === 'units') await player.units(step.units)
      else if (step.kind === 'look') await player.look(step.pages)
      else {
        await player.store.close()
        tally.reopenings++
        player = await Player.on(open, state, hintsCame)
      }
    }
    await player.dump()
    await player.store.close()
    player = await Player.on(open, state, hintsCame)
    await player.dump()
  } finally {
    await player.store.close()
  }
}

/** One opening of the store, beside the reference. */
class Player {
  readonly store: Store
  readonly #state: Reference
  readonly #hintsCame: (store: Store) => Promise<void>
  readonly #hinted = new Set<string>()

  static async on(
    open: () => Promise<Store>,
    state: Reference,
    hintsCame: (store: Store) => Promise<void>,
  ): Promise<Player> {
    const store = await open()
    await store.ready()
    const player = new Player(store, state, hintsCame)
    await hintsCame(store)
    return player
  }

  constructor(store: Store, state: Reference, hintsCame: (store: Store) => Promise<void>) {
    this.store = store
    this.#state = state
    this.#hintsCame = hintsCame
    for (const lane of LANES) store.watch([lane], () => this.#hinted.add(lane))
  }

  async units(plans: readonly UnitPlan[]): Promise<void> {
    const due = new Set<string>()
    const before = LANES.map((lane) => this.#state.keys(lane)[0])
    this.#hinted.clear()
    if (plans.length > 1) this.#state.tally.unitsAtOnce += plans.length
    const calls = plans.map((plan) => {
      const changes = unitOf(plan, this.#state)
      const expected = this.#state.judge(changes)
      for (const lane of LANES) {
        const hinted = changes.some(({ hint }, i) => hint?.includes(lane) === true && expected?.[i] !== false)
        if (expected !== undefined && hinted) due.add(lane)
      }
      return { changes, expected, answer: answerOf(this.store.commit(changes)) }
    })
    for (const { changes, expected, answer } of calls) {
      equal(await answer, expected ?? 'UNIT_INVALID', `the results of ${JSON.stringify(changes)}`)
    }
    LANES.forEach((lane, index) => {
      if (isLower(this.#state.keys(lane)[0], before[index])) due.add(lane)
    })
    this.#state.tally.hintsDue += due.size
    await this.#hintsCame(this.store)
    for (const lane of due) check(this.#hinted.has(lane), `no hint for ${lane} came with these units`)
  }

  async look(pages: Parameters<Store['scan']>[0]): Promise<void> {
    const seen = await Promise.all([this.store.scan(pages), this.store.count(pages), this.store.read(IDS)])
    const expected = [
      pages.map((page) => this.#state.page(page)),
      pages.map((page) => this.#state.size(page)),
      IDS.map((id) => this.#state.record(id)),
    ]
    equal(seen, expected, `pages, counts and records of ${JSON.stringify(pages)}`)
  }

  /** Everything there is, in both directions. */
  async dump(): Promise<void> {
    const lanes = [...new Set([...LANES, ...this.#state.lanes.keys()])]
    const whole = lanes.flatMap((lane) => [
      { lane, limit: 1_000_000 },
      { lane, limit: 1_000_000, descending: true },
    ])
    await this.look(whole)
    const keys: Key[] = lanes.flatMap((lane) => this.#state.keys(lane).map((key) => [lane, key] as const))
    for (let start = 0; start < keys.length; start += 2_000) {
      const present = keys.slice(start, start + 2_000)
      equal(await this.store.commit([{ expect: { present } }]), [[]], 'finding every key that is there')
    }
    const size = lanes.map(
      (lane) => [{ lane }, this.#state.keys(lane).length, this.#state.keys(lane).length] as const,
    )
    equal(await this.store.commit([{ expect: { size } }]), [[]], 'the sizes of all lanes as expectations')
  }
}

const isLower = (now: string | undefined, before: string | undefined): boolean =>
  now !== undefined && (before === undefined || now < before)

async function answerOf(call: Promise<readonly Result[]>): Promise<unknown> {
  try {
    return await call
  } catch (error) {
    const { code, outcome } = error as { code?: unknown; outcome?: unknown }
    return outcome === 'failed' ? code : error
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
