/**
 * Several processes on one queue, each a producer and a worker, and what they say held together: which job ran when, where and
 * with which fence. It judges what must not be.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Program, launch } from '../crash/launch.ts'
import { Queue } from '../../src/index.ts'
import type { MemberOrders } from './member.ts'
import { freshNamespace, openStore } from './stage.ts'

export interface CrowdOptions {
  readonly port: number
  readonly jobs: number
  /** By how much the clock of each process is ahead (ms). */
  readonly clocks: readonly number[]
  readonly concurrency: number
  readonly lockDuration?: number
  readonly handlerMs?: number
  readonly flakyEvery?: number
  /** The first process is killed once so many jobs ran. */
  readonly killAfter?: number
}

export interface CrowdVerdict {
  readonly faults: readonly string[]
  readonly completed: number
  /** Runs that began although the job had run to its end or was to be run elsewhere. */
  readonly repeated: number
  /** Completed runs of each process. */
  readonly shares: readonly number[]
}

interface Run {
  readonly fence: number
  readonly began: number
  readonly ended: number
  readonly returned: boolean
}

const POLL_MS = 20

export async function crowd(options: CrowdOptions): Promise<CrowdVerdict> {
  const { port, jobs, clocks, concurrency, killAfter = Infinity } = options
  const { lockDuration = 30_000, handlerMs = 0, flakyEvery = Infinity } = options
  const namespace = freshNamespace()
  const share = Math.ceil(jobs / clocks.length)
  const launches = clocks.map((aheadMs, at) => {
    const numbers = [at * share, Math.min((at + 1) * share, jobs)] as const
    // JSON has no Infinity.
    const orders: MemberOrders = {
      port,
      namespace,
      aheadMs,
      jobs: numbers,
      concurrency,
      lockDuration,
      handlerMs,
      flakyEvery: Math.min(flakyEvery, Number.MAX_SAFE_INTEGER),
    }
    return launch('redis/member.ts', orders)
  })
  const members = await Promise.all(launches)
  await using opened = openStore(port, namespace)
  const queue = new Queue('crowd', { store: opened.store })
  try {
    await Promise.all(members.map((member) => member.said('ADDED')))
    let killed = false
    for (;;) {
      const { completed } = await queue.getJobCounts('completed')
      if (completed >= jobs) break
      if (!killed && completed >= killAfter) {
        // While handlers run: one that has just returned, and whose end is not stored, is rightly run again.
        await sleep(handlerMs / 2)
        await members[0]!.kill()
        killed = true
      }
      await sleep(POLL_MS)
    }
  } finally {
    await Promise.all(members.map((member) => member.kill()))
  }
  const { problems } = await queue.verify()
  return judge(members, jobs, problems)
}

function judge(members: readonly Program[], jobs: number, problems: readonly string[]): CrowdVerdict {
  const runs = new Map<number, Run[]>()
  const faults = [...problems]
  const shares = members.map(({ lines }) => {
    const own = lines.filter((line) => line.startsWith('RAN ')).map((line) => line.split(' ').slice(1))
    for (const [n, fence, began, ended, end] of own) {
      const run = {
        fence: Number(fence),
        began: Number(began),
        ended: Number(ended),
        returned: end === 'returned',
      }
      runs.set(Number(n), [...(runs.get(Number(n)) ?? []), run])
    }
    return own.filter(([, , , , end]) => end === 'returned').length
  })
  let repeated = 0
  for (let n = 0; n < jobs; n++) {
    const of = (runs.get(n) ?? []).toSorted((a, b) => a.began - b.began)
    if (!of.some(({ returned }) => returned)) faults.push(`job ${n} never ran to its end`)
    repeated += Math.max(0, of.filter(({ returned }) => returned).length - 1)
    of.slice(1).forEach((run, at) => {
      if (run.began < of[at]!.ended) faults.push(`job ${n} ran twice at once`)
      if (run.fence <= of[at]!.fence) faults.push(`the fence of job ${n} does not rise`)
    })
  }
  return { faults, completed: jobs, repeated, shares }
}
