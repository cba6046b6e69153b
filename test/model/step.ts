/** What all commands share: the fault around their commits, what is seen of them, and the look at everything after each. */
import type * as fc from 'fast-check'
import { HoldfastError } from 'holdfast'
import { fenceOf } from '../../src/ledger/claim.ts'
import { showFault } from '../faults/plan.ts'
import { type Dump, sameDump } from './dump.ts'
import { type QueueView, viewOf } from './queue-view.ts'
import { type Fault, QUEUES, type QueueNumber, type Real, type Side } from './harness.ts'
import { checkCounts, checkQueue, must, partsOf } from './invariants.ts'
import { counters } from './counters.ts'
import { receiveInWorld } from './letter-world.ts'
import type { Held, Model, ModelSide, Possible, Seen } from './model.ts'
import type { World } from './world.ts'

/** A command at work. */
export interface Scene {
  readonly q: QueueNumber
  readonly model: Model
  readonly side: ModelSide
  readonly real: Real
  readonly here: Side
  /** The store's time, which stands still during a command. */
  readonly now: number
}

export interface Play<Facts> {
  /** Whether it makes sense in a model. */
  readonly check?: (model: Model) => boolean
  /** What is drawn from model and clock before it begins. */
  readonly prepare: (scene: Scene) => Facts
  /** Does it; the answer as plain data. */
  readonly act: (facts: Facts, scene: Scene) => Promise<unknown>
  readonly expect: (facts: Facts, world: World, scene: Scene) => Possible
  /** Once the store was looked at. */
  readonly after?: (facts: Facts, scene: Scene, seen: Seen) => Promise<void>
}

export class Step<Facts> implements fc.AsyncCommand<Model, Real> {
  readonly #label: string
  readonly #q: QueueNumber
  readonly #fault: Fault | undefined
  readonly #play: Play<Facts>

  constructor(label: string, q: QueueNumber, fault: Fault | undefined, play: Play<Facts>) {
    this.#label = label
    this.#q = q
    this.#fault = fault
    this.#play = play
  }

  check(model: Readonly<Model>): boolean {
    return this.#play.check?.(model) ?? true
  }

  async run(model: Model, real: Real): Promise<void> {
    counters.commands++
    const q = this.#q
    const scene: Scene = { q, model, side: model.side(q), real, here: real.sides[q]!, now: real.store.now() }
    const facts = this.#play.prepare(scene)
    real.arm(this.#fault)
    const seen = await this.#see(facts, scene)
    const { tripped } = real
    real.arm(undefined)
    if (real.store.dead) await real.restart()
    count(tripped)
    await look(scene, (world) => this.#play.expect(facts, world, scene), seen)
    await this.#play.after?.(facts, scene, seen)
  }

  async #see(facts: Facts, scene: Scene): Promise<Seen> {
    try {
      return { out: await this.#play.act(facts, scene) }
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      const { tripped } = scene.real
      if (tripped === undefined || (tripped.kind === 'double' && !tripped.crash))
        return { out: { error: error.code } }
      return tripped.kind === 'before' && !tripped.crash ? 'refused' : 'cut'
    }
  }

  toString(): string {
    const fault = this.#fault
    const shown = fault === undefined ? '' : ` !${showFault(fault)}${fault.crash ? ' and crash' : ''}`
    return `${this.#label}@${this.#q}${shown}`
  }
}

function count(tripped: Fault | undefined): void {
  if (tripped === undefined) return
  if (tripped.crash) counters.crashes++
  if (tripped.kind === 'double') counters.doubles++
  else if (tripped.kind === 'before' && !tripped.crash) counters.refusedCalls++
  else if (tripped.kind === 'after') counters.unknownApplied++
  else counters.unknownNotApplied++
}

/** Reads everything, keeps the worlds that agree with it, and holds every invariant against it. */
async function look(scene: Scene, expect: (world: World) => Possible, seen: Seen): Promise<void> {
  const { q, model, real, now } = scene
  const parts = partsOf(await real.disk.dump(), QUEUES)
  for (const at of q === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
    const [part, side] = [parts[at]!, model.side(at)]
    const isLike = sameDump(side.looked.part, part)
    const isSame = isLike && side.looked.opened === real.opened
    // Another opening may take up turns in another order.
    if (side.looked.opened !== real.opened) side.waits.clear()
    const known = isSame ? side.looked.view : undefined
    const view = known ?? viewOf(part, QUEUES[at])
    const arrives = (world: World): Possible => receiving(world, model.world(q).sent, QUEUES[q])
    const { unchanged } = model.observe(at, at === q ? expect : arrives, at === q ? seen : NOTHING, view, now)
    if (unchanged) must(isLike, `a command without effect changed what is stored of ${QUEUES[at]}`)
    // What this process has looked at before need not be looked at again.
    if (known === undefined) side.looked = { ...(await lookAt(real, at, part, view)), opened: real.opened }
  }
  const { sent, ...world } = model.world(q)
  if (sent !== undefined) model.side(q).worlds = [world]
}

const NOTHING: Seen = { out: null }

/** What a command on one queue makes of the other. */
const receiving = (world: World, sent: World['sent'], from: string): Possible => ({
  states: [sent === undefined ? world : receiveInWorld(world, sent, from)],
  out: null,
})

/** Holds every invariant against a queue that changed, or that another process has opened. */
async function lookAt(
  real: Real,
  q: QueueNumber,
  part: Dump,
  view: QueueView,
): Promise<Pick<ModelSide['looked'], 'part' | 'view'>> {
  const { store, disk, sides } = real
  checkQueue(part, view, store.epoch)
  await checkCounts(store, part)
  const isSettled = view.bulks.every(({ entry }) => entry !== undefined)
  if (isSettled && !real.isTimeToVerify()) return { part, view }
  const { problems } = await sides[q]!.queue.verify()
  must(problems.length === 0, `verify() says ${problems.join('; ')}`)
  // Whoever looks brings bulks that are stored into their places.
  if (isSettled) return { part, view }
  return { part: partsOf(await disk.dump(), QUEUES)[q]!, view: undefined }
}

/** Notes leases that were handed out; each has a larger fence than all before it. */
export function handOut({ q, model, side }: Scene, held: Held): void {
  for (const { grant } of held.tokens) {
    const fence = fenceOf(grant)
    const job = model.world(q).jobs.get(grant.id)!
    const last = side.fences.get(grant.id)
    // A job that was added anew begins at the clock, so it is above the last one's fence once that is in the past.
    const comparable = last !== undefined && (last.incarnation === job.incarnation || job.fence > last.fence)
    must(!comparable || fence > last.fence, `the fence of ${grant.id} went from ${last?.fence} to ${fence}`)
    must(
      fence === job.granted!.fence,
      `the fence of ${grant.id} is ${fence} instead of ${job.granted!.fence}`,
    )
    side.fences.set(grant.id, { incarnation: job.incarnation, fence })
  }
  side.held.push(held)
}
