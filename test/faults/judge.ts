/** The verdict on a run of the script: its faults end, its workers finish, and everything is held against what was promised. */
import type { Disk } from '../model/harness.ts'
import { checkCounts, checkPartition, checkQueue } from '../model/invariants.ts'
import { textOf } from '../model/dump.ts'
import { viewOf } from '../model/queue-view.ts'
import type { ShownJob } from '../model/shown-job.ts'
import type { Effect } from './fault-store.ts'
import { Ground } from './ground.ts'
import { LEASE_MS, MAX_STALLS, SCENES, type Scene, Script, dataOf, resultOf } from './script.ts'
import { LETTERS, LONG_MS, QUEUE, type ScriptPlan } from './setting.ts'

/** What came of a run. */
export interface Verdict {
  readonly violations: readonly string[]
  readonly tally: ReadonlyMap<Effect, number>
  /** Faults of the plan that happened; others were aimed at calls that were never made. */
  readonly happened: number
  readonly commits: number
  readonly looks: number
  /** Jobs that failed for good because they stalled too often. */
  readonly stalledToDeath: number
  /** The end state, to tell runs apart. */
  readonly text: string
}

/** States in which a job still has a way to go, and what is kept of claims. */
const OPEN_LANES = ['ready', 'due', 'suspect', 'lease', 'blocked', 'claims', 'reap'] as const
const FINISH_MS = 300_000

/** How a script is played. */
export interface Staging {
  readonly scenes?: readonly Scene[]
  /** Whether it is judged after each commit too. */
  readonly watched?: boolean
  /** Makes the disk of one run; default: a memory. */
  readonly disk?: () => Promise<Disk>
}

export async function judged(
  plan: ScriptPlan,
  { scenes = SCENES, watched = true, disk: newDisk }: Staging = {},
): Promise<Verdict> {
  const disk = await newDisk?.()
  const script = new Script(plan, { watched, ground: disk && new Ground(disk) })
  const { witness } = script
  let stalledToDeath = 0
  try {
    await script.open()
    await script.play(scenes)
    const completed = judgeFinished(script)
    await script.retain()
    await finish(script)
    stalledToDeath = judgeContent(script)
    if (!isStrange(plan)) judgeEvents(script, plan, completed)
    await judgeStore(script)
    await script.passing(script.inner.close())
    witness.must(script.host.timers === 0, `${script.host.timers} timers are left`)
  } catch (error) {
    witness.must(false, (error as Error).stack ?? String(error))
  }
  await disk?.dispose()
  const happened = script.stores.flatMap((store) => store.happened)
  const tally = new Map<Effect, number>()
  for (const { effect } of happened) tally.set(effect, (tally.get(effect) ?? 0) + 1)
  return {
    violations: witness.violations,
    tally,
    happened: happened.length,
    commits: script.commits,
    looks: script.looks,
    stalledToDeath,
    text: textOf(script.dump()),
  }
}

/** No more faults: until nothing is open. Somebody who looks resumes the queue, as a pause may have come late. */
async function finish(script: Script): Promise<void> {
  const { witness, queue } = script
  for (const store of script.stores) if (!store.dead) store.heal()
  const open = (): string[] => OPEN_LANES.filter((lane) => script.keysIn(lane).length > 0)
  // What ghosts there are have come by then.
  await script.pass(script.comesLate ? LONG_MS + 1000 : 2000)
  if (await script.passing(queue.isPaused())) await script.passing(queue.resume())
  for (let waited = 0; open().length > 0 && waited < FINISH_MS; waited += 1000) await script.pass(1000)
  witness.must(open().length === 0, `still in ${open().join()} after ${FINISH_MS} ms without faults`)
  await script.passing(script.worker.close())
  await script.pass(60_000)
}

/** Results are looked at before retention takes most of them. */
function judgeFinished(script: Script): string[] {
  const done = [...viewOf(script.dump(), QUEUE).jobs.values()].filter(({ lane }) => lane === 'done')
  for (const job of done) judgeCompleted(script, job)
  return done.map(({ id }) => id)
}

/**
 * Whether a plan can take leases from workers that live, or bring jobs back that were removed: by units that apply late or
 * twice, beside which somebody acts, and by waits that are longer than a lease.
 */
const isStrange = ({ commits = [], looks = [], hints }: ScriptPlan): boolean =>
  hints === 'drop' ||
  looks.some(({ ms = 0 }) => ms >= LEASE_MS / 2) ||
  commits.some(({ kind, ms = 0 }) => kind === 'ghost' || kind === 'double' || ms >= LEASE_MS / 2)

/** What workers said: each completion once, and stalls and lost leases only where the script brings them about. */
function judgeEvents({ witness }: Script, { commits = [] }: ScriptPlan, completed: readonly string[]): void {
  for (const id of completed) {
    const times = witness.completed.get(id) ?? 0
    witness.must(times === 1, `${id} was announced ${times} times`)
  }
  for (const [id, times] of witness.stalled)
    witness.must(times === 1 && (id === 'victim' || id === 'orphan'), `${id} stalled ${times} times`)
  // A job that is put back in line before its worker could ask what became of its end looks like a lost lease.
  const unsure = commits.some(({ kind }) => kind === 'after')
  for (const id of witness.lockLost.keys())
    witness.must(id === 'evicted' || (unsure && BACK_IN_LINE.has(id)), `the lease on ${id} was lost`)
}

/** Jobs that end, and are put back in line. */
const BACK_IN_LINE: ReadonlySet<string> = new Set(['broken', 'lettered'])

function judgeContent(script: Script): number {
  const { witness } = script
  const dump = script.dump()
  checkPartition(dump, [QUEUE, LETTERS])
  checkQueue(dump, viewOf(dump, LETTERS), script.inner.epoch)
  const view = viewOf(dump, QUEUE)
  checkQueue(dump, view, script.inner.epoch)
  for (const id of witness.acknowledged) {
    if (view.jobs.has(id) || witness.removed.has(id)) continue
    witness.must(witness.finished.has(id), `${id} was acknowledged, and is lost`)
  }
  const untimely = script.evictedInTime && witness.completed.has('evicted')
  witness.must(!untimely, 'evicted completed after it was removed')
  let stalledToDeath = 0
  for (const job of view.jobs.values()) {
    witness.must(witness.asked.has(job.id), `${job.id} is there, and nobody added it`)
    if (job.head.failedCode === 'STALLED') {
      stalledToDeath++
      witness.must(job.head.stalledCounter === MAX_STALLS + 1, `${job.id} failed after too few stalls`)
    } else if (!isEndedEarly(script, job)) judgeCompleted(script, job)
  }
  return stalledToDeath
}

/** Jobs that are cancelled or expire; a cancel that came too late says so. */
function isEndedEarly({ witness, cancelled }: Script, { id, head: { failedCode } }: ShownJob): boolean {
  const expected = id === 'expired' ? 'EXPIRED' : cancelled.has(id) ? 'CANCELLED' : undefined
  witness.must(
    expected === undefined || failedCode === expected,
    `${id} ended as ${failedCode}, not ${expected}`,
  )
  return failedCode === 'EXPIRED' ? id === 'expired' : failedCode === 'CANCELLED' && CANCELLED.has(id)
}

const CANCELLED: ReadonlySet<string> = new Set(['unwished', 'stopped'])

/** Every other job of the script completes in the end, with the attempts that its handler needs. */
function judgeCompleted(
  { witness }: Script,
  { id, lane, head, data, result, progress, logs }: ShownJob,
): void {
  const attempts = id === 'flaky' ? 2 : 1
  witness.must(lane === 'done', `${id} ended in ${lane}: ${JSON.stringify(head)}`)
  witness.must(witness.finished.has(id), `${id} completed without a handler`)
  witness.must(head.attemptsMade === attempts, `${id} made ${head.attemptsMade} attempts, not ${attempts}`)
  witness.must(data === `j${JSON.stringify(dataOf(id))}`, `the data of ${id} became ${data.slice(0, 80)}`)
  witness.must(result === `j${JSON.stringify(resultOf(id))}`, `the result of ${id} is ${result.slice(0, 80)}`)
  if (id === 'long') witness.must(logs.length > 0, 'what was logged from outside is lost')
  if (id !== 'chatty') return
  witness.must(progress === 'j"all"', `the progress of ${id} is ${progress}`)
  const lines = logs.filter((line, at) => logs[at - 1] !== line)
  witness.must(lines.join() === 'one,two,three', `the log of ${id} is ${logs.join()}`)
}

async function judgeStore(script: Script): Promise<void> {
  await script.passing(checkCounts(script.inner, script.dump()))
  const { problems } = await script.passing(script.queue.verify())
  script.witness.must(problems.length === 0, `verify() says ${problems.join('; ')}`)
}
