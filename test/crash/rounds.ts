/**
 * A campaign: starts the program under load, kills it at a random moment, starts it again, and lets it drain in the end. It
 * decides when to kill; what that did to the jobs is the witness's to say.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Program, Succession } from './launch.ts'
import type { LoadOrders } from './load.ts'
import { type PlanShape, chance } from './plan.ts'
import { type Verdict, Witness } from './witness.ts'

export interface Campaign extends PlanShape {
  readonly store: LoadOrders['store']
  readonly kills: number
  /** The longest that the load lasts before a kill, in ms. */
  readonly killWithin: number
  /** What is said when that time begins: that the load begins, or that the first job of the program was acknowledged. */
  readonly killAfter: 'LOAD' | 'ACK'
  readonly callers: number
  readonly concurrency: number
  /** Units to add in all. Those whose add was killed are added again, and the last round goes on until all are there; without
      a number, new ones are added until the last kill. */
  readonly units?: number
}

export const CAMPAIGN: Campaign = {
  store: 'level',
  kills: 20,
  killWithin: 500,
  killAfter: 'LOAD',
  seed: 1,
  callers: 16,
  concurrency: 10,
  bytes: [1, 3000],
  mixed: true,
}

/** One in so many kills comes while the store is being opened and recovered. */
const EARLY_KILLS = 5
const EARLY_WITHIN_MS = 60

export interface Trial extends Verdict {
  /** The directory of the data and the ledger, kept where there are faults. */
  readonly kept?: string
}

export async function conduct(campaign: Campaign): Promise<Trial> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-witness-'))
  const witness = new Witness(join(directory, 'ledger.txt'))
  await using programs = await Succession.of('crash/load.ts', { hear: (line) => witness.hear(line) })
  const ordersOf = (units: readonly [number, number], drain: boolean): LoadOrders => {
    const { seed, bytes, mixed, callers, concurrency } = campaign
    const path = join(directory, 'data')
    return {
      path,
      // What a store lost that does not keep its word is lost by the time the last program looks at what is there.
      store: drain ? 'level' : campaign.store,
      seed,
      bytes,
      mixed,
      callers,
      concurrency,
      roles: ['producer', 'worker'],
      units,
      drain,
    }
  }
  for (let round = 0; round < campaign.kills; round++) {
    const program = programs.begin(ordersOf(unitsToAdd(campaign, witness), false))
    await untilKill(campaign, round, program)
    await program.kill()
    witness.killed()
  }
  const [from, until] = unitsToAdd(campaign, witness)
  const last = programs.begin(ordersOf(campaign.units === undefined ? [0, 0] : [from, until], true))
  const { code } = await last.ended
  const verdict = witness.judge(campaign.concurrency)
  const faults = code === 0 ? verdict.faults : [...verdict.faults, `the last one ended: ${last.complaints}`]
  if (faults.length > 0) return { ...verdict, faults, kept: directory }
  await rm(directory, { recursive: true })
  return verdict
}

async function untilKill(
  { seed, killWithin, killAfter }: Campaign,
  round: number,
  program: Program,
): Promise<void> {
  const moment = chance(seed, 'kill', round)
  const early = chance(seed, 'early', round) < 1 / EARLY_KILLS
  if (!early) await program.said(killAfter)
  await sleep(early ? moment * EARLY_WITHIN_MS : 1 + moment * killWithin)
}

/** Where the producer goes on: at the first unit never tried, or never acknowledged where all are to be there. */
function unitsToAdd({ units, mixed }: Campaign, witness: Witness): [from: number, until: number] {
  for (let number = 0; ; number++) {
    const standing = witness.standing(String(number)) ?? (mixed ? witness.standing(`${number}.0`) : undefined)
    if (standing === undefined || (units !== undefined && standing === 'tried'))
      return [number, units ?? Number.MAX_SAFE_INTEGER]
  }
}
