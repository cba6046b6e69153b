/** What workers say of their jobs, held against the books: ends that they announce, and leases that they give up as lost. */
import type { Job, Worker } from 'holdfast'
import { headId } from '../../src/core/keys.ts'
import { must } from '../model/invariants.ts'
import type { Lease } from './booked.ts'
import type { Link } from './link.ts'
import type { Process } from './site.ts'
import type { World } from './world.ts'

export class Announcements {
  readonly #world: World
  /** Under which a handler was given a job. */
  readonly #leases = new WeakMap<Job, Lease>()
  /** Until when holders of claims were told they have them. */
  readonly #toldUntil = new Map<string, number>()
  /** Claims whose answers were lost. */
  readonly #lostClaims = new Set<string>()

  constructor(world: World) {
    this.#world = world
  }

  /** The holder of a claim was told until when it has it. */
  toldUntil(claim: string, until: number): void {
    this.#toldUntil.set(claim, until)
  }

  /** The answer to a claim was lost. */
  lostClaim(claim: string): void {
    this.#lostClaims.add(claim)
  }

  /** Hears a worker from its beginning on. */
  listen(worker: Worker, { machine, link }: Process): void {
    const say = (what: string): void => this.#world.trace.say(`${machine.name} event ${what}`)
    worker.on('completed', (job) => {
      say(`completed ${job.id}`)
      this.#announced(job, 'completed')
    })
    worker.on('failed', (job, error) => {
      say(`failed ${job?.id} ${error.message}`)
      if (job !== undefined) this.#announced(job, 'failed')
    })
    worker.on('stalled', (id) => say(`stalled ${id}`))
    worker.on('lockLost', (job) => {
      say(`lockLost ${job.id}`)
      this.#world.count('lock lost')
      this.#world.guard(() => this.#checkLost(job, link))
    })
    worker.on('drained', () => say('drained'))
    worker.on('deadLetterDepth', (queue, depth) => {
      say(`deadLetterDepth ${queue} ${depth}`)
      this.#world.guard(() => this.#world.depth.heard(machine.name, queue, depth))
    })
    worker.on('error', (error) => {
      say(`error ${error.message}`)
      if (error.message.includes('its slot is given')) this.#world.count('slot of a deaf handler given away')
      if (error.message.includes('while the store did not take'))
        this.#world.count('closed on time while the store failed')
    })
  }

  /** A handler has begun. */
  started(job: Job, lease: Lease): void {
    this.#leases.set(job, lease)
    if (this.#lostClaims.has(lease.claim)) this.#world.count('claim answer lost, jobs taken over')
  }

  #announced(job: Job, as: 'completed' | 'failed'): void {
    const lease = this.#leases.get(job)
    if (lease === undefined) return
    const { end } = lease
    const name = headId(job.queueName, job.id)
    // An end of which nothing is kept cannot be told from another's: one whose answer was lost is believed.
    if (end === 'stalled' && !this.#world.books.jobs.has(name))
      return this.#world.count('end announced that somebody else made')
    this.#world.guard(() =>
      must(
        end === as || end === 'gone' || (end === 'cancelled' && as === 'failed'),
        `invariant 20: ${name} is announced as ${as}, and its lease ${end ?? 'lives'}`,
      ),
    )
  }

  /** Nobody gives up a lease that he was told he still has, nor one whose end he stored himself. */
  #checkLost(job: Job, link: Link): void {
    const lease = this.#leases.get(job)
    if (lease === undefined) return
    if (lease.end !== undefined) this.#world.count('settle refused as stale')
    const booked = this.#world.books.jobs.get(lease.name)
    const stored = (lease.end === 'completed' || lease.end === 'failed') && booked?.cameFrom === lease
    must(!stored, `invariant 20: ${lease.name} ${lease.end}, and its worker says that its lease was lost`)
    const until = this.#toldUntil.get(lease.claim)
    if (lease.end !== undefined || until === undefined) return
    const entry = this.#world.books.claims.get(lease.claim)
    must(
      entry?.lane !== 'claims' || link.now() > until,
      `invariant 29: ${lease.by} gives up ${lease.claim} ${until - link.now()} ms before it expires`,
    )
  }
}
