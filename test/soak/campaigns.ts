/** The campaigns of a soak by name: each goes on until its time is over, and says what it reached or throws what it found. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { levelStore } from '../../adapters/level.ts'
import { play, Tally } from '../conformance/differential.ts'
import { scripts } from '../conformance/random-units.ts'
import { CAMPAIGN, conduct } from '../crash/rounds.ts'
import { crashPoints } from '../faults/crash-points.ts'
import { everyFault } from '../faults/enumerate.ts'
import { levelDisk, memoryDisk, redisDisk } from '../model/harness.ts'
import { counters } from '../model/counters.ts'
import { COMMANDS, playModel } from '../model/play.ts'
import { SHARED_VARIABLE, startServer } from '../redis/server.ts'
import { rush } from '../schedules/rush.ts'
import { levelSite, memorySite, redisSite } from '../schedules/sites.ts'
import { HOUR, ZONES, checkZones } from '../schedules/zones.ts'
import { daysOfFiveMinutes } from '../schedules/year.ts'
import { Chance } from '../sim/chance.ts'
import { campaign as simCampaign } from '../sim/campaign.ts'
import { showFailure, showReport } from '../sim/show.ts'
import { REDIS_CAMPAIGNS } from './redis.ts'

/** What a campaign is given. */
interface Shift {
  readonly seed: number
  readonly isOver: () => boolean
  readonly leftMs: () => number
}

export type Soak = (shift: Shift) => Promise<string>

/** Units of one differential script. */
const SCRIPT_STEPS = 45
const KILLS_PER_LAP = 50

/** Commands of a run, at most: twice as many as in the tests, so that most runs play more than sixty. */
const LONG_RUN = 2 * COMMANDS

/** A third of the time on each store. */
const model: Soak = async ({ seed, leftMs }) => {
  const before = { ...counters }
  const told: string[] = []
  await using server = await startServer()
  process.env[SHARED_VARIABLE] = server.url
  for (const [store, disk, share] of [
    ['memory', memoryDisk, 1 / 3],
    ['LevelDB', levelDisk, 1 / 2],
    ['Redis', redisDisk, 1],
  ] as const) {
    const { runs, commands } = counters
    const interruptAfterTimeLimit = leftMs() * share
    const time = { numRuns: Infinity, interruptAfterTimeLimit, markInterruptAsFailure: false }
    await playModel(disk, { seed, ...time }, LONG_RUN)
    told.push(`${store} ${counters.runs - runs} runs of ${counters.commands - commands} commands`)
  }
  const seen = Object.entries(counters).map(
    ([name, count]) => `${name} ${count - before[name as keyof typeof before]}`,
  )
  return [...told, ...seen].join(', ')
}

const sim: Soak = async ({ seed, isOver }) => {
  const report = await simCampaign({ from: seed, until: isOver, say: console.log })
  showReport(report, console.log)
  if (report.failure !== undefined) {
    showFailure(report.failure, console.log)
    throw new Error(`seed ${report.failure.seed}: ${report.failure.outcome.violation}`)
  }
  if (report.seeds > 1000 && report.shortcomings.length > 0) throw new Error(report.shortcomings.join('; '))
  return `${report.seeds} seeds, hash ${report.hash}`
}

/** On the fixed script as a whole. */
const faults: Soak = ({ seed, isOver }) => everyFault({ enough: isOver, from: seed })

const crashes: Soak = async ({ isOver }) => {
  const { batches, depths, violations } = await crashPoints({ depth: 3, enough: isOver })
  if (violations.length > 0) throw new Error(violations.slice(0, 5).join('; '))
  return `${batches} batches, ${depths.join(' and ')} moments`
}

const differential: Soak = async ({ seed, leftMs }) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-soak-'))
  const tally = new Tally()
  let directories = 0
  const property = fc.asyncProperty(scripts(SCRIPT_STEPS), async (steps) => {
    const path = join(folder, String(++directories))
    await play({ steps }, async () => levelStore(path, { durability: 'process' }), tally)
    await rm(path, { recursive: true, force: true })
  })
  try {
    const interruptAfterTimeLimit = leftMs()
    await fc.assert(property, {
      seed,
      numRuns: Infinity,
      interruptAfterTimeLimit,
      markInterruptAsFailure: false,
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return `${tally.units} units`
}

/** kill -9, with a parent that keeps the books. */
const witness: Soak = async ({ seed, isOver }) => {
  const total: Record<string, number> = {}
  for (let lap = seed; !isOver(); lap++) {
    const {
      faults: found,
      kept,
      ...figures
    } = await conduct({ ...CAMPAIGN, seed: lap, kills: KILLS_PER_LAP })
    if (found.length > 0) throw new Error(`seed ${lap}: ${found.slice(0, 5).join('; ')}; kept in ${kept}`)
    for (const [what, count] of Object.entries(figures))
      if (typeof count === 'number') total[what] = (total[what] ?? 0) + count
  }
  return JSON.stringify(total)
}

/** Every change of the clocks in every zone, from 2000 to 2040; beginning somewhere else with each seed. */
const zones: Soak = async ({ seed, isOver }) => {
  const first = seed % ZONES.length
  const looked = checkZones([...ZONES.slice(first), ...ZONES.slice(0, first)], 3 * HOUR, isOver)
  const { changes, alike } = looked
  return `${changes} changes of the clocks (${alike} of them alike in other zones) in ${looked.zones} of ${ZONES.length} zones`
}

/** Ticks of five schedulers on each store, with crashes; laps while there is time. */
const RUSH_TICKS = 10_000

const schedules: Soak = async ({ seed, isOver }) => {
  const told: string[] = []
  const server = await startServer()
  try {
    for (let lap = seed; told.length === 0 || !isOver(); lap++) {
      const sites = {
        memory: memorySite,
        LevelDB: levelSite,
        Redis: () => redisSite(server.url, `rush-${lap}`),
      }
      for (const [name, open] of Object.entries(sites)) {
        const { site, close } = await open()
        const chance = new Chance(lap, name)
        const { slots, crashes, lost } = await rush(site, RUSH_TICKS, () => chance.next())
        await close()
        told.push(`${name}: ${slots} slots, one job each, ${crashes} crashes, ${lost} ticks too late`)
        console.log(told.at(-1))
      }
    }
  } finally {
    await server.stop()
  }
  return told.join('; ')
}

/** A virtual year, however long it takes. */
const year: Soak = async () => {
  const { ran, slots, missed } = await daysOfFiveMinutes(365)
  if (ran !== 365 * 288 + 1 || slots !== ran || missed !== 0) throw new Error(`${ran} runs of ${slots} slots`)
  return `${ran} runs of every five minutes, none missed`
}

export const CAMPAIGNS = {
  model,
  sim,
  faults,
  crashes,
  differential,
  witness,
  zones,
  schedules,
  year,
  ...REDIS_CAMPAIGNS,
}
export type CampaignName = keyof typeof CAMPAIGNS
